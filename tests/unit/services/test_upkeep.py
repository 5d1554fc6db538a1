"""Database and blob store are kept in step."""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import OPERATOR, Actor, Permission, Registry, Settings
from pypi_repo.domain.accounts.access import GrantPolicy
from pypi_repo.domain.errors import Conflict, Unavailable
from pypi_repo.domain.records import Repository
from pypi_repo.domain.stored_files import file_path
from pypi_repo.services.operations import upkeep
from pypi_repo.services.operations.upkeep import Problem, Swept
from pypi_repo.storage.blobs.urls import open_blob_store
from pypi_repo.storage.database.database import Database
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.s3 import S3Server
from tests.support.sql import watch_statements
from tests.support.uploads import damage, filenames, page, publish, upload

WHEEL, SDIST = wheel(), sdist()
EVERYTHING = timedelta(minutes=-1)
"""A grace that spares nothing, not even what is written while the test runs."""
TWO_DAYS = 2 * 24 * 60 * 60


@pytest.fixture
def kept(database_url: str, tmp_path: Path) -> Iterator[Registry]:
    """With its files on disk, where the tests can spoil them, and without a trash."""
    place = {"database": database_url, "blobs": f"file://{tmp_path}/blobs"}
    settings = Settings(**place, trash_days=0, password_cost=4)
    registry = Registry(settings)
    registry.acting_as(OPERATOR).repositories.create("main")
    yield registry
    registry.close()


def _change_rows(database_url: str, changed: str) -> None:
    database = Database(database_url)
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE files SET {changed}")
    database.close()


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
    staged.on_disk().close()
    before = _files(root)
    assert len(before) == 3
    assert kept.upkeep.sweep() == Swept(0, 0)
    assert _files(root) == before


def test_sweeping_takes_what_was_left_in_staging(kept: Registry, root: Path) -> None:
    staged = open_blob_store(f"file://{root}", {}).stage()
    staged.write(b"half", 100)
    staged.on_disk().close()
    _make_old(root)
    assert kept.upkeep.sweep() == Swept(1, 4)
    assert _files(root) == set()


def test_a_full_disk_can_be_swept(
    kept: Registry, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while files of upstreams wait for a place, for which there is no room."""
    orphan = _orphan(root)
    _make_old(root)
    waiting = _cache(kept, SDIST)

    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", full)
        assert kept.upkeep.sweep().blobs == 2
    assert not (root / orphan).exists()
    assert kept._blobs.for_cache().exists(waiting)
    kept.upkeep.sweep()
    assert kept._blobs.exists(waiting)


def test_an_old_orphan_that_waits_is_swept(kept: Registry, root: Path) -> None:
    """Not so what an upload or a row counts on."""
    waiting = _cache(kept, SDIST)
    upload(kept, WHEEL)
    _make_old(root)
    assert kept.upkeep.sweep() == Swept(1, len(SDIST.content))
    assert not kept._blobs.for_cache().exists(waiting)


def _cache(registry: Registry, file: Distribution) -> str:
    """Puts a file into the file store as one of an upstream, and returns its path."""
    store = registry._blobs.for_cache()
    path = file_path(hashlib.sha256(file.content).hexdigest(), file.filename)
    with store.stage() as staged:
        staged.write(file.content, len(file.content))
        store.put(path, staged, {})
    return path


def test_sweeping_takes_the_bytes_of_deleted_files(kept: Registry, root: Path) -> None:
    upload(kept, WHEEL)
    upload(kept, SDIST)
    kept.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    assert len(_files(root)) == 4
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert damage(kept) == []
    assert filenames(kept) == [SDIST.filename]


def test_sweeping_takes_the_bytes_of_overwritten_files(kept: Registry) -> None:
    kept.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    upload(kept, WHEEL)
    upload(kept, wheel(files={"demo/new.py": b""}))
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert damage(kept) == []


def test_bytes_that_another_repository_needs_stay(kept: Registry) -> None:
    for name in ("other", "third"):
        kept.acting_as(OPERATOR).repositories.create(name)
    upload(kept, WHEEL)
    upload(kept, WHEEL, repository="other")
    kept.acting_as(OPERATOR).repositories.delete("main")
    assert kept.upkeep.sweep(grace=EVERYTHING) == Swept(0, 0)
    assert damage(kept) == []
    kept.acting_as(OPERATOR).repositories.delete("other")
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2


def test_the_wrong_database_sweeps_nothing_away(kept: Registry, root: Path) -> None:
    upload(kept, WHEEL)
    before = _files(root)
    with (
        Registry(Settings(database="sqlite://", blobs=f"file://{root}")) as wrong,
        pytest.raises(Conflict, match="no repository"),
    ):
        wrong.upkeep.sweep(grace=EVERYTHING)
    assert _files(root) == before


def test_what_is_uploaded_again_at_this_moment_stays(kept: Registry, root: Path) -> None:
    """It was old when the sweep came by, and is young when it could be deleted."""
    _orphan(root)
    _make_old(root)
    before = _files(root)

    def upload_again(statement: str) -> None:
        if statement.startswith(("BEGIN IMMEDIATE", "LOCK TABLE")):
            _orphan(root)

    with watch_statements(kept._database, upload_again):
        assert kept.upkeep.sweep() == Swept(0, 0)
    assert _files(root) == before


def test_equal_content_under_two_names_is_kept_under_both(kept: Registry) -> None:
    renamed = wheel(filename="demo-1.0-1-py3-none-any.whl")
    upload(kept, WHEEL)
    upload(kept, renamed)
    kept.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert damage(kept) == []
    assert filenames(kept) == [renamed.filename]


def test_verifying_finds_nothing_where_all_is_well(kept: Registry) -> None:
    for distribution in (WHEEL, SDIST):
        upload(kept, distribution)
    assert damage(kept) == []


def test_verifying_finds_what_is_missing(kept: Registry, root: Path) -> None:
    place = upload(kept, WHEEL).path
    path = root / place
    missing = "It is missing from the file store."
    path.unlink()
    assert damage(kept) == [Problem(place, ("main",), "missing", missing)]
    path.with_name(path.name + ".metadata").unlink()
    assert damage(kept) == [
        Problem(place, ("main",), "missing", missing),
        Problem(f"{place}.metadata", ("main",), "missing", missing),
    ]


def test_verifying_finds_what_is_damaged(kept: Registry, root: Path) -> None:
    upload(kept, SDIST)
    path = root / upload(kept, WHEEL).path
    content = bytearray(WHEEL.content)
    content[100] ^= 1
    path.write_bytes(content)
    (problem,) = damage(kept)
    assert (problem.path, problem.fault) == (str(path.relative_to(root)), "wrong-digest")
    assert "digest differs" in problem.what


def test_verifying_finds_what_was_cut_off(kept: Registry, root: Path) -> None:
    path = root / upload(kept, WHEEL).path
    path.write_bytes(WHEEL.content[:-1])
    (problem,) = damage(kept)
    size = len(WHEEL.content)
    assert problem.fault == "wrong-size"
    assert problem.what == f"It should have {size} bytes and has {size - 1}."


def test_verifying_reads_the_metadata_too(kept: Registry, root: Path) -> None:
    """X41"""
    path = root / (upload(kept, WHEEL).path + ".metadata")
    path.write_bytes(WHEEL.metadata + b"x")
    (problem,) = damage(kept)
    assert problem.path == f"{path.relative_to(root)}"


def test_verifying_reads_the_signatures_too(kept: Registry, root: Path) -> None:
    publish(kept, WHEEL, signature=b"signed")
    assert damage(kept) == []
    (path,) = root.rglob("*.asc")
    path.write_bytes(b"forged")
    (problem,) = damage(kept)
    assert problem.path == f"{path.relative_to(root)}"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ("size = size + 1", "wrong-size"),
        ("blake2_256 = 'other'", "wrong-digest"),
        ("md5 = 'other'", "wrong-digest"),
        ("metadata_sha256 = sha256", "wrong-digest"),
    ],
)
def test_verifying_compares_rows_with_their_files(
    changed: str, fault: str, kept: Registry, database_url: str
) -> None:
    upload(kept, WHEEL)
    _change_rows(database_url, changed)
    (problem,) = damage(kept)
    assert problem.fault == fault


def test_verifying_finds_what_cannot_be_read(kept: Registry, root: Path) -> None:
    """And goes on with the rest."""
    upload(kept, SDIST)
    path = root / upload(kept, WHEEL).path
    path.unlink()
    path.mkdir()
    (problem,) = damage(kept)
    assert (problem.path, problem.fault) == (str(path.relative_to(root)), "unreadable")
    assert "Not a file" in problem.what


def test_a_store_that_does_not_answer_is_no_damage(database_url: str) -> None:
    with S3Server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        bucket = server.create_bucket("packages")
        registry = Registry(
            Settings(
                database=database_url,
                blobs=f"s3://{bucket}",
                blob_options=server.storage_options,
            )
        )
        registry.acting_as(OPERATOR).repositories.create("main")
        upload(registry, WHEEL)
        assert damage(registry) == []
        server.close()
        with pytest.raises(Unavailable):
            damage(registry)
        registry.close()


def test_equal_content_is_read_once_and_reported_for_all(kept: Registry, root: Path) -> None:
    kept.acting_as(OPERATOR).repositories.create("other")
    upload(kept, WHEEL)
    path = root / upload(kept, WHEEL, repository="other").path
    (checked,) = kept.upkeep.verify()
    assert (checked.files, checked.bytes) == (2, 2 * len(WHEEL.content))
    path.unlink()
    (problem,) = damage(kept)
    assert problem.repositories == ("main", "other")


def test_verifying_goes_on_where_it_was_stopped(
    kept: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over the end of a page."""
    monkeypatch.setattr(upkeep, "_PAGE", 2)
    kept.acting_as(OPERATOR).repositories.create("other")
    digests = sorted(
        upload(kept, wheel(version=f"{number}.0"), repository).digests.sha256
        for number in range(5)
        for repository in ("main", "other")
    )
    run = kept.upkeep.verify()
    assert [next(run).sha256, next(run).sha256] == digests[:4:2]
    assert [checked.sha256 for checked in kept.upkeep.verify(digests[2])] == digests[4::2]
    assert [checked.sha256 for checked in kept.upkeep.verify(digests[2][:9])] == digests[2::2]
    assert list(kept.upkeep.verify(digests[-1])) == []


def test_verifying_tells_how_far_it_is(kept: Registry) -> None:
    sizes = [upload(kept, distribution).size for distribution in (WHEEL, SDIST)]
    heard: list[tuple[int, int]] = []
    for _checked in kept.upkeep.verify(listener=lambda done, total: heard.append((done, total))):
        pass
    assert heard[0] == (0, sum(sizes))
    assert heard[-1] == (sum(sizes), sum(sizes))
    assert heard == sorted(heard)


def test_what_is_deleted_or_overwritten_meanwhile_is_no_problem(kept: Registry) -> None:
    kept.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    for number in range(4):
        upload(kept, wheel(version=f"{number}.0"))
    run = kept.upkeep.verify()
    found = [next(run)]  # all rows are read by now
    for number in range(3):
        kept.acting_as(OPERATOR).projects.delete_file("main", wheel(version=f"{number}.0").filename)
    upload(kept, wheel(version="3.0", files={"demo/new.py": b""}))
    assert kept.upkeep.sweep(grace=EVERYTHING).blobs == 8
    found += run
    assert [checked.problems for checked in found] == [()] * len(found)


def test_a_lost_file_can_be_uploaded_again(kept: Registry, root: Path) -> None:
    """Once its row is gone: an upload of identical content believes the row."""
    kept.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    path = root / upload(kept, WHEEL).path
    path.unlink()
    kept.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    upload(kept, WHEEL)
    assert damage(kept) == []
    assert len(page(kept).files) == 1


def test_upkeep_of_every_kind_of_store(blob_settings: dict[str, Any]) -> None:
    registry = Registry(Settings(database="sqlite://", password_cost=4, **blob_settings))
    registry.acting_as(OPERATOR).repositories.create("main")
    upload(registry, WHEEL)
    upload(registry, SDIST)
    registry.acting_as(OPERATOR).projects.delete_file("main", WHEEL.filename)
    registry.acting_as(OPERATOR).trash.purge("main")
    assert registry.upkeep.sweep() == Swept(0, 0)
    assert registry.upkeep.sweep(grace=EVERYTHING).blobs == 2
    assert damage(registry) == []
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
    """U96: never a row without its blob; what was taken away is stored once more."""
    thief = _Thief(root)
    settings = Settings(database=database_url, blobs=f"file://{root}")
    with Registry(settings, policy=thief) as registry:
        registry.upgrade()
        registry.acting_as(OPERATOR).repositories.create("main")
        upload(registry, WHEEL)
        assert thief.stolen
        assert damage(registry) == []
        assert filenames(registry) == [WHEEL.filename]  # and asks the thief again


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
    assert damage(kept) == []


def test_an_own_file_is_missing_though_an_upstream_has_sent_it_a_moment_ago(
    kept: Registry, root: Path
) -> None:
    """Readers of the repository do not get what waits to be synced."""
    upload(kept, WHEEL)
    path = file_path(hashlib.sha256(WHEEL.content).hexdigest(), WHEEL.filename)
    (root / path).unlink()
    assert _cache(kept, WHEEL) == path
    (problem,) = damage(kept)
    assert (problem.path, problem.fault) == (path, "missing")
