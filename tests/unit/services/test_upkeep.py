"""Database and blob store are kept in step."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import Actor, Permission, Registry, Settings
from pypi_repo.domain.access import GrantPolicy
from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.records import Repository
from pypi_repo.services.upkeep import Problem, Swept
from pypi_repo.storage.blobs import open_blob_store
from tests.support.distributions import sdist, wheel
from tests.support.uploads import filenames, page, upload

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
    assert len(before) == 6  # each with its metadata
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


def test_sweeping_takes_the_bytes_of_deleted_files(kept: Registry, root: Path) -> None:
    upload(kept, WHEEL)
    upload(kept, SDIST)
    kept.projects.delete_file("main", WHEEL.filename)
    assert len(_files(root)) == 4
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert list(kept.upkeep.verify()) == []
    assert filenames(kept) == [SDIST.filename]


def test_sweeping_takes_the_bytes_of_overwritten_files(kept: Registry) -> None:
    kept.repositories.change("main", allow_overwrite=True)
    upload(kept, WHEEL)
    upload(kept, wheel(files={"demo/new.py": b""}))
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert list(kept.upkeep.verify()) == []


def test_bytes_that_another_repository_needs_stay(kept: Registry) -> None:
    kept.repositories.create("other")
    upload(kept, WHEEL)
    upload(kept, WHEEL, repository="other")
    kept.repositories.delete("main")
    assert kept.upkeep.sweep(grace=EVERYTHING) == Swept(0, 0)
    assert list(kept.upkeep.verify()) == []
    kept.repositories.delete("other")
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2


def test_equal_content_under_two_names_is_kept_under_both(kept: Registry) -> None:
    renamed = wheel(filename="demo-1.0-1-py3-none-any.whl")
    upload(kept, WHEEL)
    upload(kept, renamed)
    kept.projects.delete_file("main", WHEEL.filename)
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert list(kept.upkeep.verify()) == []
    assert filenames(kept) == [renamed.filename]


def test_verifying_finds_nothing_where_all_is_well(kept: Registry) -> None:
    for distribution in (WHEEL, SDIST):
        upload(kept, distribution)
    assert list(kept.upkeep.verify()) == []


def test_verifying_finds_what_is_missing(kept: Registry, root: Path) -> None:
    path = root / upload(kept, WHEEL).path
    path.unlink()
    missing = "Its content is missing from the file store."
    assert list(kept.upkeep.verify()) == [Problem(WHEEL.filename, missing)]
    path.with_name(path.name + ".metadata").unlink()
    assert list(kept.upkeep.verify()) == [
        Problem(WHEEL.filename, missing),
        Problem(WHEEL.filename + ".metadata", missing),
    ]


def test_verifying_finds_what_is_damaged(kept: Registry, root: Path) -> None:
    upload(kept, SDIST)
    path = root / upload(kept, WHEEL).path
    content = bytearray(WHEEL.content)
    content[100] ^= 1
    path.write_bytes(content)
    (problem,) = kept.upkeep.verify()
    assert problem.filename == WHEEL.filename
    assert "digest differs" in problem.what


def test_verifying_finds_what_was_cut_off(kept: Registry, root: Path) -> None:
    path = root / upload(kept, WHEEL).path
    path.write_bytes(WHEEL.content[:-1])
    (problem,) = kept.upkeep.verify()
    size = len(WHEEL.content)
    assert problem.what == f"It should have {size} bytes and has {size - 1}."


def test_verifying_reads_the_metadata_too(kept: Registry, root: Path) -> None:
    """X41"""
    path = root / (upload(kept, WHEEL).path + ".metadata")
    path.write_bytes(WHEEL.metadata + b"x")
    (problem,) = kept.upkeep.verify()
    assert problem.filename == WHEEL.filename + ".metadata"


def test_a_lost_file_can_be_uploaded_again(kept: Registry, root: Path) -> None:
    """Once its row is gone: an upload of identical content believes the row."""
    kept.repositories.change("main", allow_overwrite=True)
    path = root / upload(kept, WHEEL).path
    path.unlink()
    kept.projects.delete_file("main", WHEEL.filename)
    upload(kept, WHEEL)
    assert list(kept.upkeep.verify()) == []
    assert len(page(kept).files) == 1


def test_upkeep_of_every_kind_of_store(blob_settings: dict[str, Any]) -> None:
    registry = Registry(Settings(database="sqlite://", password_cost=4, **blob_settings))
    registry.repositories.create("main")
    upload(registry, WHEEL)
    upload(registry, SDIST)
    registry.projects.delete_file("main", WHEEL.filename)
    assert registry.upkeep.sweep() == Swept(0, 0)
    assert registry.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert list(registry.upkeep.verify()) == []
    assert registry.upkeep.sweep(grace=EVERYTHING) == Swept(0, 0)
    registry.close()


class _Thief(GrantPolicy):
    """Takes a stored file away between its put and the commit, where the policy is asked again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.stolen = False

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        for path in self._root.rglob("*.metadata"):
            path.unlink()
            self.stolen = True
        return super().allows(actor, permission, repository, project)


def test_nothing_is_published_whose_bytes_are_gone(database_url: str, root: Path) -> None:
    """U96: never a row without its blob."""
    thief = _Thief(root)
    settings = Settings(database=database_url, blobs=f"file://{root}")
    with Registry(settings, policy=thief) as registry:
        registry.upgrade()
        registry.repositories.create("main")
        with pytest.raises(Unavailable, match="send it again"):
            upload(registry, WHEEL)
        assert thief.stolen
        assert registry.projects.all("main") == []


def test_sweeping_beside_uploads_loses_nothing(kept: Registry) -> None:
    """With no grace at all, uploads may be told to try again; what was answered is there."""
    distributions = [wheel(version=f"{number}.0") for number in range(12)]
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            kept.upkeep.sweep(grace=EVERYTHING)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for distribution in distributions:
            for _attempt in range(200):
                with suppress(Unavailable):
                    upload(kept, distribution)
                    break
    finally:
        done.set()
        sweeper.join()
    assert filenames(kept) == [distribution.filename for distribution in distributions]
    assert list(kept.upkeep.verify()) == []
