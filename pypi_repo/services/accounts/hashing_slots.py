"""Limits how many bcrypt computations run at once, because each keeps a processor busy."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypi_repo.domain.accounts.errors import TooManyLogins
from pypi_repo.domain.waiting import about_to_wait

AT_ONCE_AT_MOST = 4
_RETRY_AFTER = 2  # seconds


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits for a slot.

    line: how many others may be before it in the queue.
    seconds: the longest time to wait.
    network: the network of an unknown client; empty for a client that is known.
    """

    line: int
    seconds: float
    network: str = ""


STRANGERS = Patience(line=4, seconds=5)
"""Who may be anybody: together with those served, at most half of the threads of `serve`."""

KNOWN = Patience(line=8, seconds=30)
"""Whose password was right before, if not a moment ago."""

ADMINISTRATORS = Patience(line=8, seconds=30)
"""Who has shown that it may set passwords; even so, some threads of `serve` must be left over."""


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """A place in the queue.

    rank: how many clients of the same network were in the queue before.
    number: how many clients have ever entered the queue before.
    """

    network: str
    rank: int
    number: int

    @property
    def order(self) -> tuple[int, int]:
        return self.rank, self.number


class HashingSlots:
    """A limited number of slots, and a queue for the clients that wait for one.

    The queue is fair between networks: the first client of each network comes before the second
    client of any other network, and so on. If the queue is full, its last client has to leave. So
    no single network can keep others out.
    """

    def __init__(self, number: int | None = None) -> None:
        """Creates the slots.

        number: the number of slots; by default, half of the processors that this process may use,
            and at most four.
        """
        self._free = number or max(1, min(AT_ONCE_AT_MOST, _processors() // 2))
        self._line: list[_Turn] = []
        self._present = Counter[str]()  # networks of who waits or is served
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def one(self, patience: Patience) -> Iterator[None]:
        """Holds a slot during the block.

        Raises TooManyLogins if no slot becomes free in time, or the queue is too long.
        """
        about_to_wait()
        network = patience.network
        with self._changed:
            rank = self._present[network] if network else 0
            self._present[network] += 1
        try:
            with self._changed:
                if self._line or not self._free:
                    self._wait(_Turn(network, rank, next(self._numbers)), patience)
                self._free -= 1
                self._changed.notify_all()  # there may be a slot for the next one, too
            try:
                yield
            finally:
                with self._changed:
                    self._free += 1
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._present -= Counter([network])  # which forgets networks of which none is left

    def _wait(self, turn: _Turn, patience: Patience) -> None:
        line = self._line
        if len(line) >= patience.line:
            self._make_room(turn)
        line.append(turn)
        try:
            self._changed.wait_for(
                lambda: turn not in line or (self._free > 0 and self._next is turn),
                patience.seconds,
            )
            is_served = self._free > 0 and turn in line and self._next is turn
        finally:
            if turn in line:
                line.remove(turn)
            self._changed.notify_all()
        if not is_served:
            raise too_many_logins()

    @property
    def _next(self) -> _Turn:
        return min(self._line, key=lambda turn: turn.order)

    def _make_room(self, turn: _Turn) -> None:
        """Makes the last client of a full queue leave for another one.

        Raises TooManyLogins if all clients in the queue come before `turn`.
        """
        last = max(self._line, key=lambda turn: turn.order, default=turn)
        if last.rank <= turn.rank:
            raise too_many_logins()
        self._line.remove(last)
        self._changed.notify_all()


def too_many_logins() -> TooManyLogins:
    """Returns the error for a client that gets no slot."""
    return TooManyLogins(
        f"Too many logins are being checked at this moment; try again in {_RETRY_AFTER} seconds.",
        retry_after=_RETRY_AFTER,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
