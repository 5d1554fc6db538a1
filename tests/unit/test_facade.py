"""The names that are imported from `pypi_repo` itself."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pypi_repo


def test_names_are_loaded_from_where_type_checkers_look_for_them() -> None:
    [for_type_checkers] = [
        node
        for node in ast.parse(Path(pypi_repo.__file__).read_text()).body
        if isinstance(node, ast.If)
    ]
    places = {
        alias.name: node.module
        for node in for_type_checkers.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert places.keys() == set(pypi_repo.__all__)
    for name, module in places.items():
        assert getattr(pypi_repo, name) is getattr(importlib.import_module(module), name)


def test_names_are_loaded_when_they_are_asked_for() -> None:
    code = (
        "import sys, pypi_repo\n"
        "print([name for name in sys.modules if name.startswith('pypi_repo.')])\n"
        "from pypi_repo import Settings\n"
        "print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "False"]


def test_other_names() -> None:
    assert {"Registry", "__all__"} <= set(dir(pypi_repo))
    with pytest.raises(AttributeError, match="'pypi_repo' has no attribute 'Registri'"):
        pypi_repo.Registri  # noqa: B018
