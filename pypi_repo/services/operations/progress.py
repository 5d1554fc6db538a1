"""The progress of long operations, counted in bytes."""

from collections.abc import Callable

Listener = Callable[[int, int], None]
"""A function that is called repeatedly with the number of bytes that are done, and of all bytes."""


def nobody(_done: int, _total: int) -> None:
    """Ignores the progress."""


class Meter:
    """Counts what a long operation has done, and tells a listener.

    total: the number of bytes that are to be done.
    """

    def __init__(self, total: int, listener: Listener) -> None:
        self._total = total
        self._listener = listener
        self.done = 0
        self.reach(0)

    def add(self, size: int) -> None:
        """Notes that some more bytes are done."""
        self.reach(self.done + size)

    def reach(self, done: int) -> None:
        """Notes how many bytes are done altogether.

        Files that came meanwhile can make it more than there was to do at first.
        """
        self.done = done
        self._total = max(self._total, done)
        self._listener(done, self._total)
