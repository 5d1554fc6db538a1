"""Slows down the guessing of passwords: after too many failures, further attempts are refused."""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from pypi_repo.domain.accounts.addresses import network_of
from pypi_repo.domain.accounts.errors import TooManyFailedLogins

_WINDOW = 60.0  # seconds
_REMEMBERED_AT_MOST = 10_000

_Key = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to log in, which counts as a failure until it is taken back.

    moment: when it began, as time.monotonic() tells it.
    """

    account: str
    network: str
    moment: float


class Throttle:
    """Counts the failures of the last minute in this process.

    The oldest counts are forgotten first.

    allowed: the number of failures for one account from one address.
    from_one_address: the number of failures from one address, for all accounts together; None if
        those for one account hinder nobody else.
    """

    def __init__(self, allowed: int, from_one_address: int | None) -> None:
        self._allowed = max(1, allowed)
        self._from_one_address = from_one_address
        self._failures: OrderedDict[_Key, list[float]] = OrderedDict()
        self._mutex = threading.Lock()

    def begin(self, account: str, address: str) -> Attempt:
        """Counts an attempt before it is made, so that simultaneous attempts are counted, too.

        Raises TooManyFailedLogins if there were too many failures.
        """
        attempt = Attempt(account, network_of(address), time.monotonic())
        with self._mutex:
            for key in self._keys(attempt):
                self._check(key, attempt.moment)
            self._add(attempt)
        return attempt

    def require_allowed(self, account: str, address: str) -> None:
        """Raises TooManyFailedLogins if there were too many failures; it counts nothing."""
        attempt = Attempt(account, network_of(address), time.monotonic())
        with self._mutex:
            for key in self._keys(attempt):
                self._check(key, attempt.moment)

    def take_back(self, attempt: Attempt) -> None:
        """Stops counting an attempt as a failure."""
        with self._mutex:
            for key in self._keys(attempt):
                moments = self._failures.get(key, [])
                if attempt.moment in moments:
                    moments.remove(attempt.moment)
                if not moments:  # or it would push out a count of somebody's failures
                    self._failures.pop(key, None)

    def count_failure(self, account: str, address: str) -> None:
        """Counts a failed attempt."""
        with self._mutex:
            self._add(Attempt(account, network_of(address), time.monotonic()))

    def _keys(self, attempt: Attempt) -> list[_Key]:
        """Returns the keys of the account at the address, and of the address alone if it counts."""
        of_account: _Key = (attempt.account, attempt.network)
        of_address: _Key = (None, attempt.network)
        return [of_account] if self._from_one_address is None else [of_account, of_address]

    def _check(self, key: _Key, now: float) -> None:
        recent, allowed = self._recent(key, now), self._allowed_for(key)
        if len(recent) >= allowed:
            wait = max(1, math.ceil(recent[-allowed] + _WINDOW - now))
            origin = "" if key[0] else " from this address"
            raise TooManyFailedLogins(
                f"Too many failed logins{origin}; wait {wait} seconds and check the password.",
                retry_after=wait,
            )

    def _add(self, attempt: Attempt) -> None:
        for key in self._keys(attempt):
            recent = [*self._recent(key, attempt.moment), attempt.moment]
            self._failures[key] = recent[-self._allowed_for(key) :]
            self._failures.move_to_end(key)
        while len(self._failures) > _REMEMBERED_AT_MOST:
            self._failures.popitem(last=False)

    def _recent(self, key: _Key, now: float) -> list[float]:
        return [moment for moment in self._failures.get(key, ()) if now - moment < _WINDOW]

    def _allowed_for(self, key: _Key) -> int:
        if key[0] is not None or self._from_one_address is None:
            return self._allowed
        return max(1, self._from_one_address)
