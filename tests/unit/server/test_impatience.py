"""Clients that are slow, idle or silent, with a server that soon loses patience."""

import contextlib
import socket
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.server.http.patience import Patience
from tests.support.small_server import SmallServer, echo, parsed, received
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATIENCE = Patience(
    idle=4, headers=1, body=1, slowest=1024, answer=1, crowded=0.5, refused=2, leaving=1
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 30_000_000


def post(target: str, size: int) -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/slow":
        about_to_wait()
        time.sleep(3 * PATIENCE.body)
    if path == "/refused":
        start_response("403 No", [("Content-Length", "2")])
        return [b"no"]
    if path == "/much":
        start_response("200 OK", [("Content-Length", str(LARGE))])
        return (bytes(1000) for _ in range(LARGE // 1000))
    return echo(environ, start_response)


@pytest.fixture
def server(serve: Serve) -> SmallServer:
    return serve(app, patience=PATIENCE)


def trickled(client: socket.socket, data: bytes, pause: float = 0.2) -> bytes:
    """What is answered by the end of the connection while a byte is sent now and then."""
    answered = bytearray()
    client.settimeout(pause)
    for byte in data:
        try:
            client.sendall(bytes([byte]))
            chunk = client.recv(10_000)
        except TimeoutError:
            continue
        except ConnectionError:
            return bytes(answered)
        if not chunk:
            return bytes(answered)
        answered += chunk
    raise AssertionError("it goes on")


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "later"])
@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"", GET.replace(b"Host: x", b"X: " + b"x" * 100)),
        (post("/", 1000), bytes(1000)),
        (post("/", 100_000), bytes(1000)),
    ],
    ids=["headers", "body", "large body"],
)
def test_a_byte_now_and_then(head: bytes, rest: bytes, before: bytes, server: SmallServer) -> None:
    with server.connect() as client:
        client.sendall(before + head)
        *_others, last = parsed(trickled(client, rest))

    assert (last.code, last.headers["connection"]) == (408, "close")


@pytest.mark.parametrize("beginning", [b"G", GET[:-2], post("/", 10), post("/", 100_000)])
def test_one_that_stops(beginning: bytes, server: SmallServer) -> None:
    (answer,) = server.answers(beginning)

    assert answer.code == 408


def test_silence_is_left_without_a_word(serve: Serve) -> None:
    """After the time for its headers, which is not that of one that has asked before."""
    server = serve(app, patience=replace(PATIENCE, idle=3600))

    assert server.ask() == b""


def test_empty_lines_are_no_request(server: SmallServer) -> None:
    """They do not keep a connection."""
    with server.connect() as client:
        client.sendall(GET)
        (answer,) = parsed(trickled(client, b"\r\n" * 100))

    assert answer.code == 200


def test_an_idle_client_comes_back_slowly(server: SmallServer) -> None:
    """Its time for the headers begins with their first byte."""
    with server.connect() as client:
        for _ in range(2):
            client.sendall(GET)
            assert client.recv(10_000).startswith(b"HTTP/1.1 200 ")
            time.sleep(2 * PATIENCE.headers)
            client.sendall(GET[:10])
            time.sleep(0.6 * PATIENCE.headers)
            client.sendall(GET[10:])
            assert client.recv(10_000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("size", [10, 1000, 3_000_000])
def test_the_next_request_may_wait_for_the_last_answer(size: int, server: SmallServer) -> None:
    """It is not the client that is slow."""
    with server.connect() as client:
        client.sendall(GET.replace(b"/", b"/slow", 1) + post("/next", size)[:20])
        time.sleep(2 * PATIENCE.body)
        client.sendall(post("/next", size)[20:] + bytes(size))
        client.shutdown(socket.SHUT_WR)
        first, second = parsed(received(client))

    assert first.body == b"GET /slow "
    assert second.body == b"POST /next " + bytes(size)


def test_a_body_that_the_application_takes_slowly(serve: Serve) -> None:
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        for _ in range(5):
            time.sleep(PATIENCE.body)
            environ["wsgi.input"].read(1000)
        return echo(environ, start_response)

    (answer,) = serve(application, patience=PATIENCE).answers(
        post("/", LARGE), bytes(LARGE), ends=True
    )

    assert len(answer.body) == len(b"POST / ") + LARGE - 5000


def test_an_application_may_take_its_time(server: SmallServer) -> None:
    """With a small body, a large one, and none."""
    for request in (post("/slow", 10) + bytes(10), post("/slow", 100_000) + bytes(100_000)):
        (answer,) = server.answers(request, ends=True)
        assert answer.code == 200


def test_who_goes_on_sending_what_was_refused(server: SmallServer) -> None:
    started = time.monotonic()
    with server.connect() as client, contextlib.suppress(ConnectionError):
        client.sendall(post("/refused", 4 * 1024**3))
        while time.monotonic() - started < 30:
            client.sendall(bytes(100_000))
            time.sleep(0.02)

    assert PATIENCE.refused - 1 < time.monotonic() - started < 30


def test_who_stops_sending_what_was_refused(server: SmallServer) -> None:
    (answer,) = server.answers(post("/refused", LARGE))

    assert (answer.code, answer.body) == (403, b"no")


def test_who_is_told_the_end_and_stays(server: SmallServer) -> None:
    with server.connect() as client:
        client.sendall(GET.replace(b"Host: x", b"Connection: close"))
        assert len(parsed(received(client))) == 1
        assert until(lambda: not server.server._connections)


@pytest.mark.parametrize("request_", [GET.replace(b"/", b"/much", 1), post("/much", 1) + b"x"])
def test_who_takes_nothing(request_: bytes, server: SmallServer) -> None:
    with server.connect() as client:
        client.sendall(request_)
        assert until(lambda: bool(server.server._connections))
        assert until(lambda: not server.server._connections)
        assert len(received(client)) < LARGE


def test_who_takes_slowly(server: SmallServer) -> None:
    started, size = time.monotonic(), 0
    with server.connect() as client:
        client.sendall(GET.replace(b"/", b"/much", 1))
        while (lasted := time.monotonic() - started) < 3 * PATIENCE.answer:
            while size < 2_000_000 * lasted:
                size += len(client.recv(65536))
            time.sleep(0.05)
        while size < LARGE and (chunk := client.recv(65536)):
            size += len(chunk)

    assert size > LARGE


def test_many_impatient_things_at_once(server: SmallServer) -> None:
    """None of them keeps another one, and all are gone in the end."""
    beginnings = [b"", b"G", GET, post("/", 10), post("/", 100_000), post("/refused", 100_000)]
    with contextlib.ExitStack() as stack:
        for number in range(120):
            client = stack.enter_context(server.connect())
            client.sendall(beginnings[number % len(beginnings)])
        assert server.answers(GET, ends=True)[0].code == 200
        assert until(lambda: not server.server._connections)
