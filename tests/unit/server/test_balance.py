"""Connections are shared out by what each process says of itself."""

import os
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.server import acceptor
from pypi_repo.server.balance import Balance, Share
from pypi_repo.server.http.connection import ARRIVAL
from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from tests.support.small_server import echo
from tests.support.waiting import until
from tests.unit.server.conftest import Serve, Tls

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def two_shares(places: int = 2) -> tuple[Share, Share]:
    """Of processes that accept connections."""
    balance = Balance(places)
    shares = balance.share(0), balance.share(1)
    for share in shares:
        share.enter()
    return shares


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_each_gets_as_many(processes: int) -> None:
    """Whoever is asked first, as long as all are asked."""
    balance = Balance(2 * processes)
    connections = [0] * processes
    shares = [balance.share(place) for place in range(processes)]
    for share in shares:
        share.enter()
    for _ in range(25 * processes):
        for share, number in zip(shares, connections, strict=True):
            share.note(number)
        takers = [place for place, share in enumerate(shares) if share.is_my_turn()]
        assert takers, "somebody must"
        connections[takers[0]] += 1

    assert connections == [25] * processes


def test_nobody_waits_for_who_is_gone_or_was_never_there() -> None:
    one, other = two_shares(places=4)
    one.note(3)
    with_both = one.is_my_turn()
    other.leave()
    other.note(1)

    assert not with_both
    assert one.is_my_turn()


def test_who_lost_its_connections_is_next() -> None:
    one, other = two_shares()
    for share in (one, other):
        share.note(10)
    other.note(0)

    assert other.is_my_turn()
    assert not one.is_my_turn()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_other_processes_see_it() -> None:
    one, other = two_shares()
    one.note(1)
    other.note(1)
    child = os.fork()
    if child == 0:
        other.note(0)
        os._exit(0)
    os.waitpid(child, 0)

    assert not one.is_my_turn()


def test_a_process_is_counted_until_it_takes_no_more_connections() -> None:
    """One that was counted out before would count itself in again at the next connection."""
    share, other = two_shares()
    other.note(100)
    (listening,) = sockets = listen("127.0.0.1", 0)
    goes_on = threading.Event()
    closed = list[bool]()

    def slow(environ: Any, start_response: Any) -> Iterable[bytes]:
        about_to_wait()
        goes_on.wait()
        return echo(environ, start_response)

    def leave() -> None:
        closed.append(listening.fileno() == -1)
        share.leave()

    server = Server(slow, sockets, share=share)
    serving = threading.Thread(target=server.serve, args=(leave,))
    with socket.create_connection(listening.getsockname()[:2], timeout=60) as client:
        serving.start()
        client.sendall(GET)
        assert until(lambda: bool(server._connections))
        server.stop()
        assert until(lambda: bool(closed))
        is_my_turn = other.is_my_turn()
        goes_on.set()
        assert client.recv(12) == b"HTTP/1.1 200"
    serving.join()

    assert closed == [True]
    assert is_my_turn, "while it still answers"


def test_others_are_told_when_a_client_has_left(serve: Serve) -> None:
    """Or the first process that is asked would take all new connections at once."""
    share, other = two_shares()
    other.note(1)
    server = serve(echo, share=share)
    with server.connect() as client:
        client.sendall(GET)
        assert client.recv(12) == b"HTTP/1.1 200"
        has_one = other.is_my_turn()

    assert has_one
    assert until(lambda: not other.is_my_turn()), "it has none"


def test_others_are_told_of_connections_that_are_being_set_up(serve: Serve, tls: Tls) -> None:
    """A process amid handshakes would take all new connections when one of its old ones ends."""
    share, other = two_shares()
    server = serve(echo, tls=tls, share=share)
    other.note(3)
    with ExitStack() as stack:
        for _number in range(3):
            silent = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            stack.enter_context(silent)
        with server.connect() as client:
            client.sendall(GET)
            assert client.recv(12) == b"HTTP/1.1 200"
        assert until(lambda: not server.server._connections)
        has_as_many = other.is_my_turn()
    other.note(1)
    assert has_as_many
    assert until(lambda: not other.is_my_turn()), "they have left amid their handshakes"


def test_each_connection_is_left_to_others_for_a_moment(serve: Serve) -> None:
    """However many come at once; nobody takes them here, so they are taken in the end."""
    first_asked = dict[int, float]()
    asked = list[int]()

    class Never(Share):
        connections = 0

        def note(self, connections: int) -> None:
            self.connections = connections

        def is_my_turn(self) -> bool:
            asked.append(self.connections)
            first_asked.setdefault(self.connections, time.monotonic())
            return False

    server = serve(echo, share=Never(memoryview(bytearray(1)), 0))
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

    class AfterOthers(Share):
        def is_my_turn(self) -> bool:
            if others.is_set():
                with suppress(BlockingIOError):
                    taken.append(shared.accept()[0])
            return True

    server = serve(echo, share=AfterOthers(memoryview(bytearray(1)), 0))
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
