"""Small files of the blob store, kept in memory as long as there is room for them."""

import hashlib
import threading

from pypi_repo.services.lru_cache import LRUCache

LARGEST = 64 * 1024  # bytes
_BESIDE_THE_CONTENT = 512  # bytes that a file takes for its key and its place


class SmallFiles:
    """Forgets those that were asked for longest ago when all together exceed `budget` bytes.

    Nothing in it can be stale: the key is the SHA-256 digest of the content. It knows nothing of
    who may read it, nor whether it is still there for anybody.
    """

    def __init__(self, budget: int) -> None:
        self._kept: LRUCache[bytes] = LRUCache(budget)
        self._mutex = threading.Lock()

    def size(self) -> dict[str, int]:
        """What is `used`, and the `limit`."""
        return {"used": self._kept.size, "limit": self._kept.budget}

    def get(self, sha256: str) -> bytes | None:
        with self._mutex:
            return self._kept.get(sha256)

    def put(self, sha256: str, content: bytes) -> None:
        """Does nothing with what is larger than `LARGEST`, or has another digest: it is damaged."""
        if len(content) > LARGEST or hashlib.sha256(content).hexdigest() != sha256:
            return
        with self._mutex:
            self._kept.put(sha256, content, len(content) + _BESIDE_THE_CONTENT)
