"""The same over TLS, where a connection cannot be ended in one direction only."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.server import acceptor, loop
from pypi_repo.server.http.patience import Patience
from tests.support.small_server import SmallServer, echo, parsed, received
from tests.support.waiting import until
from tests.unit.server.conftest import Serve, Tls

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LARGE = 30_000_000
HASTY = Patience(
    idle=1.5, headers=1, body=1, slowest=1024, answer=1, crowded=0.5, refused=3, leaving=1
)


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Refuses what is sent to /refused, sends much to who asks for /much, and echoes the rest."""
    assert environ["wsgi.url_scheme"] == "https"
    path = environ["PATH_INFO"]
    if path.startswith("/wait"):
        about_to_wait()
    if path == "/refused":
        start_response("403 No", [("Content-Length", "2")])
        return [b"no"]
    if path == "/broken":
        raise ValueError("as it should")
    if path == "/much":
        start_response("200 OK", [("Content-Length", str(LARGE))])
        return (bytes(1000) for _ in range(LARGE // 1000))
    return echo(environ, start_response)


@pytest.fixture
def server(serve: Serve, tls: Tls) -> SmallServer:
    return serve(app, tls=tls)


@pytest.fixture
def hasty(serve: Serve, tls: Tls) -> SmallServer:
    return serve(app, patience=HASTY, tls=tls)


def post(target: str, size: int, more: str = "") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {size}\r\n\r\n".encode()


def test_one_request_after_the_other(server: SmallServer) -> None:
    trust = server.client_tls
    client = http.client.HTTPSConnection("127.0.0.1", server.port, context=trust)
    for size in (0, 10, 500_000, 5_000_000):
        client.request("POST", "/echo", bytes(size))
        assert client.getresponse().read() == b"POST /echo " + bytes(size)
        client.request("GET", "/wait")
        assert client.getresponse().read() == b"GET /wait "
    client.close()


def test_pipelined(server: SmallServer) -> None:
    requests = b"".join(GET % number for number in range(2000))
    answers = server.answers(requests + post("/x", 300_000) + bytes(300_000) + LAST)

    assert [each.body for each in answers] == [
        *(b"GET /%d " % number for number in range(2000)),
        b"POST /x " + bytes(300_000),
        b"GET /last ",
    ]


def test_much(server: SmallServer) -> None:
    (answer,) = server.answers(LAST.replace(b"/last", b"/much"))

    assert len(answer.body) == LARGE


def test_garbage_is_told(hasty: SmallServer) -> None:
    first, last = hasty.answers(GET % 1 + b"garbage\r\n\r\n")

    assert (first.code, last.code) == (200, 400)


@pytest.mark.parametrize("expects", ["", "Expect: 100-continue\r\n"])
def test_a_refusal_is_heard_by_who_sends_everything_first(
    expects: str, server: SmallServer
) -> None:
    """Although the connection ends with it, for who expects to be asked."""
    with server.connect() as client:
        client.sendall(post("/refused", LARGE, expects))
        client.sendall(bytes(LARGE))
        answer = client.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 403 ")


def test_a_refusal_is_heard_before_everything_is_sent(server: SmallServer) -> None:
    with server.connect() as client:
        client.sendall(post("/refused", LARGE))
        assert client.recv(10_000).startswith(b"HTTP/1.1 403 ")
        client.sendall(bytes(LARGE))
        client.sendall(LAST)
        (answer,) = parsed(received(client))

    assert answer.code == 200


def test_a_client_that_says_its_end(server: SmallServer) -> None:
    """It is answered what it had asked, and the server says its end as well."""
    with server.connect() as client:
        client.sendall(GET % 1)
        assert client.recv(10_000).startswith(b"HTTP/1.1 200 ")
        assert isinstance(client, ssl.SSLSocket)
        client.unwrap().close()

    assert until(lambda: not server.server._connections)


def test_clients_that_leave_at_once(server: SmallServer) -> None:
    for _ in range(20):
        for request in (LAST.replace(b"/last", b"/much"), post("/x", LARGE) + bytes(100_000)):
            with server.connect() as client:
                client.sendall(request)

    assert until(lambda: not server.server._connections)
    assert server.answers(LAST)[0].code == 200


def test_who_does_not_speak_it(server: SmallServer) -> None:
    for sent in (LAST, b"\0" * 1000, b"\x16\x03\x01\xff\xff" + bytes(70_000), b""):
        with socket.create_connection(("127.0.0.1", server.port), 60) as client:
            with suppress(OSError):  # the server may end it at once
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in received(client)

    assert server.answers(LAST)[0].code == 200


def test_a_handshake_that_never_comes(hasty: SmallServer) -> None:
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", hasty.port), 60))
            for _ in range(100)
        ]
        silent[0].sendall(b"\x16\x03\x01")
        assert hasty.answers(LAST)[0].code == 200
        assert [received(each) for each in silent] == [b""] * 100


@pytest.mark.parametrize(
    "begun", [b"GET / HT", post("/x", 1000) + b"x", post("/wait", LARGE) + b"x"]
)
def test_who_stops_sending_is_left(begun: bytes, hasty: SmallServer) -> None:
    with hasty.connect() as client:
        client.sendall(begun)
        assert b" 408 " in received(client)


def test_who_says_nothing_is_left(hasty: SmallServer) -> None:
    with hasty.connect() as silent, hasty.connect() as idle:
        idle.sendall(GET % 1)
        assert idle.recv(10_000).startswith(b"HTTP/1.1 200 ")
        assert (received(silent), received(idle)) == (b"", b"")


def test_who_takes_nothing_is_left(hasty: SmallServer) -> None:
    with hasty.connect() as client:
        client.sendall(LAST.replace(b"/last", b"/much"))
        assert until(lambda: bool(hasty.server._connections))
        assert until(lambda: not hasty.server._connections)
        with suppress(ssl.SSLError):
            assert len(received(client)) < LARGE


def test_slow_is_not_stuck(hasty: SmallServer) -> None:
    started, size = time.monotonic(), 0
    with hasty.connect() as client:
        client.sendall(LAST.replace(b"/last", b"/much"))
        while (lasted := time.monotonic() - started) < 3:
            while size < 2_000_000 * lasted:
                size += len(client.recv(65536))
            time.sleep(0.05)
        while chunk := client.recv(65536):
            size += len(chunk)

    assert size > LARGE


def test_little_is_kept_for_who_takes_nothing(server: SmallServer) -> None:
    with server.connect() as client:
        client.sendall(LAST.replace(b"/last", b"/much"))
        assert until(lambda: bool(server.server._connections))
        (connection,) = server.server._connections
        assert until(lambda: not connection._has_room)
        assert connection._waiting < 1_000_000


def test_the_server_ends_while_clients_are_connected(serve: Serve, tls: Tls) -> None:
    server = serve(app, tls=tls)
    with server.connect() as idle, server.connect() as sending:
        idle.sendall(GET % 1)
        assert idle.recv(10_000).startswith(b"HTTP/1.1 200 ")
        sending.sendall(post("/refused", LARGE))
        assert sending.recv(10_000).startswith(b"HTTP/1.1 403 ")
        sending.close()
        server.close()
        with suppress(ssl.SSLError):
            assert received(idle) == b""


def test_an_answer_is_closed_where_the_server_ends(
    serve: Serve, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_DRAIN_SECONDS", 0.5)
    closed: list[str] = []

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield bytes(1000)

        def close(self) -> None:
            closed.append("once")

    def application(_environ: "WSGIEnvironment", start_response: "StartResponse") -> Endless:
        start_response("200 OK", [])
        return Endless()

    server = serve(application, tls=tls)
    with server.connect() as client:
        client.sendall(LAST)
        assert client.recv(100)
        server.close()

    assert closed == ["once"]


@pytest.mark.parametrize("kind", ["handshakes", "idle", "taking nothing", "sending"])
def test_who_is_silent_makes_room(
    kind: str, serve: Serve, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "_possible_connections", lambda: 20)
    server = serve(app, tls=tls, patience=Patience(crowded=0.5))
    with ExitStack() as stack:
        for _ in range(20):
            if kind == "handshakes":
                place = ("127.0.0.1", server.port)
                stack.enter_context(socket.create_connection(place, 60))
                continue
            client = stack.enter_context(server.connect())
            if kind == "taking nothing":
                client.sendall(LAST.replace(b"/last", b"/much"))
            elif kind == "sending":
                client.sendall(post("/x", 1000))
            else:
                client.sendall(GET % 1)
                assert client.recv(10_000).startswith(b"HTTP/1.1 200 ")
        answers = [server.answers(LAST)[0].code for _ in range(30)]

    assert answers == [200] * 30


@pytest.mark.parametrize("path", [b"/much", b"/wait"])
def test_no_more_is_made_for_who_says_its_end(path: bytes, hasty: SmallServer) -> None:
    """Over TLS it takes no answer after that, and asyncio warns of each part that is sent."""
    with hasty.connect() as client:
        assert isinstance(client, ssl.SSLSocket)
        client.sendall(
            LAST.replace(b"/last", path) if path == b"/much" else GET.replace(b"/%d", path) * 300
        )
        client.settimeout(0.01)
        with suppress(OSError):
            client.unwrap()

        assert until(lambda: not hasty.server._connections)
