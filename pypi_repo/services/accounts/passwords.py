"""Hashes and verifies passwords with bcrypt, and remembers what was verified.

Package clients send the password with every request, so without this each request would take a
bcrypt check.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict

import bcrypt

from pypi_repo.domain.accounts.accounts import LONGEST_PASSWORD, check_password
from pypi_repo.services.accounts.hashing_slots import ADMINISTRATORS, HashingSlots, Patience

_REMEMBERED_FOR = 600.0  # seconds
_REMEMBERED_AT_MOST = 10_000
_NO_DIGEST = "." * 31  # what no password is known to have


class Passwords:
    """Hashes and verifies passwords. It is thread-safe.

    A password that was right is remembered for a while, under a keyed hash of the password and of
    the stored hash that it matched. So neither the password nor anything that could be attacked
    offline is kept. A changed password is refused at once, because its stored hash is another one.

    slots: the slots in which bcrypt runs. `hash` and `verify` raise TooManyLogins if no slot is
        free in time.
    """

    def __init__(self, cost: int, slots: HashingSlots | None = None) -> None:
        self._cost = cost
        self._slots = slots or HashingSlots()
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        self._mutex = threading.Lock()
        # Unknown names must not be told from known ones: checking it takes the time of a check.
        self.nobodys_hash = bcrypt.gensalt(cost).decode("ascii") + _NO_DIGEST

    def hash(self, password: str) -> str:
        """Returns the bcrypt hash of a password.

        Raises InvalidPassword if the password is not allowed.
        """
        check_password(password)
        with self._slots.one(ADMINISTRATORS):
            return bcrypt.hashpw(_encode(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def is_remembered(self, password: str, stored_hash: str) -> bool:
        """Returns whether `verify` found this password right a short while ago.

        It takes microseconds.
        """
        return time.monotonic() < self._verified.get(self.memo(password, stored_hash), 0.0)

    def was_right(self, password: str, stored_hash: str) -> bool:
        """Returns whether this process knows that the password was right at some time."""
        return self.memo(password, stored_hash) in self._verified

    def verify(self, password: str, stored_hash: str, patience: Patience = ADMINISTRATORS) -> bool:
        """Returns whether a password matches a stored hash.

        It takes as much time for a wrong password as for a right one that is new to this process.

        stored_hash: empty for an account without a password, which no password matches.
        patience: how long to wait for bcrypt; by default, as long as an administrator waits.
        """
        stored_hash = stored_hash or self.nobodys_hash
        if self.is_remembered(password, stored_hash):
            return True
        encoded = _encode(password)
        with self._slots.one(patience):
            matches = bcrypt.checkpw(encoded[:LONGEST_PASSWORD], stored_hash.encode("ascii"))
        if not matches or len(encoded) > LONGEST_PASSWORD:
            return False
        self._remember(self.memo(password, stored_hash))
        return True

    def memo(self, password: str, stored_hash: str) -> bytes:
        """Returns a keyed hash of both, which is useless outside of this process."""
        message = stored_hash.encode("ascii") + b"\0" + _encode(password)
        return hashlib.blake2b(message, key=self._key, digest_size=32).digest()

    def _remember(self, memo: bytes) -> None:
        with self._mutex:
            self._verified[memo] = time.monotonic() + _REMEMBERED_FOR
            self._verified.move_to_end(memo)
            while len(self._verified) > _REMEMBERED_AT_MOST:
                self._verified.popitem(last=False)


def _encode(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
