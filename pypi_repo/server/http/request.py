"""Parses received data into requests (RFC 9112), and describes them for WSGI (PEP 3333)."""

import re
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import httptools

from pypi_repo.server.http.body import Body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LARGE = 64 * 1024  # bytes of a body that is served while it is still being received
_LONGEST_HEAD = 64 * 1024  # bytes
_MOST_FIELDS = 256
_LONGEST_KEPT = 64  # bytes of a name that may be seen again
_FRAME = 8 * 1024  # bytes
_LONGEST_HOST = 255 + len(":65535")
_HOST = re.compile(r"(?:\[[0-9A-Za-z:.%]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")
_UNPREFIXED = {"CONTENT_TYPE", "CONTENT_LENGTH"}


class BadRequest(Exception):
    """The request cannot be served, and it is unknown where the next request begins.

    status: the status line, such as `400 Bad Request`.
    sentence: one sentence for the client.
    """

    def __init__(self, sentence: str, status: str = "400 Bad Request") -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Request:
    """A request whose headers have arrived.

    body: the body, if it is large and is passed on while it arrives; a small body is in `content`.
    expects_continue: whether the client waits to be asked for the body (`Expect: 100-continue`).
    """

    __slots__ = (
        "body",
        "content",
        "expects_continue",
        "fields",
        "is_in_chunks",
        "keeps_alive",
        "length",
        "method",
        "received",
        "target",
        "version",
    )

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.version = "1.0"
        self.fields: dict[str, str] = {}
        self.length = 0
        self.received = 0
        self.content = bytearray()
        self.body: Body | None = None
        self.is_in_chunks = self.keeps_alive = self.expects_continue = False

    @property
    def is_streamed(self) -> bool:
        """Whether the body is passed on while it arrives."""
        return self.body is not None

    @property
    def only_reads(self) -> bool:
        """Whether the method only reads, such as GET."""
        return self.method in ("GET", "HEAD") and self.body is None and not self.content

    @property
    def waits_to_be_asked(self) -> bool:
        """Whether the client only sends its large body when it is asked to."""
        return self.body is not None and self.expects_continue

    def environ(self, of_connection: "WSGIEnvironment") -> "WSGIEnvironment":
        """Returns the WSGI environ (PEP 3333).

        of_connection: the part that all requests of the connection share.
        """
        path, _mark, query = self.target.partition(b"?")
        if b"%" in path:
            path = unquote_to_bytes(path)
        return {
            **of_connection,
            **self.fields,
            "REQUEST_METHOD": self.method,
            "PATH_INFO": path.decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{self.version}",
            "wsgi.input": BytesIO(self.content) if self.body is None else self.body,
        }


class Parser:
    """Parses received data into requests.

    on_request: called when a request can be served: it is complete, or its large body begins.
    on_head: called when the body of `receiving` begins.
    new_body: a function that creates the object through which a large body is passed on.
    """

    def __init__(
        self,
        on_request: Callable[[Request], None],
        on_head: Callable[[Request], None],
        new_body: Callable[[Request], Body],
    ) -> None:
        self._request = Request()
        self._is_receiving = False
        self._on_request, self._on_head, self._new_body = on_request, on_head, new_body
        self._has_head = self._must_restart = False
        self._head = self._framed = 0  # bytes
        self._number_of_fields = 0
        self._parser: Any = httptools.HttpRequestParser(self)

    @property
    def receiving(self) -> Request | None:
        """The request that is not complete yet."""
        return self._request if self._is_receiving else None

    def end(self) -> None:
        """Releases the request and the callbacks. Nothing can be fed any more."""
        self._is_receiving = False
        del self._parser, self._request, self._on_request, self._on_head, self._new_body

    @property
    def receives_body(self) -> bool:
        """Whether the body of a request is being received."""
        return self._is_receiving and self._has_head

    def feed(self, data: memoryview) -> None:
        """Parses more received data.

        Raises BadRequest, after which nothing more can be fed.
        """
        size, of_body = len(data), self._request if self.receives_body else None
        try:
            while data:
                data = self._rest_of(data)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, BadRequest):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            raise BadRequest("The request is malformed.") from error
        if not self._is_receiving:
            return
        if not self._has_head:
            self._bound_head(size)
        elif self._request is of_body and of_body.is_in_chunks:
            self._bound_framing(of_body, size)

    def _rest_of(self, data: memoryview) -> memoryview:
        """Returns the data after a request for another protocol, which is declined.

        llhttp treats such a request as the last one, and as one without a body.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._must_restart:
                self._parser.feed_data(_head_of_same_framing(self._request))
            return data[upgrade.args[0] :]
        return data[len(data) :]

    def _bound_head(self, fed: int) -> None:
        self._head += fed
        if self._head > _LONGEST_HEAD:
            raise _too_long()

    def _bound_framing(self, request: Request, fed: int) -> None:
        self._framed += fed
        if self._framed - request.received > _FRAME + request.received // 16:
            raise BadRequest("The body has too many chunks that are too small.")

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begins a request."""
        if self._must_restart:
            return
        self._request = Request()
        self._is_receiving, self._has_head = True, False
        self._head = self._framed = self._number_of_fields = 0

    def on_url(self, part: bytes) -> None:
        """Adds a part of what is asked for."""
        if not self._has_head:
            self._request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header. Raises BadRequest."""
        request = self._request
        if self._has_head:  # it is a trailer, which nobody asks for, or was known before
            return
        self._number_of_fields += 1
        if self._number_of_fields > _MOST_FIELDS:
            raise _too_long()
        key = kept_key(name) if len(name) <= _LONGEST_KEPT else _environ_key(name)
        if not key:
            return
        text = value.decode("latin-1").strip(" \t")
        if key in request.fields:
            if key in ("HTTP_HOST", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):
                raise BadRequest("The request has a header twice that it may have once.")
            text = f"{request.fields[key]}{'; ' if key == 'HTTP_COOKIE' else ', '}{text}"
        request.fields[key] = text

    def on_headers_complete(self) -> None:
        """Checks the head, and hands on a request that has a body. Raises BadRequest."""
        if self._must_restart:
            self._must_restart = False
            return
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise BadRequest("Only HTTP/1.1 is spoken here.", "505 HTTP Version Not Supported")
        request.version = version
        request.keeps_alive = self._parser.should_keep_alive()
        if not request.target.startswith(b"/") and request.target != b"*":
            _take_host_from_target(request)
        _check_host(request)
        _read_framing(request)
        self._has_head = True
        if request.length > LARGE:
            self._stream(request)
        if request.length or request.is_in_chunks:
            self._must_restart = self._parser.should_upgrade()
            self._on_head(request)

    def on_body(self, part: bytes) -> None:
        """Adds a part of the body, which is streamed if it is large."""
        request = self._request
        request.received += len(part)
        if request.body is not None:
            request.body.append(part)
            return
        request.content += part
        if len(request.content) > LARGE:
            self._stream(request)

    def on_message_complete(self) -> None:
        """Hands on a request without a body that is streamed, or ends that body."""
        if self._must_restart:
            return
        request = self._request
        self._is_receiving = False
        if request.body is None:
            self._on_request(request)
        else:
            request.body.complete()

    def _stream(self, request: Request) -> None:
        request.body = self._new_body(request)
        request.body.append(bytes(request.content))
        request.content.clear()
        self._on_request(request)


def _environ_key(name: bytes) -> str:
    """Returns the key of a header; no key for a name with an underscore.

    Such a name could be mistaken for another one with a hyphen.
    """
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"


kept_key = lru_cache(512)(_environ_key)  # clients send the same few


def _read_framing(request: Request) -> None:
    """Raises BadRequest if a proxy might see the end of the request elsewhere (RFC 9112, 6.1)."""
    coding = request.fields.pop("HTTP_TRANSFER_ENCODING", None)
    length = request.fields.get("CONTENT_LENGTH")
    if coding is not None:
        if length is not None or coding.lower() != "chunked" or request.version == "1.0":
            raise BadRequest("It is ambiguous where the body of the request ends.")
        request.is_in_chunks = True
    elif length is not None:
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise BadRequest("The Content-Length is not a number of bytes.")
        request.length = int(length)
    expected = request.fields.get("HTTP_EXPECT", "").lower() == "100-continue"
    request.expects_continue = (
        expected and request.version == "1.1" and bool(request.length or request.is_in_chunks)
    )


def _head_of_same_framing(request: Request) -> bytes:
    """Returns the head of a request whose body and connection end in the same way."""
    framing = (
        "Transfer-Encoding: chunked"
        if request.is_in_chunks
        else f"Content-Length: {request.length}"
    )
    connection = "keep-alive" if request.keeps_alive else "close"
    head = f"POST / HTTP/{request.version}\r\n{framing}\r\nConnection: {connection}\r\n\r\n"
    return head.encode()


def _take_host_from_target(request: Request) -> None:
    """Takes the host from a target that is a whole URL (RFC 9112, 3.2.2)."""
    try:
        parts = urlsplit(request.target)
    except ValueError:
        parts = urlsplit(b"")
    if parts.scheme not in (b"http", b"https") or not parts.netloc:
        raise BadRequest("The target of the request is malformed.")
    request.fields["HTTP_HOST"] = parts.netloc.rpartition(b"@")[2].decode("latin-1")
    request.target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")


def _check_host(request: Request) -> None:
    """Checks that Host is a host with an optional port (RFC 9110, 7.2).

    A missing or empty Host is accepted.
    """
    host = request.fields.get("HTTP_HOST", "")
    if len(host) > _LONGEST_HOST or not _HOST.fullmatch(host):
        raise BadRequest("The Host header of the request is not a host.")


def _too_long() -> BadRequest:
    return BadRequest(
        "The headers of the request are too long.", "431 Request Header Fields Too Large"
    )
