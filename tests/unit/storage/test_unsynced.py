"""Files of caches wait to be synced: what fails of one harms no other, and what is torn is gone."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pypi_repo.domain.errors import OutOfSpace, Unavailable
from pypi_repo.domain.stored_files import file_path, named_digest
from pypi_repo.domain.upstreams.cached_file import (
    stored_metadata_suffix,
    stored_provenance_suffix,
)
from pypi_repo.services.upstreams.fetching import settling
from pypi_repo.storage.blobs.local import LocalBlobStore
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.blobs.unsynced import UnsyncedBlobStore
from tests.support.waiting import wait_until

BOOT = "this-one"
NAMES = [f"demo-{number}-py3-none-any.whl" for number in range(3)]
TWO_DAYS = 2 * 24 * 60 * 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def durable(root: Path) -> LocalBlobStore:
    """What uploads use."""
    return LocalBlobStore(str(root))


@pytest.fixture
def store(root: Path) -> UnsyncedBlobStore:
    return UnsyncedBlobStore(str(root), boot=BOOT)


@pytest.fixture
def waiting(root: Path) -> Callable[[], list[Path]]:
    """Returns what waits."""
    return lambda: sorted((root / ".staging" / f"boot-{BOOT}").iterdir())


def put(store: BlobStore, name: str, content: bytes | None = None, suffix: str = "") -> str:
    content = name.encode() if content is None else content
    path = file_path(hashlib.sha256(name.encode()).hexdigest(), name) + suffix
    with store.stage() as staged:
        staged.write(content, len(content))
        store.put(path, staged, {})
    return path


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """What happens at the next syncs of files, instead of them, one after the other."""
    to_do: list[Callable[[], object]] = []
    fsync = os.fsync

    def failing_fsync(descriptor: int) -> None:
        if to_do:
            to_do.pop(0)()
        else:
            fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing_fsync)
    yield to_do
    assert to_do == []


def fails(code: int = errno.EIO) -> None:
    raise OSError(code, os.strerror(code))


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the disk without room for another folder, until that is undone."""
    monkeypatch.setattr(os, "mkdir", lambda *_args, **_options: fails(errno.ENOSPC))


def test_the_others_settle_where_one_fails(
    store: UnsyncedBlobStore,
    durable: LocalBlobStore,
    waiting: Callable[[], list[Path]],
    failing: list[Callable[[], object]],
) -> None:
    paths = [put(store, name) for name in NAMES]
    failing.append(fails)
    with pytest.raises(Unavailable):
        store.settle()
    assert sorted(durable.exists(path) for path in paths) == [False, True, True]
    assert waiting() == []  # what could not be synced is fetched again


def test_what_has_no_room_goes_on_waiting(
    store: UnsyncedBlobStore, durable: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(store, NAMES[0])
    with monkeypatch.context() as patch:
        fill(patch)
        with pytest.raises(OutOfSpace):
            store.settle()
        assert (store.exists(path), durable.exists(path)) == (True, False)
    store.settle()
    assert durable.exists(path)


def test_what_could_not_settle_is_tried_again_without_another_fetch(
    store: UnsyncedBlobStore, durable: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_AFTER", 0.01)
    monkeypatch.setattr(settling, "_AGAIN", 0.01, raising=False)
    path, tried = put(store, NAMES[0]), threading.Event()

    def full(*_args: object, **_options: object) -> None:
        tried.set()
        fails(errno.ENOSPC)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", full)
        settling.Settling(store.settle).soon()
        assert tried.wait(30)
        assert not durable.exists(path)
    wait_until(lambda: durable.exists(path))


def test_one_that_is_needed_settles_alone(
    store: UnsyncedBlobStore,
    durable: LocalBlobStore,
    waiting: Callable[[], list[Path]],
    failing: list[Callable[[], object]],
) -> None:
    settled, needed, bad = [put(store, name) for name in NAMES]
    store.settle_one(settled)
    store.settle_one(needed)
    assert [durable.exists(path) for path in (settled, needed, bad)] == [True, True, False]
    failing.append(fails)
    store.settle_one(settled)
    with pytest.raises(Unavailable):
        store.settle_one(bad)
    assert waiting() == []
    store.settle_one(put(durable, "own-1.0.tar.gz"))
    store.settle_one("of/no/known.file")


@pytest.mark.parametrize("is_beside", [False, True])
def test_what_is_torn_without_a_word_does_not_get_its_place(
    store: UnsyncedBlobStore,
    durable: LocalBlobStore,
    waiting: Callable[[], list[Path]],
    is_beside: bool,
) -> None:
    """The error was told to a process that was killed, or the volume was away for a moment."""
    suffix = stored_metadata_suffix(hashlib.sha256(b"metadata").hexdigest()) if is_beside else ""
    content = b"metadata" if is_beside else None
    path = put(store, NAMES[0], content, suffix)
    os.truncate(waiting()[0], 0)
    with pytest.raises(Unavailable):
        store.settle()
    assert (waiting(), store.exists(path), durable.exists(path)) == ([], False, False)
    put(store, NAMES[0], content, suffix)
    store.settle()
    assert durable.exists(path)


def test_a_path_says_how_the_digest_begins() -> None:
    digest = hashlib.sha256(b"content").hexdigest()
    path = file_path(digest, NAMES[0])
    assert named_digest(path) == digest
    assert named_digest(path + stored_metadata_suffix(digest)) == digest[:16]
    assert named_digest(path + stored_provenance_suffix(1, "https://example.org/")) == ""
    assert named_digest(f"{path}.metadata") == ""
    assert named_digest("aa/bb/cc/demo-1.0.tar.gz") == ""


def test_who_cannot_sync_a_file_is_not_overtaken_by_another_process(
    root: Path,
    store: UnsyncedBlobStore,
    durable: LocalBlobStore,
    failing: list[Callable[[], object]],
) -> None:
    """The system tells an error of the disk once, so the other one would take the file for good."""
    path = put(store, NAMES[0])
    other = threading.Thread(target=UnsyncedBlobStore(str(root), boot=BOOT).settle)

    def start_the_other_and_fail() -> None:
        other.start()
        other.join(0.2)  # it would be over by now if it did not wait
        fails()

    failing.append(start_the_other_and_fail)
    with pytest.raises(Unavailable):
        store.settle()
    other.join(30)
    assert not durable.exists(path)


def test_what_waits_is_listed_under_its_path(store: UnsyncedBlobStore) -> None:
    paths = {put(store, name) for name in NAMES}
    assert {blob.path for blob in store.walk()} == paths
    store.settle()
    assert {blob.path for blob in store.walk()} == paths


def test_empty_folders_of_former_boots_are_removed_a_day_later(
    root: Path, store: UnsyncedBlobStore, waiting: Callable[[], list[Path]]
) -> None:
    put(store, NAMES[0])
    staging = root / ".staging"
    for name in ("boot-former", "boot-with-files", "boot-of-another-machine", "something-else"):
        (staging / name).mkdir()
    (staging / "boot-with-files" / "torn").write_bytes(b"")
    for folder in staging.iterdir():
        moment = folder.stat().st_mtime - TWO_DAYS
        if folder.name != "boot-of-another-machine":
            os.utime(folder, (moment, moment))
    store.settle()
    left = {"boot-with-files", "boot-of-another-machine", "something-else", f"boot-{BOOT}"}
    assert {path.name for path in staging.iterdir()} == left
    assert waiting() == []
