"""Makes what was fetched durable, when nobody waits for it any more."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from pypi_repo.domain.errors import RegistryError

_log = logging.getLogger(__name__)

_AFTER = 2.0  # seconds
_AGAIN = 30.0  # seconds after one that failed


class Settling:
    """Lets what was fetched from upstreams settle, many files at a time.

    settle: a function that makes durable what has come.
    """

    def __init__(self, settle: Callable[[], None]) -> None:
        self._work = settle
        self._mutex = threading.Lock()
        self._timer: threading.Timer | None = None

    def soon(self) -> None:
        """Lets settle what has come, and what comes within the next seconds."""
        self._start(_AFTER)

    def _start(self, after: float) -> None:
        with self._mutex:
            if self._timer is not None:
                return
            timer = threading.Timer(after, self._settle_or_again)
            timer.daemon = True
            with suppress(RuntimeError):  # the system allows no more threads for now
                timer.start()
                self._timer = timer

    def close(self) -> None:
        """Lets settle what has come, now."""
        with self._mutex:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self.settle()

    def _settle_or_again(self) -> None:
        if not self.settle():
            self._start(_AGAIN)

    def settle(self) -> bool:
        """Lets settle what has come. If it fails, it is logged, and False is returned."""
        with self._mutex:
            self._timer = None
        try:
            self._work()
        except RegistryError as error:
            _log.warning("What was fetched is not settled: %s", error.for_operator)
            return False
        return True
