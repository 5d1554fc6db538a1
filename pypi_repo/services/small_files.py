"""A cache for small files of the file store."""

import hashlib
import threading

from pypi_repo.services.lru_cache import LRUCache

LARGEST = 64 * 1024  # bytes
_BESIDE_THE_CONTENT = 512  # bytes that a file takes for its key and its place


class SmallFiles:
    """Keeps small files up to a total of `budget` bytes, and forgets those not used for longest.

    The contents cannot be stale, because the key is their SHA-256. The cache does not know who may
    read a file, or whether the file still exists.
    """

    def __init__(self, budget: int) -> None:
        self._kept: LRUCache[bytes] = LRUCache(budget)
        self._mutex = threading.Lock()

    def size(self) -> dict[str, int]:
        """Returns the bytes that are `used`, and the `limit`."""
        return {"used": self._kept.size, "limit": self._kept.budget}

    def get(self, sha256: str) -> bytes | None:
        """Returns the content with a digest, or None."""
        with self._mutex:
            return self._kept.get(sha256)

    def put(self, sha256: str, content: bytes) -> bool:
        """Stores a content of up to `LARGEST` bytes, and returns False if it is damaged."""
        if hashlib.sha256(content).hexdigest() != sha256:
            return False
        with self._mutex:
            self._kept.put(sha256, content, len(content) + _BESIDE_THE_CONTENT)
        return True
