"""The blob store: contents under paths that contain their digests, on any fsspec file system.

A file is *staged* while it arrives, where nobody can read it. When it was found valid, it is *put*
under its path, completely and durably, or not at all. Putting the same path again is harmless.
"""

import errno
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import IO, Self

from pypi_repo.domain.digests import DigestingCounter, Digests
from pypi_repo.domain.errors import OutOfSpace, TooLarge, Unavailable
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.settings import format_size

_PIECE = 1024 * 1024
_SMALL = 256 * 1024
_NO_SUCH_BLOB = "readiness"


class StagedFile:
    """A file that is being received. Its size and digests are computed while it is written.

    At the end of the block it is deleted, unless it was put. A small file is in memory until it is
    needed on disk, so most refused files never reach the disk.

    open_file: a function that creates an empty file, and returns it with its path on this machine,
        if it has one.
    path: this path; None for a file without a name.
    """

    def __init__(self, open_file: Callable[[], tuple[IO[bytes], str | None]]) -> None:
        self.file: IO[bytes] = io.BytesIO()
        self.path: str | None = None
        self._open_file = open_file
        self._is_in_memory = True
        self._is_private = False
        self._counter = DigestingCounter()

    @property
    def size(self) -> int:
        """The number of bytes that were written."""
        return self._counter.size

    def write(self, chunk: bytes, limit: int) -> None:
        """Adds data.

        limit: the largest size of the file, in bytes.

        Raises TooLarge if the file exceeds the limit, and OutOfSpace on a full disk.
        """
        self._counter.update(chunk)
        if self.size > limit:
            raise TooLarge(f"The file is larger than the {format_size(limit)} allowed here.")
        if self._is_in_memory and self.size > _SMALL:
            self.on_disk()
        with own_errors():
            self.file.write(chunk)

    def in_memory(self) -> bytes | None:
        """Returns the content, or None if it is on disk."""
        return self.file.getvalue() if isinstance(self.file, io.BytesIO) else None

    def on_disk(self) -> IO[bytes]:
        """Returns the file with everything that was written, after writing it to disk.

        Raises OutOfSpace.
        """
        with own_errors():
            if self._is_in_memory:
                written = self.in_memory() or b""
                self.file, self.path = self._open_file()
                self._is_in_memory = False
                if self._is_private:
                    self.keep_private()
                self.file.write(written)
            self.file.flush()
        return self.file

    def move_to(self, place: str) -> None:
        """Renames the file, which is then kept. It must have a name."""
        assert self.path is not None  # noqa: S101 - asked of those on the disk
        os.replace(self.path, place)
        self.path = None

    def content(self) -> IO[bytes]:
        """Returns the content as a seekable file.

        Raises OutOfSpace on a full disk.
        """
        with own_errors():
            self.file.flush()
        return self.file

    def digests(self) -> Digests:
        """Returns the digests of everything that was written."""
        return self._counter.digests()

    def keep_private(self) -> None:
        """Lets only this account read the file on this machine, also after it is put."""
        self._is_private = True
        if self.path is not None:
            os.chmod(self.path, 0o600)

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
    """A stored object.

    size: in bytes.
    modified: when it was put last.
    """

    path: str
    size: int
    modified: datetime


class BlobStore(ABC):
    """Stores contents under relative paths with `/`.

    All methods raise Unavailable if the store fails.
    """

    @abstractmethod
    def stage(self) -> StagedFile:
        """Returns an empty staged file, which is used as a context manager."""

    @abstractmethod
    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        """Stores a staged file durably under a path, after small files beside it.

        beside: the contents of the small files, by the suffixes of their paths.
        """

    def require_usable(self) -> None:
        """Raises Unavailable if files can not be kept in the store at the moment."""
        self.look(_NO_SUCH_BLOB)

    def for_cache(self) -> "BlobStore":
        """Returns this store for what can be had again, such as files of upstreams.

        What is put there can be read at once, like all that is in this store, and need not survive
        a power cut: then it is there as a whole, or not at all. `settle` makes it durable.
        """
        return self

    def settle(self) -> None:  # noqa: B027 - most stores need not
        """Makes durable what was put for a cache. Then it is in this store, too.

        One that fails keeps back no other. The first error is raised at the end.
        """

    def settle_one(self, path: str) -> None:  # noqa: B027 - most stores need not
        """Makes a blob durable that was put for a cache, if it is not yet.

        What turns out to be damaged is deleted.
        """

    @abstractmethod
    def adopt(self, path: str, place: str) -> None:
        """Stores a file of this machine under a path. The file itself is gone then.

        Its content is durable, but a power failure may take its name.

        place: the file, which is in `fetch_folder`.
        """

    @abstractmethod
    def fetch_folder(self) -> str:
        """Returns a folder of this machine for files that are being fetched.

        All processes of this machine that use the store share it.
        """

    @abstractmethod
    def open(self, path: str) -> IO[bytes]:
        """Returns a blob as a seekable file.

        Raises FileNotFoundError if there is none.
        """

    def read(self, path: str) -> Iterator[bytes]:
        """Yields the content of a blob in chunks.

        Raises FileNotFoundError if there is none.
        """
        with self.open(path) as blob, own_errors():
            while piece := blob.read(_PIECE):
                yield piece

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Returns whether there is a blob at a path."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Deletes a blob, if there is one."""

    @abstractmethod
    def look(self, path: str) -> Blob | None:
        """Returns the size and the time of a blob; None if there is none."""

    def local_path(self, path: str) -> str | None:
        """Returns the absolute path of a blob; None if it is not a file on this machine."""
        return None

    @property
    def signs_urls(self) -> bool:
        """Whether `signed_url` can be used."""
        return False

    def signed_url(self, path: str, expires_in: int) -> str:
        """Returns a URL at which everybody can read a blob, which need not exist.

        expires_in: how long the URL is valid, in seconds.
        """
        raise NotImplementedError

    @abstractmethod
    def walk(self, folder: str = "") -> Iterator[Blob]:
        """Yields all blobs below a folder, and what interrupted uploads have left in staging.

        A whole store is listed folder by folder, so that the list of all blobs is never in memory.
        """


@contextmanager
def own_errors(*expected: type[Exception]) -> Iterator[None]:
    """Turns the errors of a file system into errors of the library, within a block.

    File systems may be slow, so the block must not run in a thread that must not wait.
    """
    about_to_wait()
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
