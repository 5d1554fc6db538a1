"""Connections are shared out by what each process says of itself."""

import os
import time
from contextlib import ExitStack

import pytest

from pypi_repo.server.balance import Balance
from tests.support.small_server import echo
from tests.unit.server.conftest import Serve


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


def test_each_connection_is_left_to_others_for_a_moment(serve: Serve) -> None:
    """However many come at once; nobody takes them here, so they are taken in the end."""
    first_asked = dict[int, float]()

    def never(connections: int) -> bool:
        first_asked.setdefault(connections, time.monotonic())
        return False

    server = serve(echo, is_my_turn=never)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(20)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for client in clients:
            assert client.recv(12) == b"HTTP/1.1 200"

    assert first_asked[19] - first_asked[0] > 18 * 0.001
