"""Balances connections among processes that accept them from the same sockets."""

import mmap

_SIZE = 4  # bytes of a number


class Share:
    """What one process says of itself, and sees of the others.

    one_more: the numbers of all processes.
    place: where that of this process is.
    """

    def __init__(self, one_more: memoryview, place: int) -> None:
        self._one_more = one_more
        self._place = place

    def enter(self) -> None:
        """Marks that the process begins to accept connections. It has none yet."""
        self._one_more[self._place] = 1

    def leave(self) -> None:
        """Marks that the process no longer accepts connections, so that none waits for it."""
        self._one_more[self._place] = 0

    def note(self, connections: int) -> None:
        """Tells the others how many connections the process has, while it accepts any.

        connections: all of them, also those that are being set up. It is called whenever one comes
            or goes: others would believe a number that is too high, and the first that is asked
            would take many new connections at once.
        """
        if self._one_more[self._place]:
            self._one_more[self._place] = connections + 1

    def is_my_turn(self) -> bool:
        """Returns whether no other process has fewer connections."""
        mine = self._one_more[self._place]
        return not any(0 < other < mine for other in self._one_more)


class Balance:
    """The number of connections of each process, in shared memory.

    It is created before the processes are forked. Each process has its own place, numbered from 0,
    and only writes to this place. A place without a process is empty.
    """

    def __init__(self, places: int) -> None:
        # The memory lives as long as what looks into it. An entry is 0 where nobody is.
        self._one_more = memoryview(mmap.mmap(-1, places * _SIZE)).cast("I")

    def share(self, place: int) -> Share:
        """Returns what the process at a place says and sees."""
        return Share(self._one_more, place)
