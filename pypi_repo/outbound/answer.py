"""What was answered elsewhere, read piece by piece."""

import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.domain.values.urls import Url
from pypi_repo.outbound.causes import failure
from pypi_repo.outbound.gzip_stream import GzipStream
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.settings import format_size

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

    from pypi_repo.outbound.connections import AnyConnection

_BLOCK = 64 * 1024  # bytes
_WORTH_READING = 64 * 1024  # bytes that are read so that the connection can be used again


class Answer:
    """An answer, whatever its status. Close it, or use it as a context manager.

    status: the HTTP status.
    headers: the headers, with names in any case. Content-Length is the size before decoding.
    url: the URL that answered, after redirects.
    place: the URL without its query, for errors and logs: the query of a signed URL is a secret.
    """

    def __init__(
        self,
        response: "HTTPResponse",
        connection: "AnyConnection",
        url: Url,
        *,
        limits: OutboundLimits,
        called: str,
        is_identity: bool,
        give_back: "Callable[[AnyConnection], None]",
    ) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.url = str(url)
        self.place = url.shown
        self._response, self._connection = response, connection
        self._limits, self._called, self._give_back = limits, called, give_back
        self._arrived = self._decoded = 0
        self._was_given_up = self._is_closed = False
        self._encoding = "identity"
        if not is_identity:
            self._encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        self._gzip = GzipStream() if self._encoding in ("gzip", "x-gzip") else None

    def read(self, size: int) -> bytes:
        """Returns up to so many bytes of the content, as soon as there are some; none at the end.

        Encoded content is decoded, unless the request asked for `Accept-Encoding: identity`: then
        the bytes are those that were sent.

        Raises UpstreamFailed if nothing comes in time, or the content is cut or broken.
        """
        if self._is_closed:
            raise ValueError("The answer is closed; what was not read is lost.")
        if self._gzip is None:
            self._require_identity()
            return self._next(size)
        try:
            while not (decoded := self._gzip.take(size)):
                arrived = self._next(_BLOCK)
                self._require_within(self._arrived, self._limits.page)
                if not arrived:
                    self._gzip.finish()
                    return b""
                self._gzip.feed(arrived)
        except zlib.error as error:
            self._was_given_up = True
            raise UpstreamFailed(
                f"The {self._called}'s answer is not compressed as it says; try again later.",
                detail=f"{self.place}: {error}",
            ) from error
        self._decoded += len(decoded)
        self._require_within(self._decoded, self._limits.page)
        return decoded

    def read_all(self, limit: int) -> bytes:
        """Returns the content, or what is left of it.

        limit: its largest size in bytes, after it was decoded.

        Raises UpstreamFailed as `read` does, and for content that is larger or takes too long.
        """
        deadline = monotonic() + self._limits.page_time
        content = bytearray()
        while piece := self.read(_BLOCK):
            content += piece
            self._require_within(len(content), limit)
            if monotonic() > deadline:
                self._was_given_up = True
                raise UpstreamFailed(
                    f"The {self._called} does not send its page in time; try again later.",
                    detail=f"{self.place}: {len(content)} bytes came in "
                    f"{self._limits.page_time:g} seconds",
                )
        return bytes(content)

    def close(self) -> None:
        """Gives the connection back if the answer was read to the end, and closes it otherwise."""
        if self._is_closed:
            return
        self._is_closed = True
        can_be_used_again = self._is_whole()
        self._response.close()
        if can_be_used_again:
            self._give_back(self._connection)
        else:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._was_given_up = True
        self.close()

    def _next(self, size: int) -> bytes:
        from urllib3.exceptions import HTTPError

        self._connection.patience.expect_body(size)
        try:
            arrived = self._response.read1(size, decode_content=False)
        except (HTTPError, OSError, ValueError) as error:
            self._was_given_up = True
            raise failure(error, self.place, self._called) from error
        self._connection.patience.got(len(arrived))
        self._arrived += len(arrived)
        return arrived

    def _require_identity(self) -> None:
        if self._encoding not in ("", "identity"):
            self._was_given_up = True
            raise UpstreamFailed(
                f"The {self._called} encodes its answer as nobody asked for; tell who runs it.",
                detail=f"{self.place}: Content-Encoding: {self._encoding[:100]}",
            )

    def _require_within(self, size: int, limit: int) -> None:
        if size > limit:
            self._was_given_up = True
            raise UpstreamFailed(
                f"The {self._called}'s answer is larger than {format_size(limit)}, which is "
                f"the limit; tell who runs the {self._called}.",
                detail=self.place,
            )

    def _is_whole(self) -> bool:
        """Whether all of it was read, or is after a little that is left is."""
        if self._was_given_up:
            return False
        if not self._response.closed and self._is_nearly_read():
            self._connection.patience.hurry()
            with suppress(UpstreamFailed):
                while self._next(_BLOCK):
                    pass
        is_at_its_end = self._response.closed and not self._connection.patience.has_left_over
        return is_at_its_end and not self._was_given_up

    def _is_nearly_read(self) -> bool:
        left = self._response.length_remaining
        return left is not None and left <= _WORTH_READING
