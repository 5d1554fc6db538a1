"""bcrypt keeps a processor busy on purpose: how many may use it at once, and who waits for it."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pypi_repo.domain.errors import TooManyLogins

_AT_ONCE_AT_MOST = 4
_RETRY_AFTER = 2  # seconds


@dataclass(frozen=True, slots=True)
class Patience:
    """line: how many may stand before whoever still waits. seconds: for how long."""

    line: int
    seconds: float


STRANGERS = Patience(line=4, seconds=5)
"""Who may be anybody: together with those served, at most half of the threads of `serve`."""

KNOWN = Patience(line=8, seconds=30)
"""Whose password was right before, if not a moment ago."""

ADMINISTRATORS = Patience(line=64, seconds=30)
"""Who has shown that it may set passwords."""


class HashingSlots:
    """So many at once, and the others in the order in which they came."""

    def __init__(self, number: int | None = None) -> None:
        """number: by default half of the processors that this process may use, at most four."""
        self._free = number or max(1, min(_AT_ONCE_AT_MOST, _processors() // 2))
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def one(self, patience: Patience) -> Iterator[None]:
        """A slot, for the block. Raises TooManyLogins where the patience does not suffice."""
        with self._changed:
            if self._line or not self._free:
                self._wait(patience)
            self._free -= 1
            self._changed.notify_all()  # there may be a slot for the next one, too
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wait(self, patience: Patience) -> None:
        turn, line = object(), self._line
        is_served = len(line) < patience.line
        if is_served:
            line.append(turn)
            try:
                is_served = self._changed.wait_for(
                    lambda: self._free > 0 and line[0] is turn, patience.seconds
                )
            finally:
                line.remove(turn)
                self._changed.notify_all()
        if not is_served:
            raise too_many_logins()


def too_many_logins() -> TooManyLogins:
    return TooManyLogins(
        f"Too many logins are being checked at this moment; try again in {_RETRY_AFTER} seconds.",
        retry_after=_RETRY_AFTER,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
