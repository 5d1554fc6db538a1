"""bcrypt keeps a processor busy on purpose: how many may use it at once, and who waits for it."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypi_repo.domain.errors import TooManyLogins
from pypi_repo.domain.waiting import about_to_wait

_AT_ONCE_AT_MOST = 4
_RETRY_AFTER = 2  # seconds


@dataclass(frozen=True, slots=True)
class Patience:
    """line: how many may stand before whoever still waits. seconds: for how long.

    network: of a stranger; empty for who has shown who it is.
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
    """rank: how many of the same network were there already. number: of all that ever came."""

    network: str
    rank: int
    number: int

    @property
    def order(self) -> tuple[int, int]:
        return self.rank, self.number


class HashingSlots:
    """So many at once, and the others in the order in which they came.

    But who comes from a network of which nobody is there goes before the second of any other, the
    second before the third, and so on; where the line is full, the last in this order leaves it. So
    no single network keeps the others out.
    """

    def __init__(self, number: int | None = None) -> None:
        """number: by default half of the processors that this process may use, at most four."""
        self._free = number or max(1, min(_AT_ONCE_AT_MOST, _processors() // 2))
        self._line: list[_Turn] = []
        self._present = Counter[str]()  # networks of who waits or is served
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def one(self, patience: Patience) -> Iterator[None]:
        """A slot, for the block. Raises TooManyLogins where the patience does not suffice."""
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
        """Raises TooManyLogins where nobody waits who should leave for `turn`."""
        last = max(self._line, key=lambda turn: turn.order, default=turn)
        if last.rank <= turn.rank:
            raise too_many_logins()
        self._line.remove(last)
        self._changed.notify_all()


def too_many_logins() -> TooManyLogins:
    return TooManyLogins(
        f"Too many logins are being checked at this moment; try again in {_RETRY_AFTER} seconds.",
        retry_after=_RETRY_AFTER,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
