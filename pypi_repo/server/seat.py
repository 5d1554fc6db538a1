"""What connects a worker process with its supervisor."""

import os
import socket
import threading
import time

from pypi_repo.server.balance import Share
from pypi_repo.server.loop import Server

PROCESS_SIZE = 4  # bytes of the number of a process that says that it serves


class Generation:
    """Workers with the same settings, and the pipe through which the supervisor ends them.

    Nothing is written to the pipe. The supervisor closes it, or its death does.
    """

    def __init__(self) -> None:
        self.line, self._end = socket.socketpair()
        self.began = time.monotonic()
        self.finished: float | None = None

    def finish(self) -> None:
        """Asks the workers to finish their requests and to end."""
        if self.finished is None:
            self.finished = time.monotonic()
            self._end.close()
            self.line.close()

    def leave_it_to_the_supervisor(self) -> None:
        """Closes the pipe in a forked process, which must not keep it open."""
        self._end.close()


class Seat:
    """The place of a worker among the processes that share the sockets.

    share: its part of the connections.
    line: a pipe that is closed when the worker is to finish.
    ready: a pipe to which the worker writes its number when it serves.
    """

    def __init__(self, share: Share, line: socket.socket, ready: socket.socket) -> None:
        self.share = share
        self._line = line
        self._ready = ready

    def run(self, server: Server) -> None:
        """Serves until the supervisor ends it or dies, or SIGTERM arrives."""
        threading.Thread(target=self._stop_at_the_end, args=(server,), daemon=True).start()
        self.share.enter()
        self._ready.sendall(os.getpid().to_bytes(PROCESS_SIZE))
        server.run(self.share.leave)

    def _stop_at_the_end(self, server: Server) -> None:
        self._line.recv(1)
        server.stop()
