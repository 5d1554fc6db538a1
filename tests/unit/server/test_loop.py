"""The server as a whole: what threads may call, and its end."""

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pypi_repo.server import loop, workers
from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from tests.support.small_server import echo
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 3_000_000
POST = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n".encode()


def test_calls_before_and_after_its_life_do_nothing(serve: Serve) -> None:
    before = Server(echo, listen("127.0.0.1", 0))
    before.call(print, "never")
    before.stop()
    # In a thread: the browser of other tests may keep an event loop running in this one.
    serving = threading.Thread(target=before.serve)
    serving.start()
    serving.join(60)
    assert not serving.is_alive()
    after = serve(echo)
    after.close()
    after.server.call(print, "never")
    after.server.stop()


def test_who_waits_to_be_accepted_at_the_end_is_answered() -> None:
    """More than are accepted at once."""
    (listening,) = sockets = listen("127.0.0.1", 0)
    server = Server(echo, sockets)
    serving = threading.Thread(target=server.serve)
    address = listening.getsockname()[:2]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(40)
        ]
        for client in clients:
            client.sendall(GET)
        server.stop()
        serving.start()
        answers = [client.recv(12) for client in clients]
        serving.join(60)

    assert set(answers) == {b"HTTP/1.1 200"}
    assert not serving.is_alive()


def test_a_body_that_is_read_on_after_the_end(serve: Serve) -> None:
    """By a thread that nobody waited for: it is told that nothing more comes."""
    reads, told = threading.Event(), list[str]()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"]

        def read_later() -> None:
            reads.wait(60)
            try:
                body.read()
            except Exception as error:  # noqa: BLE001 - whatever it is
                told.append(type(error).__name__)

        threading.Thread(target=read_later).start()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    server = serve(application)
    with server.connect() as client:
        client.sendall(POST + bytes(1000))
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    server.close()
    reads.set()

    assert until(lambda: told == ["ValueError"] or told == ["ClientDisconnected"])


def test_the_reader_of_a_body_is_told_of_the_end(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_DRAIN_SECONDS", 0.5)
    ended = list[str]()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = echo(environ, start_response)
        ended.append("told")
        return answer

    server = serve(application)
    with server.connect() as client:
        client.sendall(POST + bytes(1000))
        assert until(lambda: bool(server.server._connections))
        server.close()

    assert ended == ["told"]


def test_what_was_asked_before_the_end_is_answered(serve: Serve) -> None:
    """Also in many parts, and to who sends its body only now."""
    server = serve(echo)
    with server.connect() as client:
        client.sendall(POST + bytes(1000))
        assert until(lambda: bool(server.server._connections))
        ending = threading.Thread(target=server.close)
        ending.start()
        client.sendall(bytes(LARGE - 1000))
        size = 0
        while chunk := client.recv(65536):
            size += len(chunk)
        ending.join()

    assert size > LARGE


def test_threads_of_both_kinds_are_waited_for_together(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a worker process could be killed that is about to write down what it counted."""
    monkeypatch.setattr(loop, "_DRAIN_SECONDS", 0)
    monkeypatch.setattr(loop, "_LAST_JOBS_SECONDS", 5)
    stuck, going_on = threading.Semaphore(0), threading.Event()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        stuck.release()
        going_on.wait(60)
        return echo(environ, start_response)

    server = serve(application)
    with server.connect() as small, server.connect() as large:
        small.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        large.sendall(POST)
        assert stuck.acquire(timeout=60)
        assert stuck.acquire(timeout=60)
        began = time.monotonic()
        server.close()
        took = time.monotonic() - began
    going_on.set()

    assert 5 <= took < 10
    assert workers.DRAINED_WITHIN > 30 + 5
