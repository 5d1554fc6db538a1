"""The blob store: bytes under digest-addressed paths, on any fsspec file system.

A file is *staged* while it arrives, where nobody sees it, and *put* under its path once it was
found good: whole and durable, or not at all. Putting the same path again is harmless.
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


class StagedFile:
    """A file on its way in: counted, digested, and gone at the end of the block unless put.

    A small one is in memory until somebody needs it on the disk, which for most of those that are
    refused is never.

    open_file: makes an empty file, and tells its name on this machine's disk if it has one.
    path: that name; None for a file without one.
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
        return self._counter.size

    def write(self, chunk: bytes, limit: int) -> None:
        """Raises TooLarge at the first byte beyond `limit`, OutOfSpace on a full disk."""
        self._counter.update(chunk)
        if self.size > limit:
            raise TooLarge(f"The file is larger than the {format_size(limit)} allowed here.")
        if self._is_in_memory and self.size > _SMALL:
            self.on_disk()
        with own_errors():
            self.file.write(chunk)

    def in_memory(self) -> bytes | None:
        """All that was written; None where it is on the disk."""
        return self.file.getvalue() if isinstance(self.file, io.BytesIO) else None

    def on_disk(self) -> IO[bytes]:
        """The file with all that was written, as the system has it. Raises OutOfSpace."""
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
        """Gives a file that has a name another one, under which it stays."""
        assert self.path is not None  # noqa: S101 - asked of those on the disk
        os.replace(self.path, place)
        self.path = None

    def content(self) -> IO[bytes]:
        """All that was written, readable and seekable. Raises OutOfSpace on a full disk."""
        with own_errors():
            self.file.flush()
        return self.file

    def digests(self) -> Digests:
        return self._counter.digests()

    def keep_private(self) -> None:
        """Only the account of this process can read it on this machine, also once it is put."""
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
        with self.open(path) as blob, own_errors():
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

    def local_path(self, path: str) -> str | None:
        """The blob's absolute path on this machine; None where it is not a file of it."""
        return None

    @property
    def signs_urls(self) -> bool:
        """Whether `signed_url` can be used."""
        return False

    def signed_url(self, path: str, expires_in: int) -> str:
        """A URL at which anybody may read the blob for so many seconds. It is not looked for."""
        raise NotImplementedError

    @abstractmethod
    def walk(self, folder: str = "") -> Iterator[Blob]:
        """All blobs below `folder`, and what crashed uploads left in staging.

        A whole store is listed folder by folder, so that no listing of all is ever in memory.
        """


@contextmanager
def own_errors(*expected: type[Exception]) -> Iterator[None]:
    """Around all that asks a file system, which may be slow: it must not be where nobody may wait.

    Whatever it raises becomes one of our errors; each file system has errors of its own.
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
