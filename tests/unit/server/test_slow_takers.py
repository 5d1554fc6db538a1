"""Clients that take an answer slowly, but take it: they get all of it, whatever happens."""

import socket
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from pypi_repo.server import acceptor
from pypi_repo.server.http.patience import Patience
from pypi_repo.server.http.response import PART
from tests.support.small_server import SmallServer, echo
from tests.unit.server.conftest import Serve, Tls

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATIENCE = Patience(leaving=1, answer=20, crowded=20)
SIZE = 3 * PART  # more than the system takes off the server's hands, which keeps the rest
GET = b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n"
SLOWLY = 250_000  # the last bytes, when the server has nothing more to make of it
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/much":
        return echo(environ, start_response)
    start_response("200 OK", [("Content-Length", str(SIZE))])
    return [bytes(SIZE)]


@pytest.fixture(params=["plain", "tls"])
def server(
    request: pytest.FixtureRequest, serve: Serve, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> SmallServer:
    monkeypatch.setattr(acceptor, "_possible_connections", lambda: 1)
    return serve(app, patience=PATIENCE, tls=tls if request.param == "tls" else None)


def taken_slowly(client: socket.socket) -> int:
    """Bytes of the answer's body, until it is complete or the connection ends."""
    stream = bytearray()
    while chunk := client.recv(4096):
        stream += chunk
        _head, blank, body = stream.partition(b"\r\n\r\n")
        if blank and len(body) >= SIZE:
            return len(body)
        if len(stream) > SIZE - SLOWLY:
            time.sleep(0.08)
    return len(stream)


def test_the_last_answer_of_a_connection(server: SmallServer) -> None:
    with server.connect(room=8192) as client:
        client.sendall(LAST)
        assert taken_slowly(client) == SIZE
        assert client.recv(1) == b""


def test_while_the_server_ends(server: SmallServer) -> None:
    with server.connect(room=8192) as client:
        client.sendall(GET)
        assert client.recv(1) == b"H"
        ending = threading.Thread(target=server.close)
        ending.start()
        assert taken_slowly(client) == SIZE
    ending.join()


def test_while_others_wait_for_a_connection(server: SmallServer) -> None:
    with server.connect(room=8192) as client:
        client.sendall(GET)
        assert client.recv(1) == b"H"
        others = list[int]()
        other = threading.Thread(
            target=lambda: others.extend(each.code for each in server.answers(LAST))
        )
        other.start()
        assert taken_slowly(client) == SIZE
    other.join()

    assert others == [200]
