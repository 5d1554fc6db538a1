"""Small source trees for real build tools."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

Backend = Literal["hatchling", "flit", "poetry", "pdm", "setuptools"]

_BUILD_SYSTEMS: dict[Backend, tuple[str, str]] = {
    "hatchling": ("hatchling", "hatchling.build"),
    "flit": ("flit_core >=3.2", "flit_core.buildapi"),
    "poetry": ("poetry-core >=2", "poetry.core.masonry.api"),
    "pdm": ("pdm-backend", "pdm.backend"),
    "setuptools": ("setuptools >=61", "setuptools.build_meta"),
}

_PYPROJECT = """\
[build-system]
requires = ["{requirement}"]
build-backend = "{backend}"

[project]
name = "{name}"
version = "{version}"
description = "A package for the tests."
readme = "README.md"
requires-python = ">=3.8"
authors = [{{name = "Ada Example", email = "ada@example.org"}}]
keywords = ["demo", "example"]
classifiers = ["Programming Language :: Python :: 3"]

[project.urls]
Homepage = "https://example.org/{name}"
"""

_SETUP_PY = """\
from setuptools import setup

setup(
    name="{name}",
    version="{version}",
    description="A package for the tests.",
    author="Ada Example",
    author_email="ada@example.org",
    url="https://example.org/{name}",
    packages=["{package}"],
    python_requires=">=3.8",
)
"""


def setuptools_project(folder: Path, name: str = "demo", version: str = "1.0") -> Path:
    """A project of the old style: a setup.py and nothing else."""
    package = _write_package(folder, name, version)
    (folder / "setup.py").write_text(_SETUP_PY.format(name=name, version=version, package=package))
    return folder


def pyproject_project(
    folder: Path, name: str = "demo", version: str = "1.0", backend: Backend = "hatchling"
) -> Path:
    """A project with a `[project]` table, built by one of the usual backends."""
    requirement, module = _BUILD_SYSTEMS[backend]
    package = _write_package(folder, name, version)
    text = _PYPROJECT.format(requirement=requirement, backend=module, name=name, version=version)
    if backend == "setuptools":
        text += f'\n[tool.setuptools]\npackages = ["{package}"]\n'
    (folder / "pyproject.toml").write_text(text)
    return folder


def _write_package(folder: Path, name: str, version: str) -> str:
    package = re.sub(r"[-_.]+", "_", name).lower()
    (folder / package).mkdir(parents=True)
    module = f'"""A package for the tests."""\n\n__version__ = "{version}"\n'
    (folder / package / "__init__.py").write_text(module)
    (folder / "README.md").write_text(f"# {name}\n\nA package for the tests.\n")
    return package
