"""The names of files on other indexes, which are not held to the rules for uploads."""

import re
from functools import lru_cache
from typing import NamedTuple

from packaging.version import VERSION_PATTERN

from pypi_repo.domain.filenames import (
    ListedKind,
    has_safe_characters,
    projects_of,
    split_ending,
)
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.versions import version_or_none

_normalized = lru_cache(256)(normalize)  # the wheels of a page begin alike
_HYPHEN = re.compile("(?<=[^-])-")
_VERSION = re.compile(rf"{VERSION_PATTERN}(?=[.-]|\Z)", re.VERBOSE | re.IGNORECASE)
# What the tools of old wrote behind it: 1.0.win32-py2.7, 1.0-py2.7-linux-x86_64
_PLATFORM = re.compile(r"[.-](?:win32|win-|linux-|macosx-|cygwin-)")
_PYTHON = re.compile(r"-py(?:thon)?([0-9][0-9.]*)")


class NamedFile(NamedTuple):
    """What the name of a file says.

    version: in the spelling of the name.
    """

    kind: ListedKind
    version: str
    python_tag: str


def parse(filename: str, project: NormalizedName) -> NamedFile | None:
    """Reads the name of a file, or returns None if it is unsafe or not one of the project.

    Nothing else decides about it, so that who is asked for a file knows the project by its name:
    `projects_of` returns it for whatever is read here.
    """
    if not has_safe_characters(filename) or (parts := split_ending(filename)) is None:
        return None
    stem, kind = parts
    if kind == "bdist_wheel" and len(labels := stem.split("-")) in (5, 6):
        if _normalized(labels[0]) != project or not all(labels):
            return None
        return NamedFile(kind, labels[1].replace("_", "-"), labels[-3])
    rest = _behind(project, stem)
    if rest is None:
        return None
    # A version is the usual rest, and spares looking for other projects.
    if version_or_none(rest) is None and project not in projects_of(filename):
        return None
    return _old(kind, rest)


def _behind(project: NormalizedName, stem: str) -> str | None:
    """Returns what is behind the name of the project and a hyphen."""
    for hyphen in _HYPHEN.finditer(stem):
        name = normalize(stem[: hyphen.start()])
        if name == project:
            return stem[hyphen.end() :]
        if len(name) > len(project):
            break
    return None


def _old(kind: ListedKind, rest: str) -> NamedFile:
    """Reads what is behind the name of the project, in the form that tools of old wrote."""
    platform = _PLATFORM.search(rest)
    if kind == "sdist" and platform is None:
        return NamedFile(kind, rest, "source")
    if kind == "bdist_rpm":  # 1.0-1.noarch
        return NamedFile(kind, rest.rpartition("-")[0] or rest, "any")
    python = _PYTHON.search(rest)
    end = min(match.start() if match else len(rest) for match in (platform, python))
    version = rest[:end].replace("_", "-") if kind == "bdist_egg" else rest[:end]
    found = _VERSION.match(version)
    return NamedFile(
        "bdist_dumb" if kind == "sdist" else kind,
        found[0] if found else version,
        python[1] if python else "any",
    )
