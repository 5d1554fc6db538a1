"""The server: one loop that receives and sends, and threads that run the application."""

import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments

from pypi_repo.server.channel import Channel
from pypi_repo.server.listener import Listener
from pypi_repo.server.patience import Patience
from pypi_repo.server.threads import Threads
from pypi_repo.server.upload_slots import UploadSlots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_THREADS = 16
_STAND_INS = 100
_UPLOADS_AT_ONCE = 32
_REFUSERS = 4  # threads that tell others that there are as many uploads as that
_DRAIN_SECONDS = 30
_POLL_SECONDS = 0.5
_LOOKED_EVERY = 1.0  # seconds
_RECEIVE = 256 * 1024  # bytes
_ANSWER_AHEAD = 512 * 1024  # bytes that the application makes before the client takes them
_LONGEST_HEADERS = 64 * 1024  # bytes
_CONNECTIONS = 1000
_FILES_BESIDE = 200  # databases, files that are sent or received, libraries ...
_PATIENCE = Patience()


class Server:
    """Bodies stream to the application; slow, idle and too many clients do not hold it up.

    At SIGTERM or SIGINT it finishes what is under way, and ends.

    sockets: that listen, and do not block. Processes may share them.
    patience: with clients; how long, and how slowly, they may send and take.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        sockets: Sequence[socket.socket],
        *,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._patience = patience
        self._map: dict[int, Any] = {}
        self._look_at = 0.0
        self._dispatcher = Threads(_THREADS, _STAND_INS)
        self._uploads = Threads(_UPLOADS_AT_ONCE + _REFUSERS, 0)
        self._upload_slots = UploadSlots(_UPLOADS_AT_ONCE)
        adj = _adjustments()
        self._limit = adj.connection_limit
        self._listeners = self._listen(application, sockets, adj)
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def stop(self) -> None:
        """Asks for the end as SIGTERM does; from any thread, and as often as one likes."""
        self._stopping = True

    def run(self) -> None:
        """Serves until a signal asks for the end; at most half a minute longer."""
        while not self._stopping:
            self._make_room()
            self._turn()
        for listener in self._listeners:
            listener.accepting = False
            # Not listener.close(), which takes the trigger along: worker threads still pull it,
            # and its file descriptor may belong to somebody else by then.
            wasyncore.dispatcher.close(listener)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._is_busy() and time.monotonic() < deadline:
            self._turn()
        for channel in self._channels():
            channel.handle_close()  # who waits for the rest of a body would wait for ever
        for dispatcher in (self._dispatcher, self._uploads):
            dispatcher.shutdown()
        wasyncore.close_all(self._map)

    def _listen(
        self, application: "WSGIApplication", sockets: Sequence[socket.socket], adj: Adjustments
    ) -> list[Listener]:
        return [
            Listener(
                application,
                self._map,
                adj,
                listening,
                self._dispatcher,
                self._uploads,
                self._upload_slots,
                self._patience,
            )
            for listening in sockets
        ]

    def _make_room(self) -> None:
        """For one more connection, in the place of the one that has been waiting longest.

        Not while events are handled: one for who leaves would meet who comes.
        """
        if len(self._map) >= self._limit:
            now = time.monotonic()
            waiting = [channel for channel in self._channels() if channel.is_in_the_way(now)]
            if waiting:
                min(waiting, key=lambda channel: channel.since).handle_close()

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOKED_EVERY
            for channel in self._channels():
                channel.close_if_stuck(now)
        wasyncore.loop(timeout=_POLL_SECONDS, use_poll=True, map=self._map, count=1)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        signal.signal(number, signal.SIG_DFL)  # who asks twice does not want to wait

    def _is_busy(self) -> bool:
        return any(channel.is_busy for channel in self._channels())

    def _channels(self) -> list[Channel]:
        return [channel for channel in self._map.values() if isinstance(channel, Channel)]


def _adjustments() -> Adjustments:
    return Adjustments(
        ident="pypi_repo",
        recv_bytes=_RECEIVE,
        outbuf_high_watermark=_ANSWER_AHEAD,
        max_request_header_size=_LONGEST_HEADERS,
        max_request_body_size=sys.maxsize,  # each app bounds what it reads, and says so better
        connection_limit=_possible_connections(),
        clear_untrusted_proxy_headers=False,  # the application decides whose to believe
    )


def _possible_connections() -> int:
    """As many as we want, or as the system lets us have, with a file for each."""
    if not hasattr(select, "poll"):
        return 400  # all that select() can look at, on Windows
    import resource

    wanted = 2 * _CONNECTIONS + _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(50, (allowed - _FILES_BESIDE) // 2)
