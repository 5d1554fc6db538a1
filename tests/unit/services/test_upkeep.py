"""Database and blob store are kept in step."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from pypi_repo.services.upkeep import Swept
from pypi_repo.storage.blobs import open_blob_store
from tests.support.distributions import sdist, wheel
from tests.support.uploads import upload

WHEEL, SDIST = wheel(), sdist()
EVERYTHING = timedelta(minutes=-1)
"""A grace that spares nothing, not even what is written while the test runs."""
TWO_DAYS = 2 * 24 * 60 * 60


@pytest.fixture
def kept(database_url: str, tmp_path: Path) -> Iterator[Registry]:
    """With its files on disk, where the tests can spoil them."""
    settings = Settings(database=database_url, blobs=f"file://{tmp_path}/blobs", password_cost=4)
    registry = Registry(settings)
    registry.repositories.create("main")
    yield registry
    registry.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def _make_old(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime - TWO_DAYS
            os.utime(path, (moment, moment))


def _orphan(root: Path, name: str = "demo-9.0-py3-none-any.whl") -> str:
    """What a crash between the put and the commit leaves."""
    path = f"aa/bb/{'cc' * 30}/{name}"
    store = open_blob_store(f"file://{root}", {})
    with store.stage() as staged:
        staged.write(b"orphan", 100)
        store.put(path, staged, {".metadata": b"metadata"})
    return path


def test_sweeping_leaves_what_is_referred_to(kept: Registry, root: Path) -> None:
    for distribution in (WHEEL, SDIST, wheel("other")):
        upload(kept, distribution)
    before = _files(root)
    assert len(before) == 5
    assert kept.upkeep.sweep(grace=EVERYTHING) == Swept(0, 0)
    assert _files(root) == before


def test_sweeping_takes_what_a_crash_left(kept: Registry, root: Path) -> None:
    """U96"""
    upload(kept, WHEEL)
    before = _files(root)
    _orphan(root)
    _make_old(root)
    assert kept.upkeep.sweep() == Swept(2, len(b"orphan") + len(b"metadata"))
    assert _files(root) == before
    assert kept.upkeep.sweep() == Swept(0, 0)


def test_sweeping_spares_an_upload_under_way(kept: Registry, root: Path) -> None:
    """A blob is there a moment before its row: a day's grace."""
    _orphan(root)
    staged = open_blob_store(f"file://{root}", {}).stage()
    staged.file.close()
    before = _files(root)
    assert len(before) == 3
    assert kept.upkeep.sweep() == Swept(0, 0)
    assert _files(root) == before


def test_sweeping_takes_what_was_left_in_staging(kept: Registry, root: Path) -> None:
    staged = open_blob_store(f"file://{root}", {}).stage()
    staged.write(b"half", 100)
    staged.file.close()
    _make_old(root)
    assert kept.upkeep.sweep() == Swept(1, 4)
    assert _files(root) == set()
