"""The blob store: bytes under digest-addressed paths, on any fsspec file system.

A file is *staged* while it arrives, where nobody sees it, and *put* under its path once it was
found good: whole and durable, or not at all. Putting the same path again is harmless.
"""

import errno
import io
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Any, Self, cast

import fsspec
from fsspec.core import split_protocol, url_to_fs
from fsspec.implementations.local import LocalFileSystem

from pypi_repo.domain.digests import DigestingCounter, Digests
from pypi_repo.domain.errors import ConfigurationError, OutOfSpace, TooLarge, Unavailable
from pypi_repo.settings import format_size

_STAGING = ".staging"
_PIECE = 1024 * 1024
_REMOTE_BLOCK = 4 * 1024 * 1024
# s3fs would otherwise hold up to ten parts of 50 MiB in memory.
_UPLOAD_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "s3": {"chunksize": 8 * 1024 * 1024, "max_concurrency": 2}
}


class StagedFile:
    """A file on its way in: counted, digested, and gone at the end of the block unless put.

    file: readable and seekable, for checks between the last write and the put.
    """

    def __init__(self, file: IO[bytes], path: str | None) -> None:
        self.file = file
        self.path = path
        self._counter = DigestingCounter()

    @property
    def size(self) -> int:
        return self._counter.size

    def write(self, chunk: bytes, limit: int) -> None:
        """Raises TooLarge at the first byte beyond `limit`, OutOfSpace on a full disk."""
        self._counter.update(chunk)
        if self.size > limit:
            raise TooLarge(f"The file is larger than the {format_size(limit)} allowed here.")
        with _own_errors():
            self.file.write(chunk)

    def digests(self) -> Digests:
        return self._counter.digests()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # What a full disk could not take may still sit in the file's buffer and fail again.
        with suppress(OSError):
            self.file.close()
        if self.path is not None:
            with suppress(FileNotFoundError):
                os.unlink(self.path)


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored object; `modified` is when it was put last."""

    path: str
    size: int
    modified: datetime


class BlobStore(ABC):
    """Paths are relative, with `/`. All methods raise Unavailable where the store fails."""

    @abstractmethod
    def stage(self) -> StagedFile:
        """An empty staged file; use it as a context manager."""

    @abstractmethod
    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        """Makes `staged` durable under `path`, after small files beside it (suffix -> content)."""

    @abstractmethod
    def open(self, path: str) -> IO[bytes]:
        """The blob, readable and seekable; raises FileNotFoundError if there is none."""

    def read(self, path: str) -> Iterator[bytes]:
        """The blob in pieces; raises FileNotFoundError if there is none."""
        with self.open(path) as blob, _own_errors():
            while piece := blob.read(_PIECE):
                yield piece

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether there is such a blob at this moment."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Does nothing where there is no such blob."""

    @abstractmethod
    def look(self, path: str) -> Blob | None:
        """The blob as it is at this moment; None if there is none."""

    @abstractmethod
    def walk(self, folder: str = "") -> Iterator[Blob]:
        """All blobs below `folder`, and what crashed uploads left in staging.

        A whole store is listed folder by folder, so that no listing of all is ever in memory.
        """


def open_blob_store(url: str, options: Mapping[str, Any]) -> BlobStore:
    """The blob store at an fsspec URL.

    options: keyword arguments for the file system, such as credentials.

    Raises ConfigurationError for a URL that no installed file system understands.
    """
    if split_protocol(url)[0] == "memory":
        memory = fsspec.filesystem("memory", global_store=False, skip_instance_cache=True)
        return _MemoryBlobStore(memory, "/")
    try:
        file_system, root = url_to_fs(
            url, skip_instance_cache=True, use_listings_cache=False, **options
        )
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"No file system for the blob URL {url!r}: {error}. Install the extra for it, such "
            "as pypi-repo[s3]."
        ) from error
    if isinstance(file_system, LocalFileSystem):
        return _LocalBlobStore(root)
    return _RemoteBlobStore(file_system, root)


class _LocalBlobStore(BlobStore):
    """A folder: staged on the same file system, synced to disk, then renamed into place."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._staging = os.path.join(root, _STAGING)

    def __str__(self) -> str:
        return self._root

    def stage(self) -> StagedFile:
        with _own_errors():
            try:
                file = self._staging_file()
            except FileNotFoundError:
                os.makedirs(self._staging, exist_ok=True)
                file = self._staging_file()
        return StagedFile(cast("IO[bytes]", file), file.name)

    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        assert staged.path is not None  # noqa: S101 - told to the type checker
        target = self._locate(path)
        folder = os.path.dirname(target)
        with _own_errors():
            _make_durable_folder(folder)
            for suffix, content in beside.items():
                with self.stage() as small:
                    small.write(content, len(content))
                    _flush_to_disk(small.file)
                    os.replace(cast("str", small.path), target + suffix)
            _flush_to_disk(staged.file)
            os.replace(staged.path, target)
            _sync_folder(folder)

    def open(self, path: str) -> IO[bytes]:
        with _own_errors(FileNotFoundError):
            # Closed by the WSGI server, or by the iterator that sends a part of it.
            return open(self._locate(path), "rb")

    def exists(self, path: str) -> bool:
        return os.path.exists(self._locate(path))

    def delete(self, path: str) -> None:
        with _own_errors(), suppress(FileNotFoundError):
            os.unlink(self._locate(path))

    def look(self, path: str) -> Blob | None:
        with _own_errors():
            try:
                status = os.stat(self._locate(path))
            except FileNotFoundError:
                return None
        return Blob(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def walk(self, folder: str = "") -> Iterator[Blob]:
        for place, _folders, names in os.walk(self._locate(folder)):
            relative = os.path.relpath(place, self._root).replace(os.sep, "/")
            for name in names:
                if blob := self.look(name if relative == "." else f"{relative}/{name}"):
                    yield blob

    def _staging_file(self) -> "tempfile._TemporaryFileWrapper[bytes]":
        return tempfile.NamedTemporaryFile(dir=self._staging, delete=False)

    def _locate(self, path: str) -> str:
        return os.path.join(self._root, *path.split("/"))


class _RemoteBlobStore(BlobStore):
    """An object store: staged in the local temporary folder, then sent as one whole object."""

    def __init__(self, file_system: Any, root: str) -> None:
        self._fs = file_system
        self._root = root.rstrip("/")
        protocols = file_system.protocol
        protocol = protocols if isinstance(protocols, str) else protocols[0]
        self._upload_options = _UPLOAD_OPTIONS.get(protocol, {})

    def __str__(self) -> str:
        return self._root

    def stage(self) -> StagedFile:
        with _own_errors():
            file = tempfile.NamedTemporaryFile(prefix="pypi-repo-", delete=False)  # noqa: SIM115
        return StagedFile(cast("IO[bytes]", file), file.name)

    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        with _own_errors():
            for suffix, content in beside.items():
                self._fs.pipe_file(self._locate(path) + suffix, content)
            self._send(staged, self._locate(path))

    def open(self, path: str) -> IO[bytes]:
        with _own_errors(FileNotFoundError):
            return cast(
                "IO[bytes]",
                self._fs.open(
                    self._locate(path), "rb", block_size=_REMOTE_BLOCK, cache_type="readahead"
                ),
            )

    def exists(self, path: str) -> bool:
        with _own_errors():
            return bool(self._fs.exists(self._locate(path)))

    def delete(self, path: str) -> None:
        with _own_errors(), suppress(FileNotFoundError):
            self._fs.rm_file(self._locate(path))

    def look(self, path: str) -> Blob | None:
        with _own_errors(), suppress(FileNotFoundError):
            return self._blob(self._fs.info(self._locate(path)))
        return None

    def walk(self, folder: str = "") -> Iterator[Blob]:
        if folder:
            yield from self._listing(self._locate(folder))
            return
        with _own_errors(), suppress(FileNotFoundError):
            for entry in self._fs.ls(self._root, detail=True):
                if entry["type"] == "directory":
                    yield from self._listing(entry["name"])
                else:
                    yield self._blob(entry)

    def _listing(self, location: str) -> Iterator[Blob]:
        with _own_errors():
            for info in self._fs.find(location, detail=True).values():
                with suppress(FileNotFoundError):
                    yield self._blob(info)

    def _blob(self, info: Mapping[str, Any]) -> Blob:
        modified = info.get("LastModified") or self._fs.modified(info["name"])
        path = info["name"].removeprefix(self._root).lstrip("/")
        return Blob(path, info["size"], modified)

    def _send(self, staged: StagedFile, location: str) -> None:
        staged.file.flush()
        self._fs.put_file(staged.path, location, **self._upload_options)

    def _locate(self, path: str) -> str:
        return f"{self._root}/{path}"


class _MemoryBlobStore(_RemoteBlobStore):
    """For tests: nothing touches the disk, and no two registries share anything."""

    def stage(self) -> StagedFile:
        return StagedFile(io.BytesIO(), None)

    def open(self, path: str) -> IO[bytes]:
        # A reader of its own: the memory file system hands the same one to everybody.
        return io.BytesIO(self._fs.cat_file(self._locate(path)))

    def _send(self, staged: StagedFile, location: str) -> None:
        staged.file.seek(0)
        self._fs.pipe_file(location, staged.file.read())


@contextmanager
def _own_errors(*expected: type[Exception]) -> Iterator[None]:
    """Whatever a file system raises as ours; each of them has errors of its own."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (*expected, OutOfSpace, TooLarge, Unavailable)):
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(
                "The disk of the file store is full; nothing was stored. Make room and try again."
            ) from error
        raise Unavailable(
            "The file store cannot be used right now; try again in a moment.",
            detail=f"{type(error).__name__}: {error}",
        ) from error


def _flush_to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _make_durable_folder(folder: str) -> None:
    """Like os.makedirs, with every new entry synced in the folder that holds it."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_durable_folder(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder)
    _sync_folder(os.path.dirname(folder))


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # folders cannot be opened there, NTFS journals renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
