"""One connection: requests in, answers out, and how long either may take."""

import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from pypi_repo.server.body import Body
from pypi_repo.server.request import Request
from pypi_repo.web.app import DISCARDS_WHAT_IS_NOT_READ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from waitress.adjustments import Adjustments
    from waitress.server import BaseWSGIServer

    from pypi_repo.server.listener import Listener

_PARSED_AT_ONCE = 16 * 1024  # bytes
_ARRIVAL = 0.5  # seconds in which nobody who just came has to leave for others


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

    crowded: float = 5
    """In which nothing of the answer is taken, while others wait for a connection."""

    refused: float = 600
    """For which a client may go on sending what was refused."""


class Task(WSGITask):
    def get_environment(self) -> "WSGIEnvironment":
        environ: WSGIEnvironment = super().get_environment()
        environ[DISCARDS_WHAT_IS_NOT_READ] = True
        return environ

    def build_response_header(self) -> bytes:
        is_stopping = not self.channel.server.accepting
        if is_stopping or cast("Request", self.request).waits_to_be_asked:
            # Who waits may send the body or another request next (RFC 9110, 10.1.1).
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class Channel(HTTPChannel):
    """One request after the other, and large bodies stream: served from the headers on.

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
        self.since = self._watched_since = self._taken_since = time.monotonic()
        self._received = self._received_before = 0
        self._flushes = self._flushes_before = 0
        self._ahead = b""  # what belongs to the next requests
        self._is_spoiled = False
        self._is_sending = False
        self._patience = cast("Listener", server).patience
        super().__init__(server, sock, addr, adj, map)

    @property
    def next_is_streamed(self) -> bool:
        """Whether the request to serve next is one whose body may still be coming."""
        return bool(self.requests) and self.requests[0].is_streamed

    def is_in_the_way(self, now: float) -> bool:
        """Whether no request is worked on, or briskly answered; `since` tells how long."""
        if self.requests:
            return False
        allowed = self._patience.crowded if self.total_outbufs_len else _ARRIVAL
        return now - self.since > allowed

    def close_if_stuck(self, now: float) -> None:
        """Called every now and then, with time.monotonic()."""
        if self._takes_nothing(now):
            self.handle_close()
        elif self.request is not None and not self._is_spoiled:
            if not self.readable() or self.request.waits_to_be_asked:
                self._watch()  # it is not the client that is slow
            elif self._is_too_slow(now):
                self.give_up()
        elif not self._is_answering:
            allowed = self._patience.idle if self._received else self._patience.headers
            if now - self.since > allowed:
                self.handle_close()

    def give_up(self) -> None:
        """Receives no more. What is being served ends, the sooner if it waits for its body."""
        self._cut_off()
        self._is_spoiled = True
        if not self.requests:
            self.close_when_flushed = True

    # Receiving

    def readable(self) -> bool:
        if not self.connected:
            return False
        if (body := self._coming) is not None:
            return not (self.will_close or body.is_full)
        return not (self._is_spoiled or self._ahead) and super().readable()

    def recv(self, buffer_size: int) -> bytes:
        """Little of what is to be parsed: that takes more than its length, in memory and time."""
        missing = self.request.missing if self.request is not None else 0
        data: bytes = super().recv(min(buffer_size, max(missing, _PARSED_AT_ONCE)))
        return data

    def received(self, data: bytes) -> bool:
        with self.requests_lock:
            self._received += len(data)
            self._ahead += data
            while self._ahead and self._takes_more:
                consumed = self._take(self._ahead)
                self._ahead = self._ahead[consumed:]
        return True

    def handle_expt(self) -> None:
        """Urgent data, which no HTTP client sends, and which would wake the loop for ever."""
        self.handle_close()

    def handle_close(self) -> None:
        self._cut_off()
        super().handle_close()

    @property
    def _coming(self) -> Body | None:
        """The streamed body that is being received."""
        request = self.request  # which the loop may end while a thread asks
        body = None if request is None else request.body
        return None if body is None or body.is_cut_off else body

    def _cut_off(self) -> None:
        if (body := self._coming) is not None:
            body.cut_off()

    @property
    def _takes_more(self) -> bool:
        if self.will_close or self._is_spoiled:
            return False
        if self._coming is not None:
            return True
        return not self.close_when_flushed and (self.request is not None or not self._is_answering)

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
        elif request.expect_continue and not (request.is_streamed or request.completed):
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

    def _enqueue(self, request: Request) -> None:
        self.requests.append(request)
        self.server.add_task(cast("Any", self))

    def _watch(self) -> None:
        self._watched_since = time.monotonic()
        self._received_before = self._received

    def _is_too_slow(self, now: float) -> bool:
        patience, watched = self._patience, now - self._watched_since
        if self.request is not None and not self.request.headers_finished:
            return watched > patience.headers
        if self._is_refused and now - self.since > patience.refused:
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

    @property
    def _is_answering(self) -> bool:
        return bool(self.requests or self.total_outbufs_len)

    def service(self) -> None:
        request = self.requests[0]
        super().service()
        self.since = time.monotonic()
        if request.waits_to_be_asked:
            self.give_up()
        elif self._is_spoiled:
            self.close_when_flushed = True
        elif self._ahead:
            cast("Any", self.server).trigger.pull_trigger(self._go_on)

    def _go_on(self) -> None:
        """In the loop, with what came before the answer to the last request was sent."""
        if self.connected:
            self.received(b"")

    def write_soon(self, data: Any) -> int:
        """In the application's thread, which sends as much as the system takes, and waits first
        if the client has a lot to take.

        Until it is done, the loop does not ask whether the system would take more. It always
        would, and the loop, awake at once, would take the interpreter from the thread that is
        about to send, again and again.
        """
        self._wait_until_most_is_taken()
        self._is_sending = True
        try:
            written: int = super().write_soon(data)
        finally:
            self._is_sending = False
            if self.total_outbufs_len or self.will_close:
                self.server.pull_trigger()
        return written

    def writable(self) -> bool:
        if not self.connected or self._is_sending:
            return False
        if self._lingers:
            return bool(self.total_outbufs_len)
        return super().writable()

    def handle_write(self) -> None:
        if not self.connected:  # since a moment ago, when the same event was read
            return
        if self._lingers:
            cast("Any", self)._flush_exception(self._flush_some)
        else:
            super().handle_write()
        self._go_on()

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

    def _wait_until_most_is_taken(self) -> None:
        ahead = self.adj.outbuf_high_watermark
        if self.total_outbufs_len <= ahead:
            return
        with cast("Listener", self.server).waiting(), self.outbuf_lock:
            while self.connected and self.total_outbufs_len > ahead // 2:
                self.server.pull_trigger()
                self.outbuf_lock.wait()

    def _takes_nothing(self, now: float) -> bool:
        if self.total_outbufs_len:
            # The system says late that there is room: only when there is a lot.
            channel: Any = self
            channel._flush_exception(channel._flush_some_if_lockable)
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
