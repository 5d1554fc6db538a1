"""The threads for uploads, as slots that are shared out among those who upload."""

import threading
from collections import Counter
from collections.abc import Hashable, Sequence


class UploadSlots:
    """Nobody may hold more of them than are still free.

    One client alone may use half of them, two a third each, and whoever holds none gets one while
    there is any.

    count: how many there are.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._mutex = threading.Lock()
        self._held = Counter[Hashable]()
        self._taken: dict[object, Sequence[Hashable]] = {}

    def take(self, upload: object, holders: Sequence[Hashable]) -> bool:
        """Whether `upload` got a slot.

        holders: all that it counts for, such as an account and an address.
        """
        with self._mutex:
            if any(self._held[holder] >= self._free for holder in holders):
                return False
            self._free -= 1
            self._held.update(holders)
            self._taken[upload] = holders
            return True

    def leave(self, upload: object) -> None:
        """Gives back the slot of `upload`, if it has one."""
        with self._mutex:
            holders = self._taken.pop(upload, None)
            if holders is not None:
                self._free += 1
                self._held -= Counter(holders)  # which forgets those who hold none
