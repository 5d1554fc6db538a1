"""A small WSGI application on the server of `serve`, in this process, and what its clients say."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException

from pypi_repo.server.background import BackgroundServer
from pypi_repo.server.balance import Share
from pypi_repo.server.http.patience import Patience
from pypi_repo.server.inquiries import Informant

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_PATIENT = Patience()
_TIMEOUT = 60


class SmallServer(BackgroundServer):
    """Serves from threads of this process.

    tls: what the server needs to encrypt, and what a client needs to trust it: `client_tls`.
    """

    def __init__(
        self,
        application: WSGIApplication,
        patience: Patience = _PATIENT,
        tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
        share: Share | None = None,
        informant: Informant | None = None,
    ) -> None:
        self.client_tls = tls[1] if tls else None
        mine = tls[0] if tls else None
        super().__init__(application, patience=patience, tls=mine, share=share, informant=informant)
        self.server = self._server

    def connect(self, room: int | None = None) -> socket.socket:
        """room: about as many bytes as the system takes for a client that does not read."""
        connected = socket.socket()
        connected.settimeout(_TIMEOUT)
        if room is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        connected.connect(("127.0.0.1", self.port))
        if self.client_tls is None:
            return connected
        return self.client_tls.wrap_socket(connected, server_hostname="127.0.0.1")

    def ask(self, *parts: bytes, ends: bool = False) -> bytes:
        """All that is answered on one connection to what is sent, until the server ends it.

        ends: the client says, after the last part, that it has nothing more to send.
        """
        with self.connect() as client:
            for part in parts:
                client.sendall(part)
            if ends:
                with suppress(OSError):  # the server may have ended it already
                    client.shutdown(socket.SHUT_WR)
            return received(client)

    def answers(self, *parts: bytes, ends: bool = False) -> list[Answer]:
        return parsed(self.ask(*parts, ends=ends))


@dataclass(frozen=True)
class Answer:
    """One answer, as a careful client understands it."""

    version: str
    status: str
    headers: dict[str, str]
    body: bytes
    is_whole: bool

    @property
    def code(self) -> int:
        return int(self.status[:3])


def received(client: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    everything = bytearray()
    with suppress(ConnectionError):
        while chunk := client.recv(65536):
            everything += chunk
    return bytes(everything)


def parsed(stream: bytes, *methods: str) -> list[Answer]:
    """The answers in what was received.

    methods: of their requests, GET where they are not given.
    """
    answers: list[Answer] = []
    while stream:
        method = methods[len(answers)] if len(answers) < len(methods) else "GET"
        answer, stream = _first(stream, method)
        answers.append(answer)
    return answers


def _first(stream: bytes, method: str) -> tuple[Answer, bytes]:
    head, blank, rest = stream.partition(b"\r\n\r\n")
    assert blank, stream[:1000]
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _space, status = first.partition(" ")
    assert version in ("HTTP/1.0", "HTTP/1.1"), stream[:1000]
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        assert colon, line
        assert name.lower() not in headers, f"{name} twice"
        headers[name.lower()] = value
    if method == "HEAD" or status[:3] in ("100", "204", "304"):
        body, is_whole = b"", True
    elif headers.get("transfer-encoding") == "chunked":
        assert "content-length" not in headers
        body, rest, is_whole = _dechunked(rest)
    elif "content-length" in headers:
        length = int(headers["content-length"])
        body, rest = rest[:length], rest[length:]
        is_whole = len(body) == length
    else:
        assert headers["connection"] == "close"
        body, rest, is_whole = rest, b"", True
    return Answer(version, status, headers, body, is_whole), rest


def _dechunked(rest: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            return body, b"", False
        size = int(line, 16)
        body += rest[:size]
        is_whole = rest[size : size + 2] == b"\r\n"
        rest = rest[size + 2 :]
        if size == 0 or not is_whole:
            return body, rest, is_whole


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Tells the method, the target and the body; or why that did not come."""
    try:
        body = environ["wsgi.input"].read()
    except HTTPException as error:
        return error(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    query = environ["QUERY_STRING"]
    target = environ["PATH_INFO"] + (f"?{query}" if query else "")
    return [f"{environ['REQUEST_METHOD']} {target} ".encode("latin-1"), body]
