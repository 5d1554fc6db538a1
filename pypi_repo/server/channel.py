"""One connection: requests in, answers out, and how long either may take."""

import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from waitress.channel import HTTPChannel
from werkzeug.exceptions import ClientDisconnected, HTTPException

from pypi_repo.server.body import Body, TooSlow
from pypi_repo.server.patience import Pace
from pypi_repo.server.request import Request
from pypi_repo.server.task import Task

if TYPE_CHECKING:
    from waitress.adjustments import Adjustments
    from waitress.server import BaseWSGIServer

    from pypi_repo.server.listener import Listener

_PARSED_AT_ONCE = 16 * 1024  # bytes
_ARRIVAL = 0.5  # seconds in which nobody who just came has to leave for others


class Channel(HTTPChannel):
    """One request after the other, and large bodies stream: served from the headers on.

    An application that refuses it without reading is heard at once, and what still comes is
    received and dropped, because many clients listen only when they have sent everything. So is
    what comes after the last answer: a connection that is closed before it was read would be
    reset, and the answer lost with it (RFC 9112, section 9.6).
    """

    parser_class = Request
    task_class = Task
    server: "Listener"
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
        self.since = self._taken_since = self._heard = time.monotonic()
        self._was_heard = False
        self._pace: Pace | None = None  # of the body that is being received
        self._flushes = self._flushes_before = 0
        self._ahead = b""  # what belongs to the next requests
        self._is_spoiled = False
        self._is_sending = False
        self._is_leaving = False
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

    @property
    def is_busy(self) -> bool:
        """Whether anything is being received, worked on, or answered."""
        is_receiving = self.request is not None and not self._is_spoiled
        return bool(self.requests or is_receiving or self.total_outbufs_len)

    def ends_with(self, request: Request) -> bool:
        """Whether its answer is the last on this connection."""
        # Who waits to be asked may send the body or another request next (RFC 9110, 10.1.1).
        return self._is_spoiled or not self.server.accepting or request.waits_to_be_asked

    def close_if_stuck(self, now: float) -> None:
        """Called every now and then, with time.monotonic()."""
        if self._takes_nothing(now):
            self.handle_close()
        elif self._is_leaving:
            patience = self._patience
            if now - self._heard > patience.leaving or now - self.since > patience.refused:
                self.handle_close()
        elif self.request is not None and not self._is_spoiled:
            self._watch(self.request, now)
        elif not self._is_answering:
            allowed = self._patience.idle if self._was_heard else self._patience.headers
            if now - self.since > allowed:
                self.handle_close()

    def _watch(self, request: Request, now: float) -> None:
        if self._pace is None:
            if now - self.since > self._patience.headers:
                self._lose_patience(request)
        elif not self.readable() or request.waits_to_be_asked:
            self._pace.restart(now)  # it is not the client that is slow
        elif self._pace.is_too_slow(now) or (
            self._is_refused and now - self.since > self._patience.refused
        ):
            self._lose_patience(request)

    def _lose_patience(self, request: Request) -> None:
        if request.is_streamed:
            self._give_up(TooSlow)
        else:
            request.give_up()
            with self.requests_lock:
                self._finish(request)

    def _give_up(self, failure: type[HTTPException] = ClientDisconnected) -> None:
        """Receives no more. What is being served ends, the sooner if it waits for its body."""
        self._cut_off(failure)
        self._is_spoiled = True
        if not self.requests:
            self._end()

    def _end(self) -> None:
        self.close_when_flushed = True
        self.server.pull_trigger()

    # Receiving

    def readable(self) -> bool:
        if not self.connected:
            return False
        if self._is_leaving:
            return True
        if (body := self._coming) is not None:
            return not (self.will_close or body.is_full)
        return not (self._is_spoiled or self._ahead) and super().readable()

    def recv(self, buffer_size: int) -> bytes:
        """Little of what is to be parsed: that takes more than its length, in memory and time."""
        if self._is_leaving:
            dropped: bytes = super().recv(buffer_size)
            return dropped
        missing = self.request.missing if self.request is not None else 0
        data: bytes = super().recv(min(buffer_size, max(missing, _PARSED_AT_ONCE)))
        return data

    def received(self, data: bytes) -> bool:
        if data:
            self._was_heard, self._heard = True, time.monotonic()
        if self._is_leaving:
            return True
        with self.requests_lock:
            if self._pace is not None:
                self._pace.came(len(data), self._heard)
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

    def _cut_off(self, failure: type[HTTPException] = ClientDisconnected) -> None:
        if (body := self._coming) is not None:
            body.cut_off(failure)

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
        request = self.request
        consumed = request.received(data)
        if not request.is_streamed and request.is_worth_streaming:
            request.stream_to(Body(self._ask_for_body, self.server.pull_trigger))
            self._enqueue(request)
        elif request.expect_continue and not (request.is_streamed or request.completed):
            self.send_continue()
        if request.completed:
            self._finish(request)
        elif self._pace is None and request.headers_finished:
            self._pace = Pace(self._patience, time.monotonic())
        return consumed

    def _finish(self, request: Request) -> None:
        if request.body is None:
            if not request.empty:
                self._enqueue(request)
        elif request.error:
            self._give_up()
        else:
            request.body.complete()
        self.request = self._pace = None

    def _enqueue(self, request: Request) -> None:
        self.requests.append(request)
        self.server.add_task(cast("Any", self))

    @property
    def _is_refused(self) -> bool:
        return self._coming is not None and not self.requests

    # Answering

    @property
    def _is_answering(self) -> bool:
        return bool(self.requests or self.total_outbufs_len)

    def service(self) -> None:
        request = self.requests[0]
        try:
            super().service()
        finally:
            self.server.upload_slots.leave(request)
        self.since = time.monotonic()
        if request.waits_to_be_asked:
            self._give_up()
        elif self._is_spoiled:
            self._end()
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
        if self._is_answered:
            return bool(self.total_outbufs_len or not self._is_leaving)
        return super().writable()

    def handle_write(self) -> None:
        if not self.connected:  # since a moment ago, when the same event was read
            return
        if self._is_answered:
            cast("Any", self)._flush_exception(self._flush_some)
            if not self.total_outbufs_len:
                self._leave()
        else:
            super().handle_write()
            self._go_on()

    @property
    def _is_answered(self) -> bool:
        """Whether there will be no more than what is being sent."""
        return self.close_when_flushed and not self.will_close

    def _leave(self) -> None:
        """Tells the client that this was all, and waits until it leaves as well."""
        if not self.connected or self.will_close:
            return  # it left before
        self._is_leaving = True
        self._ahead = b""
        self.since = self._heard = time.monotonic()
        try:
            cast("socket.socket", self.socket).shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()

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
        with self.server.waiting(), self.outbuf_lock:
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
