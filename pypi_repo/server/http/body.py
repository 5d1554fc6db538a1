"""Passes the body of a request from the server's event loop to a thread of the application."""

import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestTimeout

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_ROOM = 2 * 1024 * 1024
_ROOM_AT_FIRST = 64 * 1024


class TooSlow(RequestTimeout):
    """The client has sent nothing for too long, or too little."""

    description = "The upload stopped, or came too slowly, and was given up; send it again."


class Body(io.RawIOBase):
    """The `wsgi.input` of a body that is still being received (PEP 3333).

    The loop appends and the application reads. At most about 2 MiB are between them, or 64 KiB
    until the application reads for the first time: the loop stops receiving while `is_full`. So a
    body that the application does not want takes neither memory nor disk space.

    on_first_read: called before the application first waits, for clients that wait to be asked.
    on_room: called when the loop can continue to receive.
    """

    def __init__(self, on_first_read: Callable[[], None], on_room: Callable[[], None]) -> None:
        self._on_first_read: Callable[[], None] | None = on_first_read
        self._on_room = on_room
        self._waiting = bytearray()  # not a queue: chunks may be of one byte
        self._room = _ROOM_AT_FIRST
        self._is_complete = False
        self._is_unwanted = False
        self._failure: type[HTTPException] | None = None
        self._changed = threading.Condition()

    # What the loop does

    @property
    def is_full(self) -> bool:
        """Whether the loop must stop receiving."""
        return len(self._waiting) >= self._room

    def append(self, data: bytes) -> None:
        """Adds received data."""
        with self._changed:
            if not self._is_unwanted:
                self._waiting += data
                self._changed.notify()

    def complete(self) -> None:
        """Marks the end of the body."""
        with self._changed:
            self._is_complete = True
            self._changed.notify()

    @property
    def is_cut_off(self) -> bool:
        """Whether the rest of the body will not arrive."""
        return self._failure is not None

    def cut_off(self, failure: type[HTTPException] = ClientDisconnected) -> None:
        """Marks that the rest of the body will not arrive, so that reading raises `failure`."""
        with self._changed:
            self._failure = failure
            self._changed.notify()

    # What the application's thread does

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns up to `size` bytes, as soon as there are any; no bytes at the end.

        Raises ClientDisconnected if the rest will not arrive, or TooSlow.
        """
        if size is None or size < 0:
            return self.readall()
        if size == 0:
            return b""
        self._ask()
        with self._changed:
            while not (self._waiting or self._is_complete or self.is_cut_off):
                self._changed.wait()
            if self._failure is not None:
                raise self._failure
            was_full = self.is_full
            self._room = _ROOM
            chunk = bytes(memoryview(self._waiting)[:size])
            del self._waiting[:size]
            has_room_again = was_full and not self.is_full
        if has_room_again:
            self._on_room()
        return chunk

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Reads into a buffer what `read` would return, and returns how many bytes."""
        view = memoryview(buffer).cast("B")
        chunk = self.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Drops what was not read, and everything that still arrives."""
        with self._changed:
            self._is_unwanted = True
            was_full = self.is_full
            self._waiting.clear()
        super().close()
        if was_full:
            self._on_room()

    def _ask(self) -> None:
        if self._on_first_read is not None:
            on_first_read, self._on_first_read = self._on_first_read, None
            on_first_read()
