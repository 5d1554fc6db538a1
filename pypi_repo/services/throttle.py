"""Slows down guessing: after too many failures in a minute, the next attempts must wait."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable

from pypi_repo.domain.errors import TooManyFailedLogins

_WINDOW = 60.0  # seconds
_REMEMBERED_AT_MOST = 10_000


class Throttle:
    """Counts failures by key, in this process; the oldest keys are forgotten first."""

    def __init__(self, allowed: int) -> None:
        self._allowed = max(1, allowed)
        self._failures: OrderedDict[Hashable, list[float]] = OrderedDict()
        self._mutex = threading.Lock()

    def check(self, key: Hashable) -> None:
        """Raises TooManyFailedLogins while `key` has used up its failures."""
        with self._mutex:
            recent = self._recent(key)
        if len(recent) >= self._allowed:
            wait = max(1, math.ceil(recent[0] + _WINDOW - time.monotonic()))
            raise TooManyFailedLogins(
                f"Too many failed logins; wait {wait} seconds and check the password.",
                retry_after=wait,
            )

    def count_failure(self, key: Hashable) -> None:
        with self._mutex:
            self._failures[key] = [*self._recent(key), time.monotonic()][-self._allowed :]
            self._failures.move_to_end(key)
            while len(self._failures) > _REMEMBERED_AT_MOST:
                self._failures.popitem(last=False)

    def _recent(self, key: Hashable) -> list[float]:
        now = time.monotonic()
        return [moment for moment in self._failures.get(key, ()) if now - moment < _WINDOW]
