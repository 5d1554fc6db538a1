"""Connections shared out evenly among processes that accept them from the same sockets."""

import mmap

_SIZE = 4  # bytes of a number


class Balance:
    """How many connections each process has, in memory that all of them see.

    Made before the processes are forked. Each has a place of its own, from 0 on, and writes to no
    other; a place without a process is empty.
    """

    def __init__(self, places: int) -> None:
        # The memory lives as long as what looks into it. An entry is 0 where nobody is.
        self._one_more = memoryview(mmap.mmap(-1, places * _SIZE)).cast("I")

    def enter(self, place: int) -> None:
        """A process begins to accept connections, and has none yet."""
        self._one_more[place] = 1

    def leave(self, place: int) -> None:
        """It does not any more, or is dead: nobody is to wait for it."""
        self._one_more[place] = 0

    def is_my_turn(self, place: int, connections: int) -> bool:
        """Whether no other process has fewer than the `connections` of this one.

        All are asked about each connection that comes, so an old number is soon put right.
        """
        mine = connections + 1
        self._one_more[place] = mine
        return not any(0 < other < mine for other in self._one_more)
