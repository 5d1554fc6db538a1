"""The body between the loop that receives it and the thread that reads it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.exceptions import ClientDisconnected

from pypi_repo.server.http.body import Body, TooSlow

MIB = 1024 * 1024


def nothing() -> None:
    pass


def body(
    on_first_read: Callable[[], None] = nothing, on_room: Callable[[], None] = nothing
) -> Body:
    return Body(on_first_read, on_room)


def test_what_came_is_read_in_order_and_in_pieces() -> None:
    incoming = body()
    for chunk in (b"one ", b"two ", b"three"):
        incoming.append(chunk)
    incoming.complete()

    assert incoming.read(2) == b"on"
    assert incoming.read(0) == b""
    assert incoming.readline(4) == b"e tw"
    assert incoming.read(100) == b"o three"
    assert incoming.read(1) == b""


def test_everything_at_once() -> None:
    incoming = body()
    incoming.append(b"x" * 100_000)
    incoming.complete()

    assert incoming.read() == b"x" * 100_000


def test_reading_waits_for_what_comes() -> None:
    incoming = body()
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(incoming.read)
        incoming.append(b"late ")
        incoming.append(b"but whole")
        incoming.complete()

        assert read.result(60) == b"late but whole"


def test_what_is_cut_off_is_never_taken_for_whole() -> None:
    incoming = body()
    incoming.append(b"half")
    with ThreadPoolExecutor(1) as thread:
        read = thread.submit(incoming.read)
        incoming.cut_off()

        with pytest.raises(ClientDisconnected):
            read.result(60)
    with pytest.raises(ClientDisconnected):
        incoming.read(1)


def test_who_reads_is_told_that_the_client_was_too_slow() -> None:
    incoming = body()
    incoming.append(b"half")
    incoming.cut_off(TooSlow)

    with pytest.raises(TooSlow) as refused:
        incoming.read(1)
    assert refused.value.code == 408


def test_the_sender_is_held_up_while_nobody_reads() -> None:
    room = threading.Event()
    incoming = body(on_room=room.set)

    def fill() -> int:
        size = 0
        while not incoming.is_full:
            incoming.append(bytes(32 * 1024))
            size += 32 * 1024
        return size

    before_anybody_reads = fill()
    incoming.read(1)
    told, full_again = room.is_set(), incoming.is_full
    room.clear()
    held_up_at = fill()
    incoming.read(2 * MIB)

    assert before_anybody_reads == 64 * 1024
    assert told
    assert not full_again
    assert held_up_at <= 4 * MIB
    assert room.is_set()
    assert not incoming.is_full


def test_what_is_not_wanted_is_dropped() -> None:
    room = threading.Event()
    incoming = body(on_room=room.set)
    while not incoming.is_full:
        incoming.append(bytes(MIB))
    incoming.close()
    for _ in range(100):
        incoming.append(bytes(MIB))

    assert room.is_set()
    assert not incoming.is_full


def test_it_is_asked_for_once_and_only_by_a_reader() -> None:
    asked: list[bool] = []
    incoming = body(on_first_read=lambda: asked.append(True))
    incoming.append(b"body")
    assert asked == []
    incoming.read(1)
    incoming.read(1)

    assert asked == [True]
