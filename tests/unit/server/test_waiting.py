"""What is answered on the loop, and what by a thread."""

import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pypi_repo.domain.waiting import about_to_wait
from tests.support.small_server import SmallServer, echo
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = GET.replace(b"Host: x", b"Connection: close")


class Watched:
    """Remembers on which threads it was called, read and closed.

    where: in which of these it waits.
    """

    def __init__(self, *where: str, size: int = 10) -> None:
        self._where, self._size = where, size
        self.calls: list[str] = []
        self.closings: list[str] = []

    def __call__(
        self, _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        self.calls.append(here())
        self._wait("call")
        start_response("200 OK", [("Content-Type", "text/plain")])
        self._wait("after start")
        return Answer(self)

    def _wait(self, where: str) -> None:
        if where in self._where:
            about_to_wait()


class Answer:
    def __init__(self, application: Watched) -> None:
        self._application = application

    def __iter__(self) -> Iterator[bytes]:
        self._application._wait("first chunk")
        yield b"x" * self._application._size
        self._application._wait("second chunk")
        yield b"y"

    def close(self) -> None:
        self._application.closings.append(here())
        self._application._wait("close")


def here() -> str:
    return threading.current_thread().name.rpartition("-")[0]


def test_what_need_not_wait_is_answered_on_the_loop(serve: Serve) -> None:
    application = Watched()
    (answer,) = serve(application).answers(LAST)

    assert answer.body == b"x" * 10 + b"y"
    assert application.calls == application.closings
    assert application.calls != ["answering"]


@pytest.mark.parametrize("where", ["call", "after start", "first chunk", "second chunk", "close"])
def test_what_waits_is_done_again_by_a_thread(where: str, serve: Serve) -> None:
    application = Watched(where)
    answers = serve(application).answers(GET + LAST)

    assert [each.body for each in answers] == [b"x" * 10 + b"y"] * 2
    assert [call == "answering" for call in application.calls] == [False, True] * 2
    assert application.closings[-1] == "answering"
    made = 1 if where in ("call", "after start") else 2
    assert len(application.closings) == made * 2, "each answer that was made, once"


def test_a_thread_makes_the_rest_of_what_is_long(serve: Serve) -> None:
    """The client has some of it, so that it is not made again."""
    application = Watched("second chunk", size=5_000_000)
    (answer,) = serve(application).answers(LAST)

    assert len(answer.body) == 5_000_001
    assert len(application.calls) == 1
    assert application.closings == ["answering"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("body", [b"", b"small", bytes(100_000)], ids=["none", "small", "large"])
def test_what_may_change_something_is_done_once_by_a_thread(
    body: bytes, method: str, serve: Serve
) -> None:
    application = Watched("call")
    request = b"%s / HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    (answer,) = serve(application).answers(request % (method.encode(), len(body), body))

    assert answer.code == 200
    assert application.calls == ["receiving" if len(body) > 65536 else "answering"]


def test_head_may_wait(serve: Serve) -> None:
    application = Watched("call")
    serve(application).ask(LAST.replace(b"GET", b"HEAD"))

    assert [call == "answering" for call in application.calls] == [False, True]
    assert len(application.closings) == 1


def test_others_are_answered_while_threads_wait(serve: Serve) -> None:
    goes_on = threading.Event()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/wait":
            about_to_wait()
            goes_on.wait(60)
        return echo(environ, start_response)

    server = serve(application)
    waiting = [server.connect() for _ in range(40)]
    for each in waiting:
        each.sendall(b"GET /wait HTTP/1.1\r\nConnection: close\r\n\r\n")
    answers = [server.answers(LAST)[0].code for _ in range(10)]
    goes_on.set()
    late = [each.recv(100)[:13] for each in waiting]
    for each in waiting:
        each.close()

    assert answers == [200] * 10
    assert late == [b"HTTP/1.1 200 "] * 40


def test_a_client_that_left_while_its_answer_waited(serve: Serve) -> None:
    began, goes_on = threading.Event(), threading.Event()
    application = Watched()

    def waiting(*arguments: Any) -> Iterable[bytes]:
        about_to_wait()
        began.set()
        goes_on.wait(60)
        return application(*arguments)

    server: SmallServer = serve(waiting)
    with server.connect() as client:
        client.sendall(GET)
        assert began.wait(60)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    assert until(lambda: not server.server._connections)
    goes_on.set()

    assert until(lambda: len(application.closings) == 1)
