"""What was expensive to make, kept as long as there is room for it."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """Forgets the least recently used values when the sizes of all together exceed a budget.

    Sizes are in whatever unit the budget is in. For one thread at a time: whoever shares it holds
    a lock meanwhile.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Does nothing where there is a value already, or where this one alone is too large."""
        if key in self._kept or size > self.budget:
            return
        self._kept[key] = value, size
        self.size += size
        while self.size > self.budget:
            _key, (_value, forgotten) = self._kept.popitem(last=False)
            self.size -= forgotten
