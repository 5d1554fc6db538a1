"""The server: an event loop that receives and sends, and threads that run the application."""

import asyncio
import contextlib
import signal
import socket
import ssl
import sys
import time
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from pypi_repo.environ import DISCARDS_WHAT_IS_NOT_READ, SENDS_PARTS_OF_FILES, TAKES_SLOT
from pypi_repo.server.acceptor import Acceptor
from pypi_repo.server.balance import Balance, Share
from pypi_repo.server.http.connection import Connection
from pypi_repo.server.http.patience import Patience
from pypi_repo.server.http.request import Request
from pypi_repo.server.http.response import FileParts
from pypi_repo.server.inquiries import Informant, Inquiries
from pypi_repo.server.threads import Threads
from pypi_repo.server.upload_slots import UploadSlots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

THREADS = 16
_UPLOADS_AT_ONCE = 32
_REFUSERS = 4  # threads that tell others that there are as many uploads as that
_DRAIN_SECONDS = 30
_LAST_JOBS_SECONDS = 5
_LOOKED_EVERY = 0.5  # seconds
_LOOKED_WHILE_ENDING = 0.05
_RECEIVE = 64 * 1024  # bytes; more of them take much longer to allocate
_PATIENCE = Patience()


class Server:
    """Serves a WSGI application (PEP 3333) over HTTP/1.1.

    Bodies are streamed to the application. Slow, idle and too many clients do not hold up others.
    The event loop itself answers requests that only read, if the application need not wait for
    anything (see `pypi_repo.domain.waiting`); threads answer all others.

    sockets: the listening sockets, which are closed at the end.
    patience: how long and how slowly clients may send and receive.
    tls: a TLS context, which encrypts all connections.
    share: the part of the connections that this process is to have, if others listen on the same
        sockets.
    informant: who is asked before requests are answered in the event loop.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        sockets: Sequence[socket.socket],
        *,
        patience: Patience = _PATIENCE,
        tls: ssl.SSLContext | None = None,
        share: Share | None = None,
        informant: Informant | None = None,
    ) -> None:
        self.application = application
        self.patience = patience
        self.threads = Threads(THREADS, "answering")
        self.upload_threads = Threads(_UPLOADS_AT_ONCE + _REFUSERS, "receiving")
        self.upload_slots = UploadSlots(_UPLOADS_AT_ONCE)
        self.buffer = memoryview(bytearray(_RECEIVE))  # of all connections: each empties it at once
        self.inquiries = None if informant is None else Inquiries(informant, self)
        self.is_ending = False
        self._sockets, self._tls = sockets, tls
        self._share = share or Balance(1).share(0)
        self._acceptor: Acceptor
        self._connections = set[Connection]()
        self._is_stopped = False
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self._of_all_connections = {
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "pypi_repo",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if tls else "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileParts,
            "wsgi.input_terminated": True,
            DISCARDS_WHAT_IS_NOT_READ: True,
            SENDS_PARTS_OF_FILES: True,
        }

    def run(self, when_closed: Callable[[], object] = lambda: None) -> None:
        """Serves until SIGTERM or SIGINT, and then for at most 35 seconds longer.

        when_closed: called when the server accepts no more connections, and only finishes requests.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.serve(when_closed)

    def serve(self, when_closed: Callable[[], object] = lambda: None) -> None:
        """Serves until `stop` is called, and then for at most 35 seconds longer.

        It can run in any thread.

        when_closed: as for `run`.
        """
        # On Windows, too: its own kind of loop cannot be told that a socket is ready.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(when_closed))
        deadline = time.monotonic() + _LAST_JOBS_SECONDS
        for threads in (self.threads, self.upload_threads):
            threads.end(max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Asks the server to end. It can be called in any thread and in signal handlers."""
        self._is_stopped = True
        self.call(self._stopping.set)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # who asks twice does not want to wait
        self.stop()

    async def _serve(self, when_closed: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        if self._tls is not None:
            SSLProtocol.max_size = _RECEIVE  # or each connection keeps 256 KiB to receive in
        self._acceptor = acceptor = Acceptor(
            self._sockets,
            self._connections,
            partial(Connection, self),
            patience=self.patience,
            tls=self._tls,
            share=self._share,
        )
        self._look_at_all()
        if not self._is_stopped:
            await self._stopping.wait()
        self.is_ending = True
        acceptor.close()
        when_closed()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while (self._is_busy() or acceptor.is_busy) and time.monotonic() < deadline:
            await asyncio.sleep(_LOOKED_WHILE_ENDING)
        acceptor.abort()
        for connection in list(self._connections):
            connection.abort()  # who waits for the rest of a body would wait for ever
        if self.inquiries is not None:
            self.inquiries.close()
        await asyncio.sleep(0)

    def _look_at_all(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections):
            connection.close_if_stuck(now)
        asyncio.get_running_loop().call_later(_LOOKED_EVERY, self._look_at_all)

    def _is_busy(self) -> bool:
        now = time.monotonic()
        return any(one.is_busy or one.may_ask(now) for one in self._connections)

    # What its connections need

    def arrived(self, connection: Connection) -> None:
        """Adds a new connection."""
        self._connections.add(connection)

    def left(self, connection: Connection) -> None:
        """Removes a connection that has ended."""
        self._connections.discard(connection)
        self._acceptor.tell_others()

    def call(self, do: Callable[..., object], *arguments: Any) -> None:
        """Calls a function in the event loop soon.

        It can be called in any thread. If the loop is closed, the function is not called.
        """
        with contextlib.suppress(RuntimeError, AttributeError):
            self._loop.call_soon_threadsafe(do, *arguments)

    def environ_of(self, transport: asyncio.Transport) -> "WSGIEnvironment":
        """Returns what the WSGI environs of a connection's requests share (PEP 3333)."""
        here, there = (transport.get_extra_info(side) for side in ("sockname", "peername"))
        address, port = there[:2] if there else ("", 0)  # it may have left
        return {
            "SERVER_NAME": here[0] if here else "",
            "SERVER_PORT": str(here[1]) if here else "",
            "REMOTE_ADDR": address,
            "REMOTE_PORT": str(port),
            **self._of_all_connections,
        }

    def slot_for(self, request: Request) -> "WSGIEnvironment":
        """Returns what the application needs in the environ to take a slot for an upload."""
        return {TAKES_SLOT: partial(self.upload_slots.take, request)}
