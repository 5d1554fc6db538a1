"""bcrypt, made affordable for clients that send the password with every request."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict

import bcrypt

from pypi_repo.domain.accounts import LONGEST_PASSWORD, check_password
from pypi_repo.services.hashing_slots import ADMINISTRATORS, HashingSlots, Patience

_REMEMBERED_FOR = 600.0  # seconds
_REMEMBERED_AT_MOST = 10_000
_NO_DIGEST = "." * 31  # what no password is known to have


class Passwords:
    """Hashes and checks passwords; safe to be used by many threads.

    A password that was right is remembered for a while, under a keyed hash of it *and* of the
    stored hash that it matched. So neither the password nor anything that could be attacked
    offline is kept, and a changed password is refused at once: its stored hash is another.

    slots: in which bcrypt runs; both `hash` and `verify` raise TooManyLogins where there is none.
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
        """Raises InvalidPassword for a password that breaks the rules."""
        check_password(password)
        with self._slots.one(ADMINISTRATORS):
            return bcrypt.hashpw(_encode(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def is_remembered(self, password: str, stored_hash: str) -> bool:
        """Whether `verify` found this right a short while ago; costs microseconds."""
        return time.monotonic() < self._verified.get(self.memo(password, stored_hash), 0.0)

    def was_right(self, password: str, stored_hash: str) -> bool:
        """Whether `verify` found this right at all, as far as is known, be it long ago."""
        return self.memo(password, stored_hash) in self._verified

    def verify(self, password: str, stored_hash: str, patience: Patience = ADMINISTRATORS) -> bool:
        """Costs as much for a wrong password as for a right one that is new here.

        patience: of whoever waits for bcrypt; by default an administrator's.
        """
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
        """Stands for both, and tells nothing of either outside of this process."""
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
