"""The body of a request on its way from the server's loop to a thread of the application."""

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
    """The client did not send for longer than the server waits, or too little."""

    description = "The upload stopped, or came too slowly, and was given up; send it again."


class Body(io.RawIOBase):
    """`wsgi.input` for a body that is still being received.

    The loop appends, the application reads, and no more than about 2 MiB are between them, or
    64 KiB until it reads for the first time: the loop stops receiving while `is_full`. So neither
    memory nor disk is spent on a body that the application does not want.

    on_first_read: called by the reader before it waits, for clients that wait to be told.
    on_room: called by the reader where the loop can go on receiving.
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
        return len(self._waiting) >= self._room

    def append(self, data: bytes) -> None:
        with self._changed:
            if not self._is_unwanted:
                self._waiting += data
                self._changed.notify()

    def complete(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._is_complete = True
            self._changed.notify()

    @property
    def is_cut_off(self) -> bool:
        return self._failure is not None

    def cut_off(self, failure: type[HTTPException] = ClientDisconnected) -> None:
        """Nothing more will come, and something is missing: reading raises `failure` now."""
        with self._changed:
            self._failure = failure
            self._changed.notify()

    # What the application's thread does

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, as soon as there are any; none at the end.

        Raises ClientDisconnected where the rest will never come, or TooSlow.
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
        view = memoryview(buffer).cast("B")
        chunk = self.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """What was not read is not wanted: it is dropped, as is all that still comes."""
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
