"""Balances connections among processes that accept them from the same sockets."""

import mmap

_SIZE = 4  # bytes of a number


class Balance:
    """The number of connections of each process, in shared memory.

    It is created before the processes are forked. Each process has its own place, numbered from 0,
    and only writes to this place. A place without a process is empty.
    """

    def __init__(self, places: int) -> None:
        # The memory lives as long as what looks into it. An entry is 0 where nobody is.
        self._one_more = memoryview(mmap.mmap(-1, places * _SIZE)).cast("I")

    def enter(self, place: int) -> None:
        """Marks that a process begins to accept connections. It has none yet."""
        self._one_more[place] = 1

    def leave(self, place: int) -> None:
        """Marks that a process no longer accepts connections, so that none waits for it."""
        self._one_more[place] = 0

    def is_my_turn(self, place: int, connections: int) -> bool:
        """Returns whether no other process has fewer connections.

        It is also called when a connection has ended. Others would believe a number that is too
        high, and the first that is asked would take many new connections at once.
        """
        mine = connections + 1
        self._one_more[place] = mine
        return not any(0 < other < mine for other in self._one_more)
