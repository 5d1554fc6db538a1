"""What the pages tell people to type does what they say: every command runs as it stands.

A block that cannot run here says so, and why, in a comment above it.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.console import Machine
from tests.support.example_docs import ROOT

# The reader's own project folder has no more of us than this.
_OURS = ("pyproject.toml", "README.md", "LICENSE", "pypi_repo", "migrations")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "work", tmp_path / "home")
    machine.replaced[r"127\.0\.0\.1:8080"] = f"127.0.0.1:{machine.port}"
    return machine


def test_tutorial(machine: Machine) -> None:
    for name in _OURS:
        source, target = ROOT / name, machine.folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    machine.replaced["PASSWORD"] = "$PASSWORD"
    copied = (
        "sed -n '/^\\[distutils\\]/,/^password/p' server.log > ~/.pypirc\n"
        "PASSWORD=$(sed -n 's/^  repository user  user   //p' server.log)\n"
    )
    page = ROOT / "docs/tutorial/first-repository.md"
    printed = " ".join(machine.run(page, told={1: copied}).split())

    assert "Hello, team!" in printed
    (refusal,) = re.findall(r"```text\n(File already exists.*?)```", page.read_text(), re.DOTALL)
    assert " ".join(refusal.split()) in printed
    assert "Created repository scratch" in printed
    assert "colleague@example.com, who may read main." in printed
    assert printed.count("ppr_") == 1
