"""Connections are shared out by what each process says of itself."""

import os
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import pytest

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.server import acceptor
from pypi_repo.server.balance import Balance
from pypi_repo.server.http.connection import ARRIVAL
from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from tests.support.small_server import echo
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_each_gets_as_many(processes: int) -> None:
    """Whoever is asked first, as long as all are asked."""
    balance = Balance(2 * processes)
    connections = [0] * processes
    for place in range(processes):
        balance.enter(place)
    for _ in range(25 * processes):
        takers = [place for place, n in enumerate(connections) if balance.is_my_turn(place, n)]
        assert takers, "somebody must"
        connections[takers[0]] += 1

    assert connections == [25] * processes


def test_nobody_waits_for_who_is_gone_or_was_never_there() -> None:
    balance = Balance(4)
    balance.enter(0)
    balance.enter(1)
    with_both = balance.is_my_turn(0, 3)
    balance.leave(1)

    assert not with_both
    assert balance.is_my_turn(0, 3)


def test_who_lost_its_connections_is_next() -> None:
    balance = Balance(2)
    for place in (0, 1):
        balance.enter(place)
        balance.is_my_turn(place, 10)

    assert balance.is_my_turn(1, 0)
    assert not balance.is_my_turn(0, 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_other_processes_see_it() -> None:
    balance = Balance(2)
    balance.enter(0)
    child = os.fork()
    if child == 0:
        balance.enter(1)
        os._exit(0)
    os.waitpid(child, 0)

    assert not balance.is_my_turn(0, 1)
    assert balance.is_my_turn(0, 0)


def test_a_process_is_counted_until_it_takes_no_more_connections() -> None:
    """One that was counted out before would count itself in again at the next connection."""
    balance = Balance(2)
    balance.enter(0)
    (listening,) = sockets = listen("127.0.0.1", 0)
    goes_on = threading.Event()
    closed = list[bool]()

    def slow(environ: Any, start_response: Any) -> Iterable[bytes]:
        about_to_wait()
        goes_on.wait()
        return echo(environ, start_response)

    def leave() -> None:
        closed.append(listening.fileno() == -1)
        balance.leave(0)

    server = Server(slow, sockets, is_my_turn=partial(balance.is_my_turn, 0))
    serving = threading.Thread(target=server.serve, args=(leave,))
    with socket.create_connection(listening.getsockname()[:2], timeout=60) as client:
        serving.start()
        client.sendall(GET)
        assert until(lambda: bool(server._connections))
        server.stop()
        assert until(lambda: bool(closed))
        is_my_turn = balance.is_my_turn(1, 100)
        goes_on.set()
        assert client.recv(12) == b"HTTP/1.1 200"
    serving.join()

    assert closed == [True]
    assert is_my_turn, "while it still answers"


def test_others_are_told_when_a_client_has_left(serve: Serve) -> None:
    """Or the first process that is asked would take all new connections at once."""
    balance = Balance(2)
    balance.enter(0)
    server = serve(echo, is_my_turn=partial(balance.is_my_turn, 0))
    with server.connect() as client:
        client.sendall(GET)
        assert client.recv(12) == b"HTTP/1.1 200"
        has_one = balance.is_my_turn(1, 1)

    assert has_one
    assert until(lambda: not balance.is_my_turn(1, 1)), "it has none"


def test_each_connection_is_left_to_others_for_a_moment(serve: Serve) -> None:
    """However many come at once; nobody takes them here, so they are taken in the end."""
    first_asked = dict[int, float]()
    asked = list[int]()

    def never(connections: int) -> bool:
        asked.append(connections)
        first_asked.setdefault(connections, time.monotonic())
        return False

    server = serve(echo, is_my_turn=never)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(20)]
        for client in clients:
            client.sendall(GET)
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"
        number_of_questions = len(asked)

    assert first_asked[19] - first_asked[0] > 18 * 0.001
    assert number_of_questions < 3 * 20, "it waits, and does not spin"


def test_nobody_has_to_leave_for_a_connection_of_another_process(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "_possible_connections", lambda: 1)
    taken = list[socket.socket]()
    others = threading.Event()

    def after_others(_connections: int) -> bool:
        if others.is_set():
            with suppress(BlockingIOError):
                taken.append(shared.accept()[0])
        return True

    server = serve(echo, is_my_turn=after_others)
    with server.server._sockets[0].dup() as shared, server.connect() as idle:
        idle.sendall(GET)
        assert idle.recv(12) == b"HTTP/1.1 200"
        time.sleep(2 * ARRIVAL)  # from now on it would have to leave
        others.set()
        with server.connect():
            assert until(lambda: bool(taken))
        idle.sendall(GET)
        idle.settimeout(60)
        answered = b""
        while b"HTTP/1.1 200" not in answered:
            more = idle.recv(1000)
            assert more, answered
            answered += more
        for each in taken:
            each.close()


def test_a_client_that_has_left_meanwhile_is_no_surprise() -> None:
    """Some systems know no more of the options of its connection."""
    left = socket.socket()
    left.close()

    acceptor.keep_little(left)
