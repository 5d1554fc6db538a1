"""One connection: requests in, answers out, and how long either may take."""

import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask

from pypi_repo.server.body import Body
from pypi_repo.web.app import DISCARDS_WHAT_IS_NOT_READ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from waitress.adjustments import Adjustments
    from waitress.server import BaseWSGIServer

    from pypi_repo.server.listener import Listener


@dataclass(frozen=True, kw_only=True)
class Patience:
    """With clients; all times are seconds."""

    idle: float = 75
    """Without a request, for clients that come back."""

    headers: float = 20
    """From the connection, or a request's first byte, to the end of its headers."""

    body: float = 20
    """Between two looks at how a body comes along ..."""

    slowest: float = 1024
    """... at which it must have come at this many bytes a second."""

    answer: float = 60
    """In which nothing of the answer is taken."""

    refused: float = 600
    """For which a client may go on sending what was refused."""


class Request(HTTPRequestParser):
    """`body` is set while, and after, the body is handed on as it comes."""

    body: Body | None = None

    @property
    def is_streamed(self) -> bool:
        return self.body is not None

    @property
    def is_worth_streaming(self) -> bool:
        """Whether the body might not fit into memory; small ones arrive before they are served."""
        has_more = self.headers_finished and not self.completed
        return has_more and (self.chunked or self.content_length > self.adj.inbuf_overflow)

    @property
    def waits_to_be_asked(self) -> bool:
        """Whether the client sends its large body only once it is told to."""
        return self.is_streamed and self.expect_continue

    def stream_to(self, body: Body) -> None:
        receiver: Any = self.body_rcv
        receiver.buf = self.body = body


class Task(WSGITask):
    def get_environment(self) -> "WSGIEnvironment":
        environ: WSGIEnvironment = super().get_environment()
        environ[DISCARDS_WHAT_IS_NOT_READ] = True
        return environ

    def build_response_header(self) -> bytes:
        if cast("Request", self.request).waits_to_be_asked:
            # Nobody knows whether the body or another request comes next (RFC 9110, 10.1.1).
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class Channel(HTTPChannel):
    """Large bodies stream: a request is served from its headers on.

    An application that refuses it without reading is heard at once, and what still comes is
    received and dropped, because many clients listen only when they have sent everything.
    """

    parser_class = Request
    task_class = Task
    request: Request | None
    requests: list[Request]
    requests_lock: threading.Lock

    def __init__(
        self,
        server: "BaseWSGIServer",
        sock: socket.socket,
        addr: Any,
        adj: "Adjustments",
        map: Any = None,  # noqa: A002 - waitress's name
    ) -> None:
        self.since = self._watched_since = self._taken_since = self._answered = time.monotonic()
        self._received = self._received_before = 0
        self._flushes = self._flushes_before = 0
        self._is_spoiled = False
        self._patience = cast("Listener", server).patience
        super().__init__(server, sock, addr, adj, map)

    @property
    def next_is_streamed(self) -> bool:
        """Whether the request to serve next is one whose body may still be coming."""
        return bool(self.requests) and self.requests[0].is_streamed

    @property
    def is_dispensable(self) -> bool:
        """Whether no request is being worked on or answered; `since` tells how long."""
        return not self.requests and not self.total_outbufs_len

    def close_if_stuck(self, now: float) -> None:
        """Called every now and then, with time.monotonic()."""
        if self._takes_nothing(now):
            self.handle_close()
        elif self.request is not None:
            if not self.readable():
                self._watch()  # it is not the client that is slow
            elif self._is_too_slow(now):
                self.give_up()
        elif self.is_dispensable:
            allowed = self._patience.idle if self._received else self._patience.headers
            self.will_close = self.will_close or now - self.since > allowed

    def give_up(self) -> None:
        """Receives no more. What is being served ends, the sooner if it waits for its body."""
        if self._coming is not None:
            self._coming.cut_off()
        self._is_spoiled = True
        if not self.requests:
            self.close_when_flushed = True

    # Receiving

    def readable(self) -> bool:
        body = self._coming
        if body is None:
            return not self._is_spoiled and super().readable()
        return not (self.will_close or body.is_full)

    def received(self, data: bytes) -> bool:
        with self.requests_lock:
            self._received += len(data)
            while data and not self._takes_no_more:
                data = data[self._take(data) :]
        return True

    def handle_close(self) -> None:
        if self._coming is not None:
            self._coming.cut_off()
        super().handle_close()

    @property
    def _coming(self) -> Body | None:
        """The streamed body that is being received."""
        body = None if self.request is None else self.request.body
        return None if body is None or body.is_cut_off else body

    @property
    def _takes_no_more(self) -> bool:
        ends = self.close_when_flushed and self._coming is None
        return self.will_close or self._is_spoiled or ends

    def _take(self, data: bytes) -> int:
        """Gives the beginning of `data` to the request that it belongs to, and its length."""
        if self.request is None:
            self.request = Request(self.adj)
            self.since = time.monotonic()
            self._watch()
        request = self.request
        consumed = request.received(data)
        if not request.is_streamed and request.is_worth_streaming:
            request.stream_to(Body(self._ask_for_body, self.server.pull_trigger))
            self._watch()
            self._enqueue(request)
        elif request.expect_continue and request.headers_finished and not self.requests:
            self.send_continue()
        if request.completed:
            self._finish(request)
        return consumed

    def _finish(self, request: Request) -> None:
        if request.body is None:
            if not request.empty:
                self._enqueue(request)
        elif request.error:
            self.give_up()
        else:
            request.body.complete()
        self.request = None
        self.sent_continue = False

    def _enqueue(self, request: Request) -> None:
        self.requests.append(request)
        if len(self.requests) == 1:  # or else `service` goes on with it
            self.server.add_task(cast("Any", self))

    def _watch(self) -> None:
        self._watched_since = time.monotonic()
        self._received_before = self._received

    def _is_too_slow(self, now: float) -> bool:
        patience, watched = self._patience, now - self._watched_since
        if self.request is not None and not self.request.headers_finished:
            return watched > patience.headers
        if self._is_refused and now - self._answered > patience.refused:
            return True
        if watched < patience.body:
            return False
        came = self._received - self._received_before
        self._watch()
        return came < watched * patience.slowest

    @property
    def _is_refused(self) -> bool:
        return self._coming is not None and not self.requests

    # Answering

    def service(self) -> None:
        request = self.requests[0]
        super().service()
        self.since = self._answered = time.monotonic()
        if request.waits_to_be_asked:
            self.give_up()
        elif self._is_spoiled:
            self.close_when_flushed = True

    def send_continue(self) -> None:
        if self.request is not None and not self.request.is_streamed and not self.sent_continue:
            super().send_continue()

    def writable(self) -> bool:
        if self._lingers:
            return bool(self.total_outbufs_len)
        return super().writable()

    def handle_write(self) -> None:
        if self._lingers:
            cast("Any", self)._flush_exception(self._flush_some)
        else:
            super().handle_write()

    @property
    def _lingers(self) -> bool:
        """Whether all is answered, and only the end of what the client sends is awaited."""
        return self.close_when_flushed and not self.will_close and self._coming is not None

    def _flush_some(self, do_close: bool = True) -> bool:
        flushed: bool = cast("Any", super())._flush_some(do_close=do_close)
        if flushed:
            self._flushes += 1
            self.since = time.monotonic()
        return flushed

    def _takes_nothing(self, now: float) -> bool:
        if not self.total_outbufs_len or self._flushes != self._flushes_before:
            self._flushes_before = self._flushes
            self._taken_since = now
        return now - self._taken_since > self._patience.answer

    def _ask_for_body(self) -> None:
        """In the application's thread, before it waits for a body that wants to be asked for."""
        request = self.requests[0]
        if request.expect_continue:
            request.expect_continue = False
            self.write_soon(b"HTTP/1.1 100 Continue\r\n\r\n")
