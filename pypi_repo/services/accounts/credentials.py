"""Checks whether a name and a password belong together, at a limited cost."""

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import replace

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.services.accounts.hashing_slots import KNOWN, STRANGERS, too_many_logins
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.accounts.throttle import Attempt, Throttle

_SHARED_IN_VAIN = 20
_WINDOW = 60.0  # seconds

_Key = tuple[str, bytes]


class Credentials:
    """Checks the passwords of clients, and limits what these checks cost.

    A client whose password was verified recently does not wait, and is not counted. A client whose
    password was right some time ago is checked again, but in a queue of its own, and is not refused
    because of the failures of others.

    Installers open many connections at once with one new password. The first of these requests is
    checked, and the others wait for the result. Each of them occupies a thread while it waits, so
    if twenty have waited in vain, no others may do so for a minute.
    """

    def __init__(self, passwords: Passwords, throttle: Throttle) -> None:
        self._passwords = passwords
        self._throttle = throttle
        self._under_way: dict[_Key, Future[bool]] = {}
        self._shared_in_vain: deque[float] = deque(maxlen=_SHARED_IN_VAIN)
        self._mutex = threading.Lock()

    def are_right(self, account: str, password: str, stored_hash: str | None, address: str) -> bool:
        """Returns whether the password is right.

        If the password was not verified recently, this takes one bcrypt check, even if there is no
        such account, so that the time reveals nothing.

        account: the name under which failures are counted.
        stored_hash: the hash of the account's password; None if there is no such account.
        address: the address of the client.

        Raises TooManyFailedLogins, or TooManyLogins if bcrypt has too much to do.
        """
        hashed = stored_hash or self._passwords.nobodys_hash
        if self._passwords.is_remembered(password, hashed):
            return True
        about_to_wait()
        is_known = self._passwords.was_right(password, hashed)
        # With the account: what is tried for many unknown ones must not share one check either.
        key = (account, self._passwords.memo(password, hashed))
        with self._mutex:
            check = self._under_way.get(key)
            if check is None:
                attempt = None if is_known else self._throttle.begin(account, address)
                self._under_way[key] = Future()
            elif not is_known:
                self._check_sharing()
        if check is None:
            return self._check(key, attempt, password, hashed)
        return self._share(check, account, address)

    def _share(self, check: Future[bool], account: str, address: str) -> bool:
        is_right = False
        try:
            is_right = check.result()
            if not is_right:
                self._throttle.count_failure(account, address)
        finally:
            if not is_right:
                self._shared_in_vain.append(time.monotonic())
        return is_right

    def _check(self, key: _Key, attempt: Attempt | None, password: str, stored_hash: str) -> bool:
        """attempt: a stranger's; None for who is known."""
        check, has_failed = self._under_way[key], False
        patience = KNOWN if attempt is None else replace(STRANGERS, network=attempt.network)
        try:
            is_right = self._passwords.verify(password, stored_hash, patience)
            has_failed = not is_right
            check.set_result(is_right)
        except BaseException as error:
            check.set_exception(error)
            raise
        finally:
            if attempt is not None and not has_failed:
                self._throttle.take_back(attempt)
            with self._mutex:
                del self._under_way[key]
        return is_right

    def _check_sharing(self) -> None:
        """Raises TooManyLogins if too many requests have lately shared a check in vain."""
        in_vain = self._shared_in_vain
        if len(in_vain) == _SHARED_IN_VAIN and time.monotonic() - in_vain[0] < _WINDOW:
            raise too_many_logins()
