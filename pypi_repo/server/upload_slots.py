"""Shares the threads for uploads fairly among clients."""

import threading
from collections import Counter
from collections.abc import Hashable, Sequence


class UploadSlots:
    """Slots, of which no client may hold more than are still free.

    A single client can get half of the slots, and two clients a third each. A client that has none
    gets one while there are any.

    count: the number of slots.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._mutex = threading.Lock()
        self._held = Counter[Hashable]()
        self._taken: dict[object, Sequence[Hashable]] = {}

    def take(self, upload: object, holders: Sequence[Hashable]) -> bool:
        """Takes a slot for an upload. Returns whether it got one.

        holders: everything for which the upload counts, such as an account and an address.
        """
        with self._mutex:
            if any(self._held[holder] >= self._free for holder in holders):
                return False
            self._free -= 1
            self._held.update(holders)
            self._taken[upload] = holders
            return True

    def leave(self, upload: object) -> None:
        """Gives back the slot of an upload, if it has one."""
        with self._mutex:
            holders = self._taken.pop(upload, None)
            if holders is not None:
                self._free += 1
                self._held -= Counter(holders)  # which forgets those who hold none
