"""What is asked elsewhere before requests are answered in the event loop."""

import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import about_to_wait, attempt
from pypi_repo.server import inquiries
from tests.support.http import Connection
from tests.support.small_server import SmallServer
from tests.support.waiting import wait_until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEALTH = GET.replace(b"/ ", b"/health ", 1)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


class Library:
    """Tells which word is known, when the test says so."""

    def __init__(self) -> None:
        self.word = "known"
        self.asked = 0
        self.opened = 0
        self.is_closed = self.answers_at_once = self.refuses = False
        self._here, self._there = socket.socketpair()

    def answer(self, *, is_whole: bool = True) -> None:
        self._there.sendall(b"!" if is_whole else b"?")

    def hang_up(self) -> None:
        self._there.close()

    def connect(self) -> int:
        self.opened += 1
        if self.refuses:
            raise Unavailable("Nobody is there.")
        self._here.close()
        self._there.close()
        self._here, self._there = socket.socketpair()
        self.is_closed = False
        return self._here.fileno()

    def send(self) -> None:
        if self.is_closed:
            raise Unavailable("It was closed.")
        self.asked += 1
        if self.answers_at_once:
            self.answer()

    def receive(self) -> Mapping[object, Any] | None:
        come = self._here.recv(100)
        if not come:
            raise Unavailable("It has hung up.")
        return {"word": self.word} if b"!" in come else None

    def close(self) -> None:
        self.is_closed = True

    def end(self) -> None:
        self._here.close()
        self._there.close()


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answers with what is known; a thread knows nothing, and need not."""
    current = attempt()
    if environ["PATH_INFO"] == "/health":
        word = "healthy" if current is not None else "from a thread"
    elif current is None:
        word = "from a thread"
    elif "word" in current.known:
        word = current.known["word"]
    else:
        about_to_wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [word.encode()]


@pytest.fixture
def library() -> Iterator[Library]:
    library = Library()
    yield library
    library.end()


@pytest.fixture
def server(library: Library, serve: Serve) -> SmallServer:
    """One that has asked already."""
    server = serve(application, informant=library)
    library.answers_at_once = True
    with Connection(server.port) as client:
        wait_until(lambda: word(client) == "known")
    library.answers_at_once = False
    library.asked = 0
    return server


@pytest.fixture
def never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiries, "PATIENCE", 60)


def read(client: Connection) -> str:
    _status, headers = client.read_head()
    return client.read(int(headers["content-length"])).decode()


def word(client: Connection, request: bytes = GET) -> str:
    client.send(request)
    return read(client)


def test_nobody_waits_until_there_is_a_connection(library: Library, serve: Serve) -> None:
    library.refuses = True
    server = serve(application, informant=library)
    with Connection(server.port) as client:
        assert [word(client), word(client)] == ["from a thread"] * 2
        assert word(client, HEALTH) == "healthy"
    assert (library.opened, library.asked) == (1, 0)


@pytest.mark.usefixtures("never_late")
def test_a_request_waits_for_what_is_known(library: Library, server: SmallServer) -> None:
    with Connection(server.port) as client:
        for number in range(1, 4):
            client.send(GET)
            wait_until(lambda number=number: library.asked == number)
            library.word = str(number)
            library.answer(is_whole=False)
            library.answer()
            assert read(client) == str(number)


@pytest.mark.usefixtures("never_late")
def test_all_that_arrive_meanwhile_share_the_next_question(
    library: Library, server: SmallServer
) -> None:
    """And none of them gets the answer to one that was sent before."""
    with ExitStack() as stack:
        first, *others = (stack.enter_context(Connection(server.port)) for _ in range(20))
        first.send(GET)
        wait_until(lambda: library.asked == 1)
        for other in others:
            other.send(GET)
        waiting = server.server.inquiries
        assert waiting is not None
        wait_until(lambda: len(waiting._waiting) == len(others))
        library.answer()
        assert read(first) == "known"
        wait_until(lambda: library.asked == 2)
        library.word = "known by now"
        library.answer()
        assert {read(other) for other in others} == {"known by now"}
        assert library.asked == 2


@pytest.mark.usefixtures("never_late")
def test_what_changes_something_asks_nobody(library: Library, server: SmallServer) -> None:
    with Connection(server.port) as client:
        assert word(client, POST) == "from a thread"
    assert library.asked == 0


@pytest.mark.usefixtures("never_late")
def test_requests_that_are_sent_ahead_take_turns(library: Library, server: SmallServer) -> None:
    with Connection(server.port) as client:
        client.send(GET * 3)
        for number in range(1, 4):
            wait_until(lambda number=number: library.asked == number)
            library.word = str(number)
            library.answer()
        assert [read(client) for _ in range(3)] == ["1", "2", "3"]


def test_who_is_not_answered_in_time_goes_on(
    library: Library, server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is asked until there was an answer, and for a while after that."""
    monkeypatch.setattr(inquiries, "PAUSE", 0.3)
    with Connection(server.port) as client:
        assert word(client, HEALTH) == "healthy"
        assert library.asked == 1
        assert [word(client), word(client)] == ["from a thread"] * 2
        library.answer()
        assert word(client) == "from a thread"
        assert library.asked == 1
        library.answers_at_once = True
        wait_until(lambda: word(client) == "known")
        assert {word(client) for _ in range(10)} == {"known"}


@pytest.mark.parametrize("is_asked", [True, False])
def test_who_hangs_up_is_connected_again(
    is_asked: bool, library: Library, server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiries, "PAUSE", 0.3)
    monkeypatch.setattr(inquiries, "PATIENCE", 60)
    with Connection(server.port) as client:
        if is_asked:
            client.send(GET)
            wait_until(lambda: library.asked == 1)
        library.refuses = True
        library.hang_up()
        wait_until(lambda: library.is_closed)
        if is_asked:
            assert read(client) == "from a thread"
        assert word(client) == "from a thread"
        wait_until(lambda: word(client) == "from a thread" and library.opened == 2)
        library.refuses, library.answers_at_once = False, True
        wait_until(lambda: word(client) == "known")


def test_a_question_that_cannot_be_sent(library: Library, server: SmallServer) -> None:
    library.close()
    with Connection(server.port) as client:
        assert word(client) == "from a thread"


@pytest.mark.usefixtures("never_late")
def test_who_leaves_while_waiting_is_forgotten(library: Library, server: SmallServer) -> None:
    with Connection(server.port) as client:
        client.send(GET)
        wait_until(lambda: library.asked == 1)
        reset = struct.pack("ii", 1, 0)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    wait_until(lambda: not server.server._connections)
    library.answer()
    library.answers_at_once = True
    with Connection(server.port) as client:
        assert word(client) == "known"


@pytest.mark.usefixtures("never_late")
def test_a_server_that_ends_answers_who_waits(library: Library, server: SmallServer) -> None:
    with Connection(server.port) as client:
        client.send(GET)
        wait_until(lambda: library.asked == 1)
        ending = threading.Thread(target=server.close)
        ending.start()
        wait_until(lambda: server.server.is_ending)
        assert not library.is_closed
        library.answer()
        assert read(client) == "known"
    ending.join()
    assert library.is_closed
