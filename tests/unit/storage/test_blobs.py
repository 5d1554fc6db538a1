"""The blob store on a real disk, in memory, and on a real server of the S3 protocol."""

import errno
import hashlib
import io
import itertools
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.registry import known_implementations

from pypi_repo.domain.errors import ConfigurationError, OutOfSpace, TooLarge, Unavailable
from pypi_repo.settings import KIB, MIB
from pypi_repo.storage.blobs.local import LocalBlobStore
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.blobs.urls import EXTRAS, open_backup, open_blob_store
from tests.support.s3 import S3Server

PATH = "aa/bb/cc/demo-1.0-py3-none-any.whl"
CONTENT = b"the content of a wheel"
NO_LIMIT = 64 * MIB
LARGE = bytes(300 * KIB)  # more than what waits in memory


@pytest.fixture
def store(blob_settings: dict[str, Any]) -> BlobStore:
    return open_blob_store(blob_settings["blobs"], blob_settings.get("blob_options", {}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def disk(root: Path) -> BlobStore:
    return open_blob_store(f"file://{root}", {})


def _put(
    store: BlobStore,
    path: str = PATH,
    content: bytes = CONTENT,
    beside: dict[str, bytes] | None = None,
) -> None:
    with store.stage() as staged:
        for start in range(0, len(content), 100 * KIB):
            staged.write(content[start : start + 100 * KIB], NO_LIMIT)
        store.put(path, staged, beside or {})


def _read(store: BlobStore, path: str = PATH) -> bytes:
    with store.open(path) as blob:
        return blob.read()


def _paths(store: BlobStore) -> set[str]:
    return {blob.path for blob in store.walk()}


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_what_was_put_is_there(store: BlobStore) -> None:
    _put(store, beside={".metadata": b"Name: demo\n"})
    assert _read(store) == CONTENT
    assert _read(store, PATH + ".metadata") == b"Name: demo\n"
    assert _paths(store) == {PATH, PATH + ".metadata"}


def test_staged_bytes_are_counted_and_digested(store: BlobStore) -> None:
    with store.stage() as staged:
        staged.write(b"the content ", NO_LIMIT)
        staged.write(b"of a wheel", NO_LIMIT)
        assert staged.size == len(CONTENT)
        assert staged.digests().sha256 == hashlib.sha256(CONTENT).hexdigest()
        staged.file.seek(4)
        assert staged.file.read(7) == b"content"


def test_staged_bytes_can_be_read_before_they_are_put(store: BlobStore) -> None:
    with store.stage() as staged:
        staged.write(CONTENT, NO_LIMIT)
        staged.file.seek(0)
        assert staged.file.read() == CONTENT
        store.put(PATH, staged, {})
    assert _read(store) == CONTENT


def test_nobody_sees_a_file_before_it_is_put(store: BlobStore) -> None:
    with store.stage() as staged:
        staged.write(CONTENT, NO_LIMIT)
        with pytest.raises(FileNotFoundError):
            store.open(PATH)
        store.put(PATH, staged, {})
    assert _read(store) == CONTENT


@pytest.mark.parametrize("size", [1, 5 * MIB + 1, 20 * MIB])
def test_sizes_from_one_byte_to_several_parts(store: BlobStore, size: int) -> None:
    content = os.urandom(MIB) * (size // MIB) + os.urandom(size % MIB)
    _put(store, content=content)
    assert _read(store) == content
    assert [blob.size for blob in store.walk()] == [size]


@pytest.mark.parametrize(
    "filename",
    ["demo-1.0+corp.1-py3-none-any.whl", "demo-1!2.0.tar.gz", "d" * 255, "a_b-c.d~e$f(g)@h,i=j"],
)
def test_filenames_of_all_kinds(store: BlobStore, filename: str) -> None:
    """U32: the '+' of a local version must not become a space on the way."""
    _put(store, f"aa/bb/cc/{filename}")
    assert _read(store, f"aa/bb/cc/{filename}") == CONTENT
    assert _paths(store) == {f"aa/bb/cc/{filename}"}


def test_putting_twice_is_harmless(store: BlobStore) -> None:
    """U96: the second one may be a client that never saw its answer."""
    _put(store, beside={".metadata": b"one"})
    _put(store, beside={".metadata": b"one"})
    assert _read(store) == CONTENT
    assert len(list(store.walk())) == 2


def test_a_reader_is_not_disturbed_by_another_put(store: BlobStore) -> None:
    _put(store)
    with store.open(PATH) as blob:
        assert blob.read(4) == CONTENT[:4]
        _put(store)
        assert blob.read() == CONTENT[4:]


def test_a_blob_is_seekable(store: BlobStore) -> None:
    """X57"""
    content = os.urandom(10 * MIB)
    _put(store, content=content)
    with store.open(PATH) as blob:
        assert blob.seekable()
        assert blob.seek(0, io.SEEK_END) == len(content)
        for start in (9 * MIB, 5, 4 * MIB - 3, 0):
            blob.seek(start)
            assert blob.tell() == start
            assert blob.read(100) == content[start : start + 100]
        blob.seek(len(content))
        assert blob.read(1) == b""


@pytest.mark.parametrize("path", [PATH, "aa/bb", "aa/bb/cc/demo-1.0-py3-none-any.whl.metadata"])
def test_what_is_not_there_is_not_found(store: BlobStore, path: str) -> None:
    """X58"""
    with pytest.raises(FileNotFoundError):
        store.open(path)
    _put(store, "aa/bb/cc/other.whl")
    if path != "aa/bb":
        with pytest.raises(FileNotFoundError):
            store.open(path)


def test_deleting(store: BlobStore) -> None:
    _put(store, beside={".metadata": b"one"})
    store.delete(PATH)
    with pytest.raises(FileNotFoundError):
        store.open(PATH)
    assert _paths(store) == {PATH + ".metadata"}
    store.delete(PATH)
    store.delete("never/was/there")
    _put(store)
    assert _read(store) == CONTENT


def test_an_empty_store_has_no_blobs(store: BlobStore) -> None:
    assert list(store.walk()) == []


def test_walking_tells_size_and_time(store: BlobStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    _put(store)
    (blob,) = store.walk()
    assert (blob.path, blob.size) == (PATH, len(CONTENT))
    assert before < blob.modified < datetime.now(UTC) + timedelta(seconds=2)


def test_walking_below_one_folder(store: BlobStore) -> None:
    other, top = "ab/cd/ef/demo-2.0.tar.gz", "notes"
    for path in (PATH, other, top):
        _put(store, path)
    assert _paths(store) == {PATH, other, top}
    assert {blob.path for blob in store.walk("aa")} == {PATH}
    assert list(store.walk("ff")) == []


def test_looking_tells_what_walking_tells(store: BlobStore) -> None:
    assert store.look(PATH) is None
    _put(store)
    (blob,) = store.walk()
    assert store.look(PATH) == blob


def test_putting_again_makes_a_blob_young(disk: BlobStore, root: Path) -> None:
    """So that no sweep takes what an upload has just found good."""
    _put(disk)
    os.utime(root / PATH, (0, 0))
    _put(disk)
    (blob,) = disk.walk()
    assert datetime.now(UTC) - blob.modified < timedelta(minutes=1)


def test_one_byte_too_many(store: BlobStore) -> None:
    """U52: counted while it streams."""
    with store.stage() as staged:
        staged.write(b"12345", 10)
        staged.write(b"67890", 10)
        with pytest.raises(TooLarge, match="10 bytes"):
            staged.write(b"1", 10)
    assert list(store.walk()) == []


def test_a_refused_file_leaves_nothing_on_disk(disk: BlobStore, root: Path) -> None:
    """Nothing is left behind by a refused or cut-off upload."""
    with pytest.raises(TooLarge), disk.stage() as staged:
        staged.write(CONTENT, 3)
    with disk.stage() as staged:
        staged.write(LARGE, NO_LIMIT)
        assert len(_files(root)) == 1
    with disk.stage() as staged:
        staged.write(CONTENT, NO_LIMIT)
        staged.on_disk()
        assert len(_files(root)) == 1
    with disk.stage():
        pass
    assert _files(root) == []


def test_a_refused_file_leaves_nothing_in_the_temporary_folder(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files for an object store wait there: without a name, so that no crash leaves any."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    bucket = s3.create_bucket(f"left-{tmp_path.name.lower().replace('_', '-')[:40]}")
    store = open_blob_store(f"s3://{bucket}/packages", s3.storage_options)
    with store.stage() as staged:
        staged.write(LARGE, NO_LIMIT)
        if sys.platform == "linux":
            assert _files(scratch) == []
    _put(store)
    assert _files(scratch) == []
    assert _paths(store) == {PATH}


@pytest.mark.parametrize("content", [CONTENT, LARGE])
def test_a_private_file_is_private_from_its_first_byte(
    disk: BlobStore, root: Path, content: bytes
) -> None:
    """Wherever it waits until then."""
    with disk.stage() as staged:
        staged.keep_private()
        staged.write(content, NO_LIMIT)
        staged.on_disk()
        (waiting,) = (root / ".staging").iterdir()
        assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
        disk.put(PATH, staged, {})
    assert stat.S_IMODE((root / PATH).stat().st_mode) == 0o600


def test_a_file_that_was_put_leaves_nothing_in_staging(disk: BlobStore, root: Path) -> None:
    _put(disk, beside={".metadata": b"one"})
    assert _files(root) == [PATH, PATH + ".metadata"]


def test_what_a_crash_left_in_staging_is_seen_by_walking(disk: BlobStore, root: Path) -> None:
    staged = disk.stage()
    staged.write(LARGE, NO_LIMIT)
    staged.file.close()
    (blob,) = disk.walk()
    assert blob.path.startswith(".staging/")
    disk.delete(blob.path)
    assert _files(root) == []


def test_stores_in_memory_share_nothing() -> None:
    one, other = open_blob_store("memory://", {}), open_blob_store("memory://", {})
    _put(one)
    with pytest.raises(FileNotFoundError):
        other.open(PATH)
    assert list(other.walk()) == []
    assert _read(one) == CONTENT


def test_a_store_in_memory_never_touches_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    store = open_blob_store("memory://", {})
    _put(store, beside={".metadata": b"one"})
    assert _read(store) == CONTENT


def test_two_stores_over_one_folder_are_one(disk: BlobStore, root: Path) -> None:
    """Two processes, or the same one after a restart."""
    _put(disk)
    assert _read(open_blob_store(f"file://{root}", {})) == CONTENT
    assert _read(open_blob_store(str(root), {})) == CONTENT
    assert _read(open_blob_store(root, {})) == CONTENT


def test_two_stores_over_one_bucket_are_one(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.create_bucket(f"two-{tmp_path.name.lower().replace('_', '-')[:40]}")
    stores = [open_blob_store(f"s3://{bucket}/packages/", s3.storage_options) for _ in range(2)]
    assert list(stores[1].walk()) == []
    _put(stores[0])
    assert _read(stores[1]) == CONTENT
    assert _paths(stores[1]) == {PATH}
    stores[0].delete(PATH)
    with pytest.raises(FileNotFoundError):
        stores[1].open(PATH)


@pytest.mark.parametrize("url", ["nothing://bucket", "magic+file:///srv"])
def test_an_unknown_kind_of_store(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"No file system for the blob URL.*Write file:"):
        open_blob_store(url, {})


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [("s3://b/p", "s3fs", "s3"), ("gs://b/p", "gcsfs", "gcs"), ("az://b/p", "adlfs", "azure")],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    loaded = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(loaded, url.partition(":")[0], raising=False)
    with pytest.raises(ConfigurationError, match=rf"Install pypi-repo\[{extra}\]\."):
        open_blob_store(url, {})


@pytest.mark.parametrize(
    "scheme",
    ["data", "dir", "ftp", "generic", "github", "http", "reference", "simplecache", "tar", "zip"],
)
@pytest.mark.parametrize("rest", ["", "place", "place/below"])
def test_a_file_system_that_cannot_keep_blobs(scheme: str, rest: str) -> None:
    """It is said when the store is made, and not by the first upload."""
    with pytest.raises(ConfigurationError, match=rf"blob URL {scheme}://.*Write file:"):
        open_blob_store(f"{scheme}://{rest}", {})


@pytest.mark.parametrize("scheme", sorted({*known_implementations} - {*EXTRAS}))
def test_every_scheme_is_a_store_or_a_sentence(scheme: str) -> None:
    with suppress(ConfigurationError):
        assert isinstance(open_blob_store(f"{scheme}://place/below", {}), BlobStore)


@pytest.mark.parametrize(
    "place",
    ["s3:/company", "s3:company", "S3:company", "s3//company", "file:/srv", "company/registry", ""],
)
def test_a_mistyped_place_is_no_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"unclear.*write s3://.* or \./folder\."):
        open_blob_store(place, {})


@pytest.mark.parametrize("place", ["./company", "../company", "~/company", "/srv/a:b"])
def test_a_path_as_text_is_a_folder(place: str) -> None:
    assert isinstance(open_blob_store(place, {}), LocalBlobStore)


def test_a_backup_may_be_in_a_relative_folder_and_not_in_a_mistyped_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_backup("packages/a::b", {}), LocalBlobStore)
    for place in ("s3:/company", "gs//company"):
        with pytest.raises(ConfigurationError, match="unclear"):
            open_backup(place, {})


def test_a_place_without_a_bucket() -> None:
    with pytest.raises(ConfigurationError, match="names no place"):
        open_blob_store("s3://", {})


def test_a_url_with_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_blob_store("nothing://user:swordfish@host/folder", {})
    assert "swordfish" not in caught.value.message


def test_credentials_that_are_missing_are_asked_for() -> None:
    with pytest.raises(ConfigurationError, match=r"account_name.*Say it in blob_options"):
        open_blob_store("az://container/packages", {})


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("gs://bucket/packages", {"token": "anon"}),
        ("az://container/packages", {"account_name": "team", "account_key": "c2VjcmV0"}),
        ("abfs://container/packages", {"account_name": "team", "account_key": "c2VjcmV0"}),
    ],
)
def test_the_stores_of_other_clouds(url: str, options: dict[str, Any]) -> None:
    """Without their clouds it is known that they can be made, and where they stage."""
    store = open_blob_store(url, options)
    with store.stage() as staged:
        staged.write(CONTENT, NO_LIMIT)
    assert str(store).partition("://")[2] == url.partition("://")[2]


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """Of this socket: it takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connections_to(listening: socket.socket) -> int:
    """How many were made so far."""
    listening.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


@pytest.mark.parametrize("said_in", ["blob_options", "fsspec's configuration"])
@pytest.mark.parametrize("protocol", ["s3", "s3a"])
def test_whoever_uses_s3_has_the_last_word_on_its_timeouts(
    protocol: str, said_in: str, silent_server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here: that it is tried once, and not again as it would be otherwise."""
    url = f"http://127.0.0.1:{silent_server.getsockname()[1]}"
    options: dict[str, Any] = {
        "key": "testing",
        "secret": "testing",
        "client_kwargs": {"endpoint_url": url, "region_name": "us-east-1"},
    }
    timeouts = {"config_kwargs": {"read_timeout": 0.2, "retries": {"total_max_attempts": 1}}}
    if said_in == "blob_options":
        options |= timeouts
    else:
        monkeypatch.setitem(fsspec.config.conf, "s3", timeouts)
    store = open_blob_store(f"{protocol}://bucket/packages", options)
    with pytest.raises(Unavailable):
        store.exists(PATH)
    assert connections_to(silent_server) == 1


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    options = {
        "key": "testing",
        "secret": "swordfish",
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:9", "region_name": "us-east-1"},
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
    }
    store = open_blob_store("s3://bucket/packages", options)
    with pytest.raises(Unavailable, match="file store cannot be used") as caught:
        list(store.walk())
    assert "127.0.0.1" not in caught.value.message
    assert "swordfish" not in caught.value.message + caught.value.detail


def test_a_bucket_that_does_not_exist_takes_nothing(s3: S3Server) -> None:
    store = open_blob_store("s3://no-such-bucket/packages", s3.storage_options)
    with pytest.raises(Unavailable):
        _put(store)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_blob_store(f"file://{tmp_path}/file/blobs", {})
    with pytest.raises(Unavailable) as caught:
        _put(store)
    assert str(tmp_path) not in caught.value.message


# What survives a power cut


class _Syscalls:
    """Records, in order, what happens to files and folders below a root."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.events: list[tuple[str, str]] = []
        self._names: dict[tuple[int, int], str] = {}
        fsync, replace, mkdir = os.fsync, os.replace, os.mkdir

        def recording_fsync(descriptor: int) -> None:
            fsync(descriptor)
            self.events.append(("fsync", self._path_of(descriptor)))

        def recording_replace(source: str, target: str) -> None:
            replace(source, target)
            self.events.append(("rename", f"{self._short(source)} -> {self._short(target)}"))

        def recording_mkdir(path: str, mode: int = 0o777) -> None:
            mkdir(path, mode)
            self.events.append(("mkdir", self._short(path)))

        patch.setattr(os, "fsync", recording_fsync)
        patch.setattr(os, "replace", recording_replace)
        patch.setattr(os, "mkdir", recording_mkdir)

    def synced_last(self) -> list[str]:
        """What was synced since the last rename, which names the file."""
        backwards = itertools.takewhile(lambda event: event[0] == "fsync", self.events[::-1])
        return [what for _kind, what in backwards][::-1]

    def position(self, kind: str, what: str) -> int:
        return self.events.index((kind, what))

    def _path_of(self, descriptor: int) -> str:
        status = os.fstat(descriptor)
        for path in (self.root, *self.root.rglob("*")):
            found = path.stat()
            if (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino):
                return self._short(str(path))
        return "?"

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self.root)


@pytest.fixture
def syscalls(root: Path, monkeypatch: pytest.MonkeyPatch) -> _Syscalls:
    root.mkdir()
    (root / ".staging").mkdir()
    return _Syscalls(root, monkeypatch)


def test_contents_are_on_disk_before_their_names_and_names_before_the_answer(
    disk: BlobStore, syscalls: _Syscalls
) -> None:
    with disk.stage() as staged:
        staged.write(CONTENT, NO_LIMIT)
        staged.on_disk()
        name = os.path.relpath(str(staged.path), syscalls.root)
        disk.put(PATH, staged, {})
    synced = syscalls.position("fsync", name)
    renamed = syscalls.position("rename", f"{name} -> {PATH}")
    assert synced < renamed < syscalls.events.index(("fsync", "aa/bb/cc"), renamed)


def test_what_lies_beside_is_durable_before_the_file_itself(
    disk: BlobStore, syscalls: _Syscalls
) -> None:
    """X41: metadata that are advertised must be there."""
    _put(disk, beside={".metadata": b"one"})
    kinds = [
        (kind, what.rpartition(" -> ")[2])
        for kind, what in syscalls.events
        if kind == "rename" or what.startswith(".staging/")
    ]
    assert [kind for kind, _what in kinds] == ["fsync", "fsync", "rename", "rename"]
    assert [what for kind, what in kinds if kind == "rename"] == [PATH + ".metadata", PATH]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system has no such call")
def test_all_files_are_on_their_way_to_the_disk_before_the_first_is_synced(
    disk: BlobStore, syscalls: _Syscalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the file system writes its journal once for all of them."""
    fadvise = os.posix_fadvise

    def recording_fadvise(descriptor: int, start: int, length: int, advice: int) -> None:
        fadvise(descriptor, start, length, advice)
        syscalls.events.append(("begin", str(os.fstat(descriptor).st_size)))

    monkeypatch.setattr(os, "posix_fadvise", recording_fadvise)
    _put(disk, beside={".metadata": b"one"})
    begun = [what for kind, what in syscalls.events if kind == "begin"]
    assert begun == ["3", str(len(CONTENT))]
    kinds = [kind for kind, what in syscalls.events if kind == "begin" or ".staging/" in what]
    assert kinds[:4] == ["begin", "begin", "fsync", "fsync"]


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system has no such call")
def test_what_is_downloaded_next_is_not_forgotten(
    disk: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large file it would cost the first client a read from the disk."""
    begun = []

    def recording_fadvise(descriptor: int, *_args: int) -> None:
        begun.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "posix_fadvise", recording_fadvise)
    _put(disk)
    _put(disk, content=bytes(2048 * KIB), beside={".metadata": b"one"})
    assert begun == [len(b"one")]


def test_every_folder_is_synced_after_the_files_are_in_place(
    disk: BlobStore, syscalls: _Syscalls
) -> None:
    """Also those that are there: whoever made them may not have synced them yet."""
    Path(syscalls.root / "aa" / "bb").mkdir(parents=True)
    _put(disk)
    assert syscalls.synced_last() == ["aa/bb/cc", "aa/bb", "aa", "."]


def test_folders_that_are_known_to_be_durable_are_not_synced_again(
    disk: BlobStore, syscalls: _Syscalls
) -> None:
    """Of a file and its metadata, two contents and two or three folders."""
    _put(disk)
    _put(disk, "aa/bb/dd/other.whl")
    assert syscalls.synced_last() == ["aa/bb/dd", "aa/bb"]
    _put(disk, "aa/cc/dd/third.whl", beside={".metadata": b"one"})
    assert syscalls.synced_last() == ["aa/cc/dd", "aa/cc", "aa"]


def test_a_folder_that_somebody_removed_is_durable_no_longer(
    disk: BlobStore, syscalls: _Syscalls
) -> None:
    _put(disk)
    shutil.rmtree(syscalls.root / "aa")
    _put(disk)
    assert syscalls.synced_last() == ["aa/bb/cc", "aa/bb", "aa", "."]


def test_a_folder_whose_sync_failed_is_not_taken_for_durable(
    disk: BlobStore, syscalls: _Syscalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    _put(disk, "aa/dd/ee/other.whl")
    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", broken_for_folders)
        with pytest.raises(Unavailable):
            _put(disk, "ff/bb/cc/demo.whl")
    _put(disk, "ff/bb/dd/demo.whl")
    assert syscalls.synced_last() == ["ff/bb/dd", "ff/bb", "ff", "."]


def test_files_are_staged_where_a_rename_can_reach_them(disk: BlobStore, root: Path) -> None:
    with disk.stage() as staged:
        staged.on_disk()
        assert staged.path is not None
        assert Path(staged.path).is_relative_to(root)


# A full disk


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 512 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("a full disk needs the program `mount`")
    if mounted.returncode != 0:
        pytest.skip(f"a full disk needs the right to mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _write_too_much(store: BlobStore) -> None:
    with store.stage() as staged:
        for _ in range(16):
            staged.write(os.urandom(64 * KIB), NO_LIMIT)
        store.put(PATH, staged, {})


def test_a_disk_that_fills_up_while_a_file_arrives(tiny_disk: Path) -> None:
    store = open_blob_store(f"file://{tiny_disk}", {})
    with pytest.raises(OutOfSpace, match="file store is full"):
        _write_too_much(store)
    assert _files(tiny_disk) == []
    _put(store)
    assert _read(store) == CONTENT


def test_a_disk_that_is_full_at_the_last_moment(tiny_disk: Path) -> None:
    """The last bytes sit in a buffer until the put."""
    store = open_blob_store(f"file://{tiny_disk}", {})
    with store.stage() as staged:
        staged.write(b"x", NO_LIMIT)
        _fill_up(tiny_disk / "ballast")
        with pytest.raises(OutOfSpace):
            store.put(PATH, staged, {".metadata": b"one"})
    assert _files(tiny_disk) == ["ballast"]


def _fill_up(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (4 * KIB, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def test_a_temporary_folder_that_is_full_is_out_of_space_too(
    tiny_disk: Path, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tiny_disk))
    bucket = s3.create_bucket(f"full-{tmp_path.name.lower().replace('_', '-')[:40]}")
    store = open_blob_store(f"s3://{bucket}/packages", s3.storage_options)
    with pytest.raises(OutOfSpace):
        _write_too_much(store)
    assert _files(tiny_disk) == []
    assert list(store.walk()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("name", ["fsync", "replace", "mkdir"])
def test_an_error_at_any_step_of_a_put_leaves_nothing(
    disk: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    (root / ".staging").mkdir(parents=True)
    monkeypatch.setattr(os, name, _failing(code))
    with pytest.raises(OutOfSpace):
        _put(disk, beside={".metadata": b"one"})
    monkeypatch.undo()
    assert _files(root) == []


def test_a_broken_disk_is_unavailable(
    disk: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", _failing(errno.EIO))
    with pytest.raises(Unavailable) as caught:
        _put(disk)
    monkeypatch.undo()
    assert str(root) not in caught.value.message
    assert _files(root) == []


def _failing(code: int) -> Callable[..., None]:
    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_files_can_be_read_by_a_proxy_of_their_group(tmp_path: Path) -> None:
    store = open_blob_store(f"file://{tmp_path}", {})
    with store.stage() as staged:
        staged.write(b"content", 100)
        store.put("ab/file.whl", staged, {".metadata": b"beside"})
    modes = {stat.S_IMODE((tmp_path / "ab" / name).stat().st_mode)
             for name in ("file.whl", "file.whl.metadata")}  # fmt: skip
    assert modes == {0o640}


@pytest.mark.parametrize(("open_", "mode"), [(open_blob_store, 0o750), (open_backup, 0o700)])
def test_folders_are_not_for_everybody(
    tmp_path: Path, open_: Callable[..., BlobStore], mode: int
) -> None:
    _put(open_(f"{tmp_path}/deep/blobs", {}))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()} == {
        mode
    }


def test_a_folder_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir(mode=0o755)
    _put(open_blob_store(tmp_path / "blobs", {}))
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o755
