"""The threads of the application."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from waitress.task import ThreadedTaskDispatcher


class Threads(ThreadedTaskDispatcher):
    """`count` that work: where one waits for a slow client, another one is started.

    stand_ins: no more than these at once.
    """

    def __init__(self, count: int, stand_ins: int) -> None:
        super().__init__()
        self._spare = stand_ins
        self._changing = threading.Lock()
        self.set_thread_count(count)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what is not work."""
        has_stand_in = self._add(1)
        try:
            yield
        finally:
            if has_stand_in:
                self._add(-1)

    def _add(self, number: int) -> bool:
        with self._changing:
            if self._spare < number:
                return False
            self._spare -= number
            with self.lock:
                running = len(self.threads) - self.stop_count
            self.set_thread_count(max(0, running + number))  # after shutdown() none comes back
            return True
