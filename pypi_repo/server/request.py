"""One request as it arrives: its headers, and where its body goes."""

from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError, get_header_lines
from waitress.utilities import BadRequest, Error

from pypi_repo.server.body import Body

_LARGE = 64 * 1024  # bytes
_FRAME = 8 * 1024


class Late(Error):
    """Answered where a request did not arrive in time."""

    code = 408
    reason = "The request did not arrive in time and was given up; send it again"


class Request(HTTPRequestParser):
    """`body` is set while, and after, the body is handed on as it comes."""

    body: Body | None = None
    path = ""  # of a request that could not be parsed

    @property
    def is_streamed(self) -> bool:
        return self.body is not None

    @property
    def is_worth_streaming(self) -> bool:
        """Whether the body is too large to keep; small ones arrive before they are served."""
        if self.body_rcv is None or self.completed:
            return False
        return max(self.content_length, len(self.body_rcv)) > _LARGE  # none is said of chunks

    @property
    def missing(self) -> int:
        """How many of the next bytes are the body's, and nothing else, as far as is known."""
        remain: int = getattr(self.body_rcv, "remain", 0)  # none is counted in chunks
        return remain

    @property
    def waits_to_be_asked(self) -> bool:
        """Whether the client sends its large body only once it is told to."""
        return self.is_streamed and self.expect_continue

    def stream_to(self, body: Body) -> None:
        receiver: Any = self.body_rcv
        body.append(receiver.buf.get())
        receiver.buf.close()
        receiver.buf = self.body = body

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # waitress forgets numbers and addresses that are none
            raise ParsingError("Malformed request") from error
        has_length = "CONTENT_LENGTH" in self.headers
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and has_length):
            # A proxy might see the request's end elsewhere (RFC 9112, 6.1).
            raise ParsingError("Ambiguous length of the body")
        if self.chunked and _transfer_codings(header_plus) != [b"chunked"]:
            raise ParsingError("Ambiguous Transfer-Encoding")

    def give_up(self) -> None:
        """What has not arrived will not be waited for: the request is answered with that."""
        self.error = Late("The server waited for the rest of it.")
        self.completed = True

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.chunked and self._is_more_frame_than_body:
            self.error = BadRequest("Too little body in too many chunks")
            self.completed = True
        return consumed

    @property
    def _is_more_frame_than_body(self) -> bool:
        """waitress keeps a chunk's header and the trailer, and takes its time for each chunk."""
        receiver: Any = self.body_rcv
        kept, body = len(receiver.control_line) + len(receiver.trailer), len(receiver)
        return kept > _FRAME or self.body_bytes_received - body > _FRAME + body // 16


def _transfer_codings(header_plus: bytes) -> list[bytes]:
    """The value of each line that tells of some, in lower case."""
    _request, _end, headers = header_plus.partition(b"\r\n")
    fields = (line.partition(b":") for line in get_header_lines(headers))
    return [
        value.strip(b" \t").lower()
        for name, _colon, value in fields
        if name.lower() == b"transfer-encoding"
    ]
