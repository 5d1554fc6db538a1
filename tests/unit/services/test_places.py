"""Never more than so many at once, a short line, and nobody who overtakes it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pypi_repo.domain.errors import TooManyLogins
from pypi_repo.services import places as places_module
from pypi_repo.services.places import Patience, Places

LONG = 60.0  # seconds; nobody waits so long where all is well


class Crowd:
    """Each takes a place and keeps it until it is told to go; `came` is who got one, in order."""

    def __init__(self, places: Places, threads: ThreadPoolExecutor) -> None:
        self.came: list[int] = []
        self._places = places
        self._threads = threads
        self._may_go: dict[int, threading.Event] = {}

    def send(self, number: int, patience: Patience) -> Future[None]:
        self._may_go[number] = threading.Event()
        return self._threads.submit(self._take, number, patience)

    def let_go(self, number: int) -> None:
        self._may_go[number].set()

    def _take(self, number: int, patience: Patience) -> None:
        with self._places.one(patience):
            self.came.append(number)
            assert self._may_go[number].wait(LONG)


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(16)


def until(happened: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(6000):
        if happened():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen")


def in_line(places: Places) -> int:
    return len(places._line)


def test_who_finds_neither_a_place_nor_room_in_the_line_is_refused_at_once(
    threads: ThreadPoolExecutor,
) -> None:
    places = Places(2)
    crowd, patience = Crowd(places, threads), Patience(line=3, seconds=LONG)
    served = [crowd.send(number, patience) for number in range(2)]
    until(lambda: len(crowd.came) == 2)
    served += [crowd.send(number, patience) for number in range(2, 5)]
    until(lambda: in_line(places) == 3)
    with pytest.raises(TooManyLogins) as caught:
        crowd.send(5, patience).result(LONG)
    assert caught.value.retry_after > 0
    for number in range(5):
        crowd.let_go(number)
    for each in served:
        each.result(LONG)
    assert sorted(crowd.came) == [0, 1, 2, 3, 4]


def test_the_line_is_served_in_order_and_nobody_overtakes(threads: ThreadPoolExecutor) -> None:
    places = Places(1)
    crowd, patience = Crowd(places, threads), Patience(line=10, seconds=LONG)
    sent = []
    for number in range(6):
        sent.append(crowd.send(number, patience))
        until(lambda waiting=number: len(crowd.came) == 1 and in_line(places) == waiting)
    for number in range(6):
        until(lambda coming=number: crowd.came == list(range(coming + 1)))
        crowd.let_go(number)
    for each in sent:
        each.result(LONG)


def test_who_has_less_room_finds_it_taken_by_who_has_more(threads: ThreadPoolExecutor) -> None:
    """Administrators wait where strangers are sent away."""
    places = Places(1)
    crowd = Crowd(places, threads)
    sent = [crowd.send(number, Patience(line=10, seconds=LONG)) for number in range(4)]
    until(lambda: in_line(places) == 3)
    with pytest.raises(TooManyLogins):
        crowd.send(4, Patience(line=2, seconds=LONG)).result(LONG)
    for number in range(4):
        crowd.let_go(number)
    for each in sent:
        each.result(LONG)


def test_who_has_waited_long_enough_leaves_the_line(threads: ThreadPoolExecutor) -> None:
    places = Places(1)
    crowd = Crowd(places, threads)
    first = crowd.send(0, Patience(line=1, seconds=LONG))
    until(lambda: crowd.came == [0])
    with pytest.raises(TooManyLogins):
        crowd.send(1, Patience(line=1, seconds=0.01)).result(LONG)
    assert in_line(places) == 0
    crowd.let_go(0)
    first.result(LONG)
    with places.one(Patience(line=0, seconds=0)):
        pass


def test_a_place_is_given_back_whatever_happens() -> None:
    places = Places(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="went wrong"), places.one(Patience(0, 0)):
            raise ValueError("went wrong")


@pytest.mark.parametrize(
    ("processors", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)]
)
def test_at_most_half_of_the_processors_and_never_half_of_the_threads(
    processors: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places_module, "_processors", lambda: processors)
    assert Places()._free == expected
