"""Never more than so many at once, a short line, and nobody who overtakes it."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pypi_repo.domain.accounts.errors import TooManyLogins
from pypi_repo.server.loop import THREADS
from pypi_repo.services.accounts import hashing_slots
from pypi_repo.services.accounts.hashing_slots import (
    ADMINISTRATORS,
    KNOWN,
    STRANGERS,
    HashingSlots,
    Patience,
)
from tests.support.waiting import wait_until

LONG = 60.0  # seconds; nobody waits so long where all is well


class Crowd:
    """Each takes a slot and keeps it until it is told to go; `came` is who got one, in order."""

    def __init__(self, slots: HashingSlots, threads: ThreadPoolExecutor) -> None:
        self.came: list[int] = []
        self._slots = slots
        self._threads = threads
        self._may_go: dict[int, threading.Event] = {}

    def send(self, number: int, patience: Patience) -> Future[None]:
        self._may_go[number] = threading.Event()
        return self._threads.submit(self._take, number, patience)

    def let_go(self, number: int) -> None:
        self._may_go[number].set()

    def _take(self, number: int, patience: Patience) -> None:
        with self._slots.one(patience):
            self.came.append(number)
            assert self._may_go[number].wait(LONG)


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(16)


def in_line(slots: HashingSlots) -> int:
    return len(slots._line)


def test_who_finds_neither_a_slot_nor_room_in_the_line_is_refused_at_once(
    threads: ThreadPoolExecutor,
) -> None:
    slots = HashingSlots(2)
    crowd, patience = Crowd(slots, threads), Patience(line=3, seconds=LONG)
    served = [crowd.send(number, patience) for number in range(2)]
    wait_until(lambda: len(crowd.came) == 2)
    served += [crowd.send(number, patience) for number in range(2, 5)]
    wait_until(lambda: in_line(slots) == 3)
    with pytest.raises(TooManyLogins) as caught:
        crowd.send(5, patience).result(LONG)
    assert caught.value.retry_after > 0
    for number in range(5):
        crowd.let_go(number)
    for each in served:
        each.result(LONG)
    assert sorted(crowd.came) == [0, 1, 2, 3, 4]


def test_the_line_is_served_in_order_and_nobody_overtakes(threads: ThreadPoolExecutor) -> None:
    slots = HashingSlots(1)
    crowd, patience = Crowd(slots, threads), Patience(line=10, seconds=LONG)
    sent = []
    for number in range(6):
        sent.append(crowd.send(number, patience))
        wait_until(lambda waiting=number: len(crowd.came) == 1 and in_line(slots) == waiting)
    for number in range(6):
        wait_until(lambda coming=number: crowd.came == list(range(coming + 1)))
        crowd.let_go(number)
    for each in sent:
        each.result(LONG)


def test_who_has_less_room_finds_it_taken_by_who_has_more(threads: ThreadPoolExecutor) -> None:
    """Administrators wait where strangers are sent away."""
    slots = HashingSlots(1)
    crowd = Crowd(slots, threads)
    sent = [crowd.send(number, Patience(line=10, seconds=LONG)) for number in range(4)]
    wait_until(lambda: in_line(slots) == 3)
    with pytest.raises(TooManyLogins):
        crowd.send(4, Patience(line=2, seconds=LONG)).result(LONG)
    for number in range(4):
        crowd.let_go(number)
    for each in sent:
        each.result(LONG)


def test_no_network_keeps_others_out(threads: ThreadPoolExecutor) -> None:
    """Its last leaves a full line for another's, whose first goes before its second."""
    slots = HashingSlots(1)
    crowd = Crowd(slots, threads)
    many, other = (Patience(3, LONG, network) for network in ("198.51.100.7", "203.0.113.1"))
    of_many = []
    for number in range(4):
        of_many.append(crowd.send(number, many))
        wait_until(lambda waiting=number: len(crowd.came) == 1 and in_line(slots) == waiting)
    of_other = []
    for number in (4, 5):
        of_other.append(crowd.send(number, other))
        with pytest.raises(TooManyLogins):
            of_many.pop().result(LONG)
    for late in (many, other):
        with pytest.raises(TooManyLogins):
            crowd.send(6, late).result(LONG)
    for number in range(6):
        crowd.let_go(number)
    for each in of_many + of_other:
        each.result(LONG)
    assert crowd.came == [0, 4, 1, 5]
    assert not slots._present


def test_who_has_waited_long_enough_leaves_the_line(threads: ThreadPoolExecutor) -> None:
    slots = HashingSlots(1)
    crowd = Crowd(slots, threads)
    first = crowd.send(0, Patience(line=1, seconds=LONG))
    wait_until(lambda: crowd.came == [0])
    with pytest.raises(TooManyLogins):
        crowd.send(1, Patience(line=1, seconds=0.01)).result(LONG)
    assert in_line(slots) == 0
    crowd.let_go(0)
    first.result(LONG)
    with slots.one(Patience(line=0, seconds=0)):
        pass


def test_a_slot_is_given_back_whatever_happens() -> None:
    slots = HashingSlots(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="went wrong"), slots.one(Patience(0, 0)):
            raise ValueError("went wrong")


@pytest.mark.parametrize(
    ("processors", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)]
)
def test_at_most_half_of_the_processors_and_never_half_of_the_threads(
    processors: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing_slots, "_processors", lambda: processors)
    assert HashingSlots()._free == expected


def test_all_who_wait_leave_some_threads_to_others() -> None:
    """They share one line; the server has 16 threads for requests that have arrived."""
    longest = max(patience.line for patience in (STRANGERS, KNOWN, ADMINISTRATORS))
    assert hashing_slots.AT_ONCE_AT_MOST + longest <= THREADS - 4
