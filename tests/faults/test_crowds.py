"""More connections than the server has room for: there is always room for one more."""

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import addresses, download_path
from tests.support.distributions import wheel
from tests.support.http import Connection, basic
from tests.support.processes import ServerProcess
from tests.support.publisher import publishing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no limit of open files to set")

CROWD = 60  # ten more than there is room for
ASK = b"GET /repositories/main/simple/ HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.contextmanager
def crowd(server: ServerProcess, size: int = CROWD) -> Iterator[list[Connection]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Connection(server.port)) for _ in range(size)]


def test_the_silent_of_one_address_do_not_fill_the_other(small_server: ServerProcess) -> None:
    try:
        socket.create_connection(("::1", small_server.port), timeout=5).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with crowd(small_server), socket.create_connection(("::1", small_server.port), 1) as late:
        late.sendall(ASK)
        answer = late.recv(100)

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_who_comes_is_not_taken_for_who_left(small_server: ServerProcess) -> None:
    """Its socket may have the number of one that was heard from in the same moment."""
    answers = []
    ended = threading.Event()

    def trickle(others: list[Connection]) -> None:
        while not ended.is_set():
            for other in others[-CROWD:]:
                with contextlib.suppress(ConnectionError):
                    other.send(b"x")

    with contextlib.ExitStack() as stack, crowd(small_server) as others:
        thread = threading.Thread(target=trickle, args=[others])
        thread.start()
        for _ in range(60):
            with Connection(small_server.port) as late:
                late.send(ASK)
                with contextlib.suppress(ConnectionError):
                    answers.append(late.read_head()[0][:13])
            others.append(stack.enter_context(Connection(small_server.port)))
        ended.set()
        thread.join()

    assert answers == [b"HTTP/1.1 401 "] * 60


def test_who_takes_no_answer_makes_room_for_others(small_server: ServerProcess) -> None:
    dist = wheel("heavy", padding=10_000_000)
    with publishing(*addresses(small_server).target()) as publisher:
        publisher.upload(dist)
    path = download_path(dist)
    authorization = basic(USER, PASSWORD)["Authorization"]
    with crowd(small_server, 48) as takers:
        for taker in takers:
            taker.send(f"GET {path} HTTP/1.1\r\nAuthorization: {authorization}\r\n\r\n".encode())
        with crowd(small_server, 5) as late:
            for one in late:
                one.send(ASK)
            answers = [one.read_head()[0][:13] for one in late]

    assert answers == [b"HTTP/1.1 401 "] * 5
