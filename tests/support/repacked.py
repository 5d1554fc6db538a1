"""Wheels of what is installed here, for tools that want to install it anew without a network."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_LEFT_OUT = {"INSTALLER", "REQUESTED", "direct_url.json"}


def repack_with_requirements(name: str, folder: Path) -> None:
    """Wheels of the installed distribution `name` and of all that it needs here."""
    waiting, known = [name], set[str]()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in known:
            known.add(name)
            repack(name, folder)
            needed = map(Requirement, distribution(name).requires or ())
            waiting += [
                each.name
                for each in needed
                if each.marker is None or each.marker.evaluate({"extra": ""})
            ]


def repack(name: str, folder: Path) -> Path:
    """A wheel of the installed distribution `name`; programs of it are left out."""
    found = distribution(name)
    wheel = folder / f"{name.replace('-', '_')}-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in found.files or ():
            inside = ".." not in file.parts and "__pycache__" not in file.parts
            if inside and file.name not in _LEFT_OUT:
                archive.write(str(file.locate()), file.as_posix())
    return wheel
