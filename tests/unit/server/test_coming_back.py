"""Answers that wait for what others bring, and need no thread meanwhile."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from pypi_repo.domain.waiting import Bell, ComeBack, about_to_wait, coming_back, wait_for
from pypi_repo.server.http import connection as connection_module
from pypi_repo.server.loop import THREADS
from tests.support.http import Connection
from tests.support.small_server import SmallServer
from tests.support.waiting import wait_until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = GET.replace(b"Host: x", b"Connection: close")
OTHER = LAST.replace(b"/ ", b"/other ", 1)


class Growing:
    """An application whose content grows, and is waited for, also before the answer begins."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.content = b""
        self.is_whole = False
        self.calls = 0
        self.seconds = 60.0

    def grow(self, content: bytes, *, is_whole: bool = False) -> None:
        self.content += content
        self.is_whole = is_whole
        self.bell.ring()

    def wait_until(self, is_enough: Callable[[], bool]) -> None:
        while True:
            rung = self.bell.rung
            if is_enough():
                return
            wait_for(self.bell, rung, self.seconds)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/other":
            start_response("200 OK", [])
            return [b"other"]
        about_to_wait()
        self.calls += 1
        self.wait_until(lambda: bool(self.content))
        start_response("200 OK", [])
        return _Chunks(self)


class _Chunks:
    def __init__(self, growing: Growing) -> None:
        self._growing, self._offset = growing, 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        growing = self._growing
        growing.wait_until(lambda: growing.is_whole or len(growing.content) > self._offset)
        chunk = growing.content[self._offset :]
        self._offset += len(chunk)
        if not chunk:
            raise StopIteration
        return chunk


@pytest.fixture(autouse=True)
def comes_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "MOMENT", 0.0)


@pytest.fixture
def waits_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as there are enough of them."""
    monkeypatch.setattr(connection_module, "MOMENT", 60.0)


@pytest.fixture
def growing() -> Growing:
    return Growing()


@pytest.fixture
def server(growing: Growing, serve: Serve) -> SmallServer:
    return serve(growing)


def begun(server: SmallServer, number: int) -> list[Connection]:
    connections = [Connection(server.port) for _ in range(number)]
    for connection in connections:
        connection.send(LAST)
    return connections


def test_more_can_wait_than_there_are_threads(growing: Growing, server: SmallServer) -> None:
    connections = begun(server, 3 * THREADS)
    wait_until(lambda: growing.calls == 3 * THREADS)
    assert server.answers(OTHER)[0].body == b"other"
    growing.grow(b"some")
    assert server.answers(OTHER)[0].body == b"other"
    growing.grow(b" and more", is_whole=True)
    for connection in connections:
        with connection:
            assert connection.read_head()[0] == b"HTTP/1.1 200 OK"
            assert connection.read_to_end().endswith(b"\r\n0\r\n\r\n")


@pytest.mark.usefixtures("waits_in_threads")
def test_what_comes_at_once_is_not_begun_again(growing: Growing, server: SmallServer) -> None:
    (connection,) = begun(server, 1)
    with connection:
        wait_until(lambda: growing.calls == 1)
        growing.grow(b"some", is_whole=True)
        connection.read_head()
        assert connection.read_to_end().startswith(b"4\r\nsome\r\n")
    assert growing.calls == 1


@pytest.mark.usefixtures("waits_in_threads")
def test_half_of_the_threads_are_left_to_others(growing: Growing, server: SmallServer) -> None:
    connections = begun(server, 3 * THREADS)
    wait_until(lambda: growing.calls == 3 * THREADS)
    assert server.answers(OTHER)[0].body == b"other"
    growing.grow(b"some", is_whole=True)
    for connection in connections:
        with connection:
            assert connection.read_to_end().endswith(b"0\r\n\r\n")


def test_a_moment_does_not_begin_anew_with_each_ring() -> None:
    """Or what comes in drops would hold the thread until its end."""
    bell = Bell()

    def wait_for_drops() -> None:
        for _drop in range(100):
            rung = bell.rung
            threading.Timer(0.01, bell.ring).start()
            wait_for(bell, rung, 60)

    with coming_back(0.05), pytest.raises(ComeBack):
        wait_for_drops()


def test_what_is_there_is_sent_before_the_rest_comes(growing: Growing, server: SmallServer) -> None:
    (connection,) = begun(server, 1)
    with connection:
        growing.grow(b"some")
        connection.read_head()
        assert connection.read(9) == b"4\r\nsome\r\n"
        growing.grow(b"more", is_whole=True)
        assert connection.read_to_end() == b"4\r\nmore\r\n0\r\n\r\n"


def test_who_rings_at_any_moment_is_heard(growing: Growing, server: SmallServer) -> None:
    connections = begun(server, 2 * THREADS)
    for number in range(200):
        growing.grow(b"%d," % number)
    growing.grow(b"", is_whole=True)
    for connection in connections:
        with connection:
            connection.read_head()
            assert connection.read_to_end().endswith(b"0\r\n\r\n")


def test_an_answer_looks_again_after_some_time(growing: Growing, server: SmallServer) -> None:
    growing.seconds = 0.05
    (connection,) = begun(server, 1)
    with connection:
        wait_until(lambda: growing.calls > 2)
        growing.content, growing.is_whole = b"silent", True  # nobody rings
        connection.read_head()
        assert b"silent" in connection.read_to_end()


def test_who_leaves_while_waiting_is_forgotten(growing: Growing, server: SmallServer) -> None:
    for connection in begun(server, 2 * THREADS):
        connection.close()
    (connection,) = begun(server, 1)
    growing.grow(b"some", is_whole=True)
    with connection:
        connection.read_head()
        assert b"some" in connection.read_to_end()


def test_what_is_sent_cannot_be_asked_for_again(growing: Growing, server: SmallServer) -> None:
    """The body of such a request is gone, so a thread waits with it."""
    with Connection(server.port) as connection:
        connection.send(b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
        wait_until(lambda: growing.calls == 1)
        growing.grow(b"some", is_whole=True)
        connection.read_head()
        assert b"some" in connection.read_to_end()
    assert growing.calls == 1


def test_the_next_request_of_a_connection_waits_for_its_turn(
    growing: Growing, server: SmallServer
) -> None:
    with Connection(server.port) as connection:
        connection.send(GET + OTHER)
        wait_until(lambda: growing.calls == 1)
        growing.grow(b"some", is_whole=True)
        answers = connection.read_to_end()
    assert answers.index(b"some") < answers.index(b"other")


def test_a_thread_that_cannot_come_back_waits() -> None:
    bell = Bell()
    rung = bell.rung
    threading.Timer(0.05, bell.ring).start()
    wait_for(bell, rung, 60)
    wait_for(bell, rung, 60)  # it has rung since
    assert bell.rung == 1


def test_an_application_that_changes_the_environ_is_called_again_with_what_it_was(
    serve: Serve, growing: Growing
) -> None:
    """Hosts that mount an application do so, and some in place."""
    seen = []

    def mounted(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        seen.append(environ["PATH_INFO"])
        environ["SCRIPT_NAME"] += "/mounted"
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/mounted")
        return growing(environ, start_response)

    server = serve(mounted)
    with Connection(server.port) as connection:
        connection.send(LAST.replace(b"/ ", b"/mounted/x ", 1))
        wait_until(lambda: growing.calls == 1)
        growing.grow(b"content", is_whole=True)
        assert connection.read_head()[0] == b"HTTP/1.1 200 OK"
        assert b"content" in connection.read_to_end()
    assert set(seen) == {"/mounted/x"}
    assert growing.calls == 2
