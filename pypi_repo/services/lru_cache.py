"""Caches for values that are expensive to compute."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """Keeps values up to a total size, and forgets those that were not used for longest.

    Sizes are in the unit of the budget. The cache is not thread-safe: threads that share it must
    hold a lock.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """Returns the value for a key, or None."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Stores a value, unless the key has one already or the value alone exceeds the budget."""
        if key in self._kept or size > self.budget:
            return
        self._kept[key] = value, size
        self.size += size
        while self.size > self.budget:
            _key, (_value, forgotten) = self._kept.popitem(last=False)
            self.size -= forgotten

    def forget(self, key: Hashable) -> None:
        """Removes the value for a key, if there is one."""
        found = self._kept.pop(key, None)
        if found is not None:
            self.size -= found[1]


class SharedCache(Generic[Value]):
    """An LRUCache that threads share.

    size_of: a function that returns the size of a value. One that takes more than half of the
        budget counts as half of it, so that it is kept, too.
    """

    def __init__(self, budget: int, size_of: Callable[[Value], int] = lambda _value: 1) -> None:
        self._kept: LRUCache[Value] = LRUCache(budget)
        self._size_of = size_of
        self._mutex = threading.Lock()

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Returns the value for a key, which is made unless it is in the cache.

        Several threads that ask for a new value at once may each make it.
        """
        with self._mutex:
            found = self._kept.get(key)
        if found is None:
            found = make()
            size = min(self._size_of(found), self._kept.budget // 2)
            with self._mutex:
                self._kept.put(key, found, size)
        return found
