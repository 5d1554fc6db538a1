"""Whether a name and a password belong together, asked by whoever it may be."""

import threading
from concurrent.futures import Future

from pypi_repo.services.passwords import Passwords
from pypi_repo.services.places import STRANGERS
from pypi_repo.services.throttle import Attempt, Throttle

_Key = tuple[str, bytes]


class Credentials:
    """Checks what strangers send, and bounds what that costs.

    Who is remembered waits for nobody and is never counted. Installers open many connections at
    once with one new password: the first of them is checked, and the others wait for its answer.
    """

    def __init__(self, passwords: Passwords, throttle: Throttle) -> None:
        self._passwords = passwords
        self._throttle = throttle
        self._under_way: dict[_Key, Future[bool]] = {}
        self._mutex = threading.Lock()

    def are_right(self, account: str, password: str, stored_hash: str | None, address: str) -> bool:
        """Takes one bcrypt check, whoever it is: the clock tells nothing.

        account: under which failures are counted.
        stored_hash: the account's; None where there is no such account.
        address: of the client.

        Raises TooManyFailedLogins, or TooManyLogins where bcrypt has too much to do.
        """
        hashed = stored_hash or self._passwords.nobodys_hash
        if self._passwords.is_remembered(password, hashed):
            return True
        # With the account: what is tried for many unknown ones must not share one check either.
        key = (account, self._passwords.memo(password, hashed))
        with self._mutex:
            check = self._under_way.get(key)
            if check is None:
                attempt = self._throttle.begin(account, address)
                self._under_way[key] = Future()
        if check is None:
            return self._check(key, attempt, password, hashed)
        is_right = check.result()
        if not is_right:
            self._throttle.count_failure(account, address)
        return is_right

    def _check(self, key: _Key, attempt: Attempt, password: str, stored_hash: str) -> bool:
        check, has_failed = self._under_way[key], False
        try:
            is_right = self._passwords.verify(password, stored_hash, STRANGERS)
            has_failed = not is_right
            check.set_result(is_right)
        except BaseException as error:
            check.set_exception(error)
            raise
        finally:
            if not has_failed:
                self._throttle.take_back(attempt)
            with self._mutex:
                del self._under_way[key]
        return is_right
