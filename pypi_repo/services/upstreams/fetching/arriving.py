"""Content that can be read while it arrives."""

import threading
import weakref
from abc import abstractmethod
from collections.abc import Iterator
from time import monotonic
from typing import IO

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.services.upstreams.fetching.errands import Errand

_PIECE = 256 * 1024
_TOLD_EACH = 512 * 1024  # bytes
_TOLD_AFTER = 0.05  # seconds


class SharedFile:
    """A file that several threads read and write.

    file: a seekable file, which is closed when nobody has it any more.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._mutex = threading.Lock()
        weakref.finalize(self, file.close)

    def write(self, offset: int, chunk: bytes) -> None:
        """Writes at an offset."""
        with self._mutex:
            self._file.seek(offset)
            self._file.write(chunk)

    def read(self, offset: int, size: int) -> bytes:
        """Returns up to so many bytes from an offset."""
        with self._mutex:
            self._file.seek(offset)
            return self._file.read(size)


class ArrivingContent(Errand):
    """Brings content that can be read before all of it has come.

    readable: the number of bytes that may be read.
    is_whole: whether these are all.
    """

    looks_after = 0.5  # seconds; nobody is told of the last piece before a pause

    def __init__(self) -> None:
        super().__init__()
        self.readable = self._told = 0
        self._told_at = 0.0
        self.is_whole = False

    @abstractmethod
    def opened(self) -> SharedFile:
        """Returns what has come. It can be called when `wait_for_begin` has returned."""

    def note_more(self, readable: int) -> None:
        """Notes that there is more to read, and tells those who wait, unless it was just done.

        Many may wait, and telling all of them of each little piece takes longer than to fetch it.
        """
        self.readable = readable
        now, is_much = monotonic(), readable - self._told >= _TOLD_EACH
        # The first is always told: it may be all that comes until somebody has read it.
        if not self._told or is_much or now - self._told_at >= _TOLD_AFTER:
            self._told, self._told_at = readable, now
            self.note_progress()

    def wait_for_begin(self) -> None:
        """Waits for the first bytes.

        Raises what has kept them from coming.
        """
        self.wait_until(lambda: self.readable > 0 or self.is_whole)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Returns an iterator over the content, or over a part of it.

        start, stop: which bytes; without `stop`, all to the end.

        It waits where there is no more yet, and raises an error at the end if what has come is not
        what it should be. So the client never gets a wrong file as a complete one.
        """
        return _Chunks(self, self.opened(), start, stop)

    def left(self) -> None:
        """Notes that somebody who read does not read any more."""


class _Chunks:
    """Not a generator, which could not go on after the ComeBack that it raises when it waits."""

    def __init__(
        self, content: ArrivingContent, file: SharedFile, start: int, stop: int | None
    ) -> None:
        self._content, self._file = content, file
        self._offset, self._stop = start, stop

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        content = self._content
        if self._stop is not None and self._offset >= self._stop:
            raise StopIteration
        content.wait_until(lambda: content.readable > self._offset or content.is_whole)
        readable = content.readable if self._stop is None else min(content.readable, self._stop)
        size = min(_PIECE, readable - self._offset)
        if size <= 0:
            raise StopIteration
        chunk = self._file.read(self._offset, size)
        if not chunk:
            raise UpstreamFailed("What was fetched is gone; download it again.")
        self._offset += len(chunk)
        return chunk

    def close(self) -> None:
        self._content.left()
