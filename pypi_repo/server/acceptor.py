"""Accepts new connections, and closes waiting ones if there are too many."""

import asyncio
import logging
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import itemgetter

from pypi_repo.server.balance import Share
from pypi_repo.server.http.connection import ARRIVAL, Connection
from pypi_repo.server.http.patience import Patience

_CONNECTIONS = 1000
_FILES_BESIDE = 200  # databases, files that are sent or received, libraries ...
_LEFT_TO_OTHERS = 0.001  # seconds in which another process may take a connection
_AT_ONCE = 16  # connections that are taken before requests are looked at again
_TRIED_AGAIN = 0.2  # seconds
_NEVER = 24 * 60 * 60.0  # seconds; connections themselves know how long their end may take

_log = logging.getLogger(__name__)


class Acceptor:
    """Accepts connections in the running event loop.

    sockets: the listening sockets.
    connections: all connections that exist.
    new_connection: a function that creates a connection.
    share: as for `Server`. A connection is left to processes with fewer for a moment.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        connections: set[Connection],
        new_connection: Callable[[], Connection],
        *,
        patience: Patience,
        tls: ssl.SSLContext | None,
        share: Share,
    ) -> None:
        self._sockets, self._connections = sockets, connections
        self._new_connection = new_connection
        self._patience, self._tls = patience, tls
        self._share = share
        self._limit = _possible_connections()
        self._joining = dict[asyncio.Task[None], float]()  # with the time at which each came
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        for listening in sockets:
            listening.setblocking(False)
            self._listen(listening)

    @property
    def is_busy(self) -> bool:
        """Whether connections to clients that have just arrived are being set up."""
        now = time.monotonic()
        return any(now - came < ARRIVAL for came in self._joining.values())

    def close(self) -> None:
        """Stops listening, once the clients that are connected already have been accepted.

        The system would reset their connections, and they may have sent their requests. A process
        cannot know whether others still have the socket, so one that is replaced takes them, too.
        """
        self._is_closed = True
        for listening in self._sockets:
            while self._number < self._limit and self._accept(listening):
                pass
            self._loop.remove_reader(listening)
            listening.close()

    def tell_others(self) -> None:
        """Tells other processes how many connections there are, when one has come or gone."""
        self._share.note(self._number)

    def abort(self) -> None:
        """Ends the connections that are being set up."""
        for task in self._joining:
            task.cancel()

    def _listen(self, listening: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listening, self._on_arrival, listening)

    def _on_arrival(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if not self._share.is_my_turn():
                self._listen_later(listening, _LEFT_TO_OTHERS, self._take_what_was_left)
                return
            if not self._take(listening):
                return

    def _take_what_was_left(self, listening: socket.socket) -> None:
        """Accepts one connection that no process with fewer connections has accepted."""
        self._listen(listening)
        if not self._is_closed:
            self._take(listening)

    def _take(self, listening: socket.socket) -> bool:
        """Accepts a connection. Returns whether there was one, so that there may be more.

        Another connection is only ended for one that has really arrived, because all processes are
        told about each new connection.
        """
        if self._number < self._limit:
            return self._accept(listening)
        end = self._who_makes_room()
        if end is None:
            self._listen_later(listening, _TRIED_AGAIN, self._listen)
        elif self._accept(listening):
            end()
        return False

    @property
    def _number(self) -> int:
        return len(self._connections) + len(self._joining)

    def _listen_later(
        self, listening: socket.socket, seconds: float, then: Callable[[socket.socket], None]
    ) -> None:
        self._loop.remove_reader(listening)
        self._loop.call_later(seconds, then, listening)

    def _accept(self, listening: socket.socket) -> bool:
        """Accepts a connection. Returns whether there was one."""
        try:
            accepted, _address = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another process was faster, or the client left
        except OSError as error:
            _log.warning("Cannot accept a connection for now: %s", error.strerror)
            self._listen_later(listening, _TRIED_AGAIN, self._listen)
            return False
        accepted.setblocking(False)
        keep_little(accepted)
        task = self._loop.create_task(self._join(accepted))
        self._joining[task] = time.monotonic()
        task.add_done_callback(self._has_joined)
        self.tell_others()
        return True

    def _has_joined(self, task: asyncio.Task[None]) -> None:
        del self._joining[task]
        self.tell_others()

    async def _join(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._new_connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._patience.headers if self._tls else None,
                ssl_shutdown_timeout=_NEVER if self._tls else None,
            )
        except OSError:  # also of TLS: who does not speak it is not answered in it
            accepted.close()
        except asyncio.CancelledError:
            accepted.close()

    def _who_makes_room(self) -> Callable[[], object] | None:
        """Returns the function that ends the longest waiting connection, or None."""
        now = time.monotonic()
        waiting: list[tuple[float, Callable[[], object]]] = [
            *((one.since, one.abort) for one in self._connections if one.is_in_the_way(now)),
            *(
                (came, task.cancel)
                for task, came in self._joining.items()
                if now - came > ARRIVAL and not task.cancelling()
            ),
        ]
        return min(waiting, key=itemgetter(0))[1] if waiting else None


def keep_little(accepted: socket.socket) -> None:
    """Limits how much of an answer the operating system buffers.

    So it is noticed early what the client takes.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):  # on macOS where the client has left meanwhile
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 128 * 1024)


def _possible_connections() -> int:
    """Returns how many connections are possible, within the limit for open files."""
    if not hasattr(select, "poll"):
        return 400  # all that select() can look at, on Windows
    import resource

    wanted = 2 * _CONNECTIONS + _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(50, (allowed - _FILES_BESIDE) // 2)
