"""A blob store in S3, Google Cloud Storage, Azure, or another fsspec file system."""

import hashlib
import io
import os
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from pypi_repo.domain.errors import Unavailable
from pypi_repo.storage.blobs.store import Blob, BlobStore, StagedFile, own_errors
from pypi_repo.storage.folders import PRIVATE, make_folders

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MIB = 1024 * 1024
_BLOCK = 4 * _MIB
# The file systems would otherwise hold parts of 50 MiB in memory, s3fs up to ten of them.
_UPLOAD_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "s3": {"chunksize": 8 * _MIB, "max_concurrency": 2},
    "gs": {"chunksize": 8 * _MIB},
    "abfs": {"max_concurrency": 2},
}
_TELL_OF_BUCKETS = ("s3", "abfs")
_SLOWEST = 256 * 1024  # bytes a second
_LEFT_ALONE = 24 * 60 * 60  # seconds
_DESCRIPTORS = "/proc/self/fd"
_MODIFIED = ("LastModified", "mtime", "last_modified")  # each cloud has its own word


class RemoteBlobStore(BlobStore):
    """Stages files in the local temporary folder, and sends each as a whole.

    connect: a function that creates the file system. It is called again after a fork, because
        connections and threads belong to the process that created them.
    patience: how long sending may take, in seconds, in addition to what the size explains.
    """

    def __init__(self, connect: Callable[[], Any], root: str, patience: float) -> None:
        self._connect = connect
        self._connected = connect()
        self._process = os.getpid()
        self._root = root.rstrip("/")
        self._patience = patience
        protocols = self._connected.protocol
        self._protocol = protocols if isinstance(protocols, str) else protocols[0]
        self._tidied: set[str] = set()
        self._upload_options = _UPLOAD_OPTIONS.get(self._protocol, {})

    @property
    def _fs(self) -> Any:
        if self._process != os.getpid():
            self._connected = self._connect()
            self._process = os.getpid()
        return self._connected

    def __str__(self) -> str:
        return f"{self._protocol}://{self._root}"

    def stage(self) -> StagedFile:
        return StagedFile(_temporary_file)

    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        with own_errors():
            for suffix, content in beside.items():
                self._ask("pipe_file", len(content), self._locate(path) + suffix, content)
            self._send(staged, self._locate(path))

    def adopt(self, path: str, place: str) -> None:
        with own_errors():
            size = os.path.getsize(place)
            self._ask("put_file", size, place, self._locate(path), **self._upload_options)
            os.unlink(place)

    def fetch_folder(self) -> str:
        name = hashlib.sha256(str(self).encode()).hexdigest()[:16]
        folder = os.path.join(tempfile.gettempdir(), f"pypi-repo-fetches-{_user()}-{name}")
        with own_errors():
            make_folders(folder, PRIVATE)
            found = os.lstat(folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != _user():
                raise PermissionError(f"{folder} belongs to somebody else")
            if folder not in self._tidied:
                self._tidied.add(folder)
                _tidy(folder)
        return folder

    def open(self, path: str) -> IO[bytes]:
        with own_errors(FileNotFoundError):
            file = self._fs.open(
                self._locate(path), "rb", block_size=_BLOCK, cache_type="readahead"
            )
        return cast("IO[bytes]", _RemoteFile(file))

    def exists(self, path: str) -> bool:
        with own_errors():
            return bool(self._fs.exists(self._locate(path)))

    def delete(self, path: str) -> None:
        with own_errors(), suppress(FileNotFoundError):
            self._fs.rm_file(self._locate(path))

    def look(self, path: str) -> Blob | None:
        with own_errors(), suppress(FileNotFoundError):
            return self._blob(self._fs.info(self._locate(path)))
        return None

    def require_usable(self) -> None:
        """Raises Unavailable also if there is no such bucket.

        Of a file in it, stores say the same whether the file or the bucket is missing. Google tells
        of a bucket only to who may administer it, so there it is not asked for.
        """
        super().require_usable()
        if self._protocol not in _TELL_OF_BUCKETS:
            return
        bucket = self._root.partition("/")[0]
        # Any other answer than that it is not there: who may use it need not be allowed to look.
        with own_errors(), suppress(PermissionError), self._errors_of_bucket():
            self._fs.info(bucket)

    @property
    def signs_urls(self) -> bool:
        from fsspec import AbstractFileSystem

        return type(self._fs).sign is not AbstractFileSystem.sign

    def signed_url(self, path: str, expires_in: int) -> str:
        with own_errors():
            return str(self._fs.sign(self._locate(path), expiration=expires_in))

    def walk(self, folder: str = "") -> Iterator[Blob]:
        if folder:
            yield from self._listing(self._locate(folder))
            return
        with own_errors(), suppress(FileNotFoundError):
            for entry in self._fs.ls(self._root, detail=True):
                if entry["type"] == "directory":
                    yield from self._listing(entry["name"])
                else:
                    yield self._blob(entry)

    def _listing(self, location: str) -> Iterator[Blob]:
        with own_errors():
            for info in self._fs.find(location, detail=True).values():
                with suppress(FileNotFoundError):
                    yield self._blob(info)

    def _blob(self, info: Mapping[str, Any]) -> Blob:
        modified = next((info[word] for word in _MODIFIED if word in info), None)
        path = info["name"].removeprefix(self._root).lstrip("/")
        return Blob(path, info["size"], modified or self._fs.modified(info["name"]))

    def _send(self, staged: StagedFile, location: str) -> None:
        content = staged.in_memory()
        if content is not None:
            self._ask("pipe_file", staged.size, location, content)
            return
        staged.file.flush()
        path = staged.path or f"{_DESCRIPTORS}/{staged.file.fileno()}"
        self._ask("put_file", staged.size, path, location, **self._upload_options)

    def _ask(self, method: str, size: int, *arguments: Any, **options: Any) -> None:
        """Lets the file system send something, with a time limit.

        The time-outs of the file system only begin when everything was sent, so it would wait for
        ever for a store that accepts nothing.
        """
        if not self._fs.async_impl:
            getattr(self._fs, method)(*arguments, **options)
            return
        import asyncio

        from fsspec.asyn import sync

        sending = getattr(self._fs, f"_{method}")(*arguments, **options)
        with self._errors_of_bucket():
            sync(self._fs.loop, asyncio.wait_for, sending, self._patience + size / _SLOWEST)

    @contextmanager
    def _errors_of_bucket(self) -> Iterator[None]:
        """Turns FileNotFoundError into Unavailable, within a block that needs a bucket only.

        One with a filename is of this machine: what was to be sent is gone.
        """
        try:
            yield
        except FileNotFoundError as error:
            if error.filename is not None:
                raise
            raise Unavailable(
                "The file store has no such bucket; tell the operator of the server, who must make "
                "it or name another one.",
                detail=f"{self}: {error}",
            ) from error

    def _locate(self, path: str) -> str:
        return f"{self._root}/{path}"


class MemoryBlobStore(RemoteBlobStore):
    """A blob store in memory for tests, which no two registries share."""

    def fetch_folder(self) -> str:
        if not self._tidied:
            folder = tempfile.mkdtemp(prefix="pypi-repo-")
            self._tidied.add(folder)
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return next(iter(self._tidied))

    def stage(self) -> StagedFile:
        return StagedFile(lambda: (io.BytesIO(), None))

    def open(self, path: str) -> IO[bytes]:
        # A reader of its own: the memory file system hands the same one to everybody.
        return io.BytesIO(self._fs.cat_file(self._locate(path)))


def _temporary_file() -> tuple[IO[bytes], str | None]:
    """Returns a temporary file, if possible without a name.

    A killed process leaves nothing of a file without a name.
    """
    if os.path.isdir(_DESCRIPTORS):
        return cast("IO[bytes]", tempfile.TemporaryFile()), None
    file = tempfile.NamedTemporaryFile(prefix="pypi-repo-", delete=False)  # noqa: SIM115
    return cast("IO[bytes]", file), file.name


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _tidy(folder: str) -> None:
    """Deletes what was begun by processes that were killed, and that nobody has asked for since."""
    deadline = time.time() - _LEFT_ALONE
    for entry in os.scandir(folder):
        with suppress(OSError):
            if entry.stat(follow_symlinks=False).st_mtime < deadline:
                os.unlink(entry.path)


class _RemoteFile(io.RawIOBase):
    """An object that is read in blocks. A block that breaks off is requested again."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readinto(self, buffer: "WriteableBuffer") -> int:
        with memoryview(buffer).cast("B") as view:
            try:
                chunk = self._file.read(len(view))
            except Exception:  # noqa: BLE001 - each file system has its own errors
                with own_errors():
                    chunk = self._file.read(len(view))
            view[: len(chunk)] = chunk
            return len(chunk)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()
