"""Keeps a dead upstream from holding up everybody who asks for something of it."""

import threading
import time
from collections.abc import Callable

_FAILURES = 5
_ASKED_EVERY = 30.0  # seconds


class Circuit:
    """Counts the failures of one upstream in a row.

    After five of them, the upstream is only asked every 30 seconds.

    clock: returns seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._failures = 0
        self._asked_next = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the upstream has failed so often that it is hardly asked any more."""
        return self._failures >= _FAILURES

    def lets_ask(self) -> bool:
        """Returns whether to ask the upstream now. Who is told so while it is open asks alone."""
        with self._mutex:
            if not self.is_open:
                return True
            now = self._clock()
            if now < self._asked_next:
                return False
            self._asked_next = now + _ASKED_EVERY
            return True

    def note_answer(self) -> bool:
        """Records an answer, and returns whether the upstream had failed before it."""
        with self._mutex:
            had_failed, self._failures = self._failures > 0, 0
            return had_failed

    def note_failure(self) -> None:
        """Records a failure."""
        with self._mutex:
            self._failures += 1
            self._asked_next = self._clock() + _ASKED_EVERY
