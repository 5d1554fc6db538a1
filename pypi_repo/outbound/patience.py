"""How long, and for how much, an answer is waited for."""

import http.client
import io
import socket
from time import monotonic

from pypi_repo.outbound.limits import OutboundLimits

_OVERHEAD = 256 * 1024  # bytes that may come beyond content: a buffer, and trailers
_FRAMES = 2  # bytes for each byte of content, which itself is one of them
_HARDLY = 1  # second


class Patience:
    """What is left of the time and of the bytes in which the next step of an answer must come.

    Only waiting counts: who reads slowly what is already there takes nothing from the other side.

    is_over: whether the answer is at its end, so that nothing more is read.
    has_left_over: whether something came after the end.
    """

    def __init__(self, limits: OutboundLimits) -> None:
        self._limits = limits
        self._deadline = monotonic() + limits.whole
        self._wanted = 0
        self._begin(is_body=False)

    def _begin(self, *, is_body: bool) -> None:
        self._waited, self._since_then = 0.0, 0
        self._arrived = self._content = 0
        self._is_body, self.is_over, self.has_left_over = is_body, False, False

    def expect_headers(self) -> None:
        """Begins to wait for the headers, all of which must come within one time."""
        self._begin(is_body=False)
        self._wanted = self._limits.headers

    def expect_body(self, size: int) -> None:
        """Begins to wait for so many bytes of the body, or fewer."""
        if not self._is_body:
            self._begin(is_body=True)
        self._wanted = size

    def hurry(self) -> None:
        """Shortens the patience: what is left of the body is hardly worth waiting for."""
        self.expect_body(0)
        self._waited = max(self._waited, self._limits.read - _HARDLY)

    def got(self, size: int) -> None:
        """Notes how many bytes of what came were content of the body."""
        self._content += size

    def seconds_left(self) -> float:
        """Returns how many seconds are left. Raises TimeoutError if none are."""
        left = self._limits.read - self._waited
        if left <= 0:
            raise TimeoutError(f"too little came in {self._limits.read:g} seconds")
        if (whole := self._deadline - monotonic()) <= 0:
            raise TimeoutError(f"it was not over in {self._limits.whole:g} seconds")
        return min(left, whole)

    def note(self, size: int, seconds: float) -> None:
        """Bytes came after waiting for so long.

        Raises HTTPException for more bytes than what was asked for can take: a flood of interim
        answers, chunk extensions or trailers has no end otherwise.
        """
        self._waited += seconds
        self._since_then += size
        self._arrived += size
        if self._arrived > self._wanted + _OVERHEAD + _FRAMES * self._content:
            raise http.client.HTTPException("more came than a sound answer has around content")
        if self._is_body and self._since_then >= self._limits.least:
            self._waited, self._since_then = 0.0, 0


class PatientReader(io.RawIOBase):
    """The incoming side of a connection, which is read with patience.

    connection: a connected socket, or an SSL socket.
    """

    def __init__(self, connection: socket.socket, patience: Patience) -> None:
        self._connection, self._patience = connection, patience
        self._incoming = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray, /) -> int:  # type: ignore[override]
        """Reads what has arrived into a buffer, and returns how many bytes.

        It is 0 at the end, and when the patience is over.
        """
        if self._patience.is_over:
            return 0
        self._connection.settimeout(self._patience.seconds_left())
        began = monotonic()
        size = self._incoming.readinto(buffer) or 0
        self._patience.note(size, monotonic() - began)
        return size

    def close(self) -> None:
        self._incoming.close()
        super().close()
