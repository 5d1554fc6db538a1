"""bcrypt, made affordable for clients that send the password with every request."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict

import bcrypt

from pypi_repo.domain.accounts import LONGEST_PASSWORD, check_password

_REMEMBERED_FOR = 600.0  # seconds
_REMEMBERED_AT_MOST = 10_000
_LOCKS = 64


class Passwords:
    """Hashes and checks passwords; safe to be used by many threads.

    A password that was right is remembered for a while, under a keyed hash of it *and* of the
    stored hash that it matched. So neither the password nor anything that could be attacked
    offline is kept, and a changed password is refused at once: its stored hash is another.
    """

    def __init__(self, cost: int) -> None:
        self._cost = cost
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        self._mutex = threading.Lock()
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._nobodys_hash: str | None = None

    def hash(self, password: str) -> str:
        """Raises InvalidPassword for a password that breaks the rules."""
        check_password(password)
        return bcrypt.hashpw(_encode(password), bcrypt.gensalt(self._cost)).decode("ascii")

    def is_remembered(self, password: str, stored_hash: str) -> bool:
        """Whether `verify` found this right a short while ago; costs microseconds."""
        return time.monotonic() < self._verified.get(self._memo(password, stored_hash), 0.0)

    def verify(self, password: str, stored_hash: str) -> bool:
        """Costs as much for a wrong password as for a right one that is new here."""
        memo = self._memo(password, stored_hash)
        # Installers open many connections at once; the first request pays for all of them.
        with self._locks[memo[0] % _LOCKS]:
            if self.is_remembered(password, stored_hash):
                return True
            encoded = _encode(password)
            matches = bcrypt.checkpw(encoded[:LONGEST_PASSWORD], stored_hash.encode("ascii"))
            if not matches or len(encoded) > LONGEST_PASSWORD:
                return False
            self._remember(memo)
            return True

    def pretend_to_verify(self, password: str) -> None:
        """Takes the time of a check, so that unknown names cannot be told from known ones."""
        if self._nobodys_hash is None:
            self._nobodys_hash = self.hash(secrets.token_urlsafe(16))
        self.verify(password, self._nobodys_hash)

    def _remember(self, memo: bytes) -> None:
        with self._mutex:
            self._verified[memo] = time.monotonic() + _REMEMBERED_FOR
            self._verified.move_to_end(memo)
            while len(self._verified) > _REMEMBERED_AT_MOST:
                self._verified.popitem(last=False)

    def _memo(self, password: str, stored_hash: str) -> bytes:
        message = stored_hash.encode("ascii") + b"\0" + _encode(password)
        return hashlib.blake2b(message, key=self._key, digest_size=32).digest()


def _encode(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
