"""What a worker process has of the supervisor that made it."""

import os
import socket
import threading
import time
from functools import partial

from pypi_repo.server.balance import Balance
from pypi_repo.server.loop import Server

PROCESS_SIZE = 4  # bytes of the number of a process that says that it serves


class Generation:
    """Workers with the same settings, and the line on which the supervisor ends them.

    Nothing is ever said on it: it is closed, by the supervisor, or by its death.
    """

    def __init__(self) -> None:
        self.line, self._end = socket.socketpair()
        self.began = time.monotonic()
        self.finished: float | None = None

    def finish(self) -> None:
        """Asks its workers to finish what is under way, and to end."""
        if self.finished is None:
            self.finished = time.monotonic()
            self._end.close()
            self.line.close()

    def leave_it_to_the_supervisor(self) -> None:
        """In a process that was forked, which must not keep the line open."""
        self._end.close()


class Seat:
    """A worker's place among those that share the sockets.

    line: comes to an end when the worker is to finish.
    ready: takes the number of the process when it serves.
    """

    def __init__(
        self, balance: Balance, place: int, line: socket.socket, ready: socket.socket
    ) -> None:
        self._balance = balance
        self._place = place
        self._line = line
        self._ready = ready

    def is_my_turn(self, connections: int) -> bool:
        """Whether this process is to accept one more connection than those it has."""
        return self._balance.is_my_turn(self._place, connections)

    def run(self, server: Server) -> None:
        """Serves until asked to finish, by the supervisor, by its death or by SIGTERM."""
        threading.Thread(target=self._stop_at_the_end, args=(server,), daemon=True).start()
        self._balance.enter(self._place)
        self._ready.sendall(os.getpid().to_bytes(PROCESS_SIZE))
        server.run(partial(self._balance.leave, self._place))

    def _stop_at_the_end(self, server: Server) -> None:
        self._line.recv(1)
        server.stop()
