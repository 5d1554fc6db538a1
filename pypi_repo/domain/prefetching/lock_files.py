"""Reads the lock files of uv, poetry and pip (PEP 751)."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import normalize
from pypi_repo.domain.prefetching.wanted import Requirements, Wanted

_BEHIND_PATH = re.compile(r"[?#].*", re.DOTALL)
_NAMES_OF_FILES = ("name", "filename", "file", "url", "path")
"""Where a lock has the name of a file, at the end of an URL or a path."""


def read_lock(text: str) -> Requirements:
    """Reads a `uv.lock`, a `poetry.lock` or a `pylock.toml`, whichever the text is.

    Raises InvalidSetting for a text that is none of them.
    """
    try:
        lock = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise InvalidSetting("The lock file is no TOML; check that it is whole.") from None
    packages = lock.get("packages", lock.get("package"))
    if not isinstance(packages, list) or not all(isinstance(each, dict) for each in packages):
        raise InvalidSetting(
            "The lock file is none of uv, poetry and pip; give a uv.lock, a poetry.lock or a "
            "pylock.toml."
        )
    older = _table(_table(lock, "metadata"), "files")  # of poetry before 1.5
    wanted, left_out = [], []
    for package in packages:
        name = str(package.get("name", ""))
        files = {*_filenames(package), *_filenames({"files": older.get(name)})}
        if name and files and _is_from_index(package):
            wanted.append(
                Wanted(
                    project=normalize(name),
                    filenames=frozenset(files),
                )
            )
        elif name:
            left_out.append(f"{name} {package.get('version', '')}".strip())
    return Requirements(tuple(wanted), tuple(left_out))


def _is_from_index(package: dict[str, Any]) -> bool:
    source = package.get("source")  # of uv and poetry
    if isinstance(source, dict):
        return "registry" in source or source.get("type") in ("legacy", "pypi")
    return not {"vcs", "directory", "archive"} & package.keys()  # of pip


def _filenames(package: dict[str, Any]) -> Iterator[str]:
    tables = [package.get("sdist"), *_listed(package, "wheels"), *_listed(package, "files")]
    for table in tables:
        if isinstance(table, dict):
            for key in _NAMES_OF_FILES:
                if isinstance(table.get(key), str):
                    yield unquote(_BEHIND_PATH.sub("", table[key])).rpartition("/")[2]
                    break


def _table(tables: dict[str, Any], key: str) -> dict[str, Any]:
    found = tables.get(key)
    return found if isinstance(found, dict) else {}


def _listed(package: dict[str, Any], key: str) -> Iterable[Any]:
    found = package.get(key)
    return found if isinstance(found, list) else ()
