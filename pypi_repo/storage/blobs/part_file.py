"""A file that grows while it is fetched, by one process of this machine, and is read by all."""

import os
import sys
from contextlib import suppress
from typing import IO

from pypi_repo.storage.blobs.store import own_errors
from pypi_repo.storage.folders import give_to_owner

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_MODE = 0o640  # as that of files in the store
_BEHIND_ALL_CONTENT = 2**62


class PartFile:
    """A file at a path, which is created if it is missing. Close it in any case.

    Who writes holds a lock. The kernel releases it however the process ends, so that another one
    goes on with what is there.

    Raises Unavailable or OutOfSpace, as all methods do.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        with own_errors():
            try:
                descriptor = os.open(path, flags | os.O_EXCL, _MODE)
                give_to_owner(descriptor, os.path.dirname(path))
            except FileExistsError:
                descriptor = os.open(path, flags, _MODE)
            self._file: IO[bytes] = open(descriptor, "r+b", buffering=0)  # noqa: SIM115

    def lock(self) -> bool:
        """Takes the lock, and returns whether it could. It is released when the file is closed."""
        try:
            _lock(self._file.fileno())
        except OSError:
            return False
        return True

    def is_in_place(self) -> bool:
        """Returns whether the path still leads to this very file."""
        with own_errors():
            try:
                there = os.stat(self.path)
            except FileNotFoundError:
                return False
            return os.path.samestat(there, os.fstat(self._file.fileno()))

    def size(self) -> int:
        """Returns the number of bytes that were written so far, by any process."""
        with own_errors():
            return os.fstat(self._file.fileno()).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Returns up to so many bytes from an offset."""
        with own_errors():
            self._file.seek(offset)
            return self._file.read(size)

    def append(self, chunk: bytes) -> None:
        """Writes at the end."""
        with own_errors():
            self._file.seek(0, os.SEEK_END)
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]

    def reader(self) -> IO[bytes]:
        """Returns another file for the same content, which stays readable wherever it is moved.

        Raises FileNotFoundError if it is not at its path any more.
        """
        with own_errors(FileNotFoundError):
            return open(self.path, "rb", buffering=0)

    def remove(self) -> None:
        """Deletes the file at the path. Only who has the lock, and is in place, may do so."""
        with suppress(OSError):
            os.unlink(self.path)

    def close(self) -> None:
        """Closes the file, and releases the lock. What was written stays."""
        self._file.close()


def _lock(descriptor: int) -> None:
    """Raises OSError where somebody else has it."""
    if sys.platform == "win32":
        os.lseek(descriptor, _BEHIND_ALL_CONTENT, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
