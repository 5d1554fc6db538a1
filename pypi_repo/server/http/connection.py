"""A connection: it receives requests, sends answers, and limits how long both may take."""

import asyncio
import time
from collections import deque
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from werkzeug.exceptions import ClientDisconnected, HTTPException

from pypi_repo.domain.waiting import ComeBack, Known, WouldWait, coming_back, without_waiting
from pypi_repo.server.http.body import Body, TooSlow
from pypi_repo.server.http.patience import Pace
from pypi_repo.server.http.request import BadRequest, Parser, Request
from pypi_repo.server.http.response import Response, plain_answer
from pypi_repo.server.http.tls import transport_below
from pypi_repo.server.sockets import reset_at_end

if TYPE_CHECKING:
    from pypi_repo.server.loop import Server

ARRIVAL = 0.5
"""Seconds in which nobody who just came has to leave for others."""

MOMENT = 0.03
"""Seconds that a thread waits for what others bring. Nearby servers answer within them."""

_AHEAD = 16 * 1024  # bytes that a client may send before the answer to its last request
_UNTAKEN = 64 * 1024  # bytes of answers that wait for the client before more is made of them
_FAREWELL = 1.0  # seconds, at the end, for clients to ask once more and be told
_LATE = "The request did not arrive in time and was given up; send it again"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.BufferedProtocol):
    """Answers the requests of one client, one after the other.

    Large bodies are streamed: the application is called when the headers have arrived. If the
    application answers without reading the body, the answer is sent at once, and the rest of the
    body is received and dropped, because many clients only read the answer when they have sent
    everything. The same applies to data after the last answer: if a connection is closed before
    everything was read, the operating system resets it, and the answer is lost (RFC 9112, section
    9.6).

    Everything except `_work` runs in the event loop.
    """

    def __init__(self, server: "Server") -> None:
        now = time.monotonic()
        self._server = server
        self._patience = server.patience
        self._transport: asyncio.Transport
        self._parser = Parser(self._enqueue, self._expect_body, self._new_body)
        self._requests = deque[Request]()  # the first one is being answered
        self._response: Response | None = None
        self._is_spoiled = False  # nothing that comes can be understood, or is waited for
        self._reason: BadRequest | None = None  # why, to be told after all answers
        self._ahead = bytearray()
        self._pace = Pace(self._patience, now)  # of the body that is being received
        self._is_working = False  # somebody else, on the first request
        self._alarm: asyncio.TimerHandle | None = None  # while the answer waits for others
        self._goes_on_soon = False
        self._has_room = True  # for more of the answer
        self._is_lost = self._is_at_end = self._is_leaving = self._was_heard = False
        self._made = self._taken = 0  # bytes of answers
        self.since = self._heard = self._taken_since = now

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._below = transport_below(self._transport)
        self._transport.set_write_buffer_limits(_UNTAKEN)
        self._environ = self._server.environ_of(self._transport)
        self._server.arrived(self)

    def get_buffer(self, _size: int) -> memoryview:
        return self._server.buffer

    def buffer_updated(self, size: int) -> None:
        self._was_heard, self._heard = True, time.monotonic()
        if self._is_leaving or self._is_spoiled:
            return
        data = self._server.buffer[:size]
        if self._is_occupied or self._ahead:
            self._ahead += data
        else:
            self._receive(data)
        self._mind_what_comes()

    def eof_received(self) -> bool:
        """Notes that the client will send no more. It may still wait for answers."""
        self._is_at_end = True
        self._cut_off()
        if self._is_leaving or not (self._is_answering or self._goes_on_soon):
            return False
        return self._transport.can_write_eof()

    def connection_lost(self, _error: Exception | None) -> None:
        self._is_lost = True
        self._cut_off()
        self._server.left(self)
        if self._response is not None and not self._is_working:
            self._drop(self._response)
        # These know it as well, and many connections would be in memory until Python finds out.
        self._parser.end()
        self._reason = None
        del self._transport, self._below

    def pause_writing(self) -> None:
        self._has_room = False

    def resume_writing(self) -> None:
        self._has_room = True
        self._go_on_soon()  # the transport does not expect to be closed meanwhile

    # What the server asks

    @property
    def is_busy(self) -> bool:
        """Whether something is being received, processed or answered."""
        is_receiving = self._parser.receiving is not None and not self._is_spoiled
        return not self._is_lost and (bool(self._requests or self._waiting) or is_receiving)

    def may_ask(self, now: float) -> bool:
        """Returns whether the client has connected or was answered just now.

        Its next request may be on its way, and would be lost if the connection were closed.
        """
        return not self._is_lost and now - self.since < _FAREWELL

    def is_in_the_way(self, now: float) -> bool:
        """Returns whether the connection may be closed to make room for a new one.

        This is not so while a request is processed, or while the client takes its answer steadily.
        `since` says how long the connection has been waiting.
        """
        if self._is_working or (self._requests and self._has_room):
            return False
        allowed = self._patience.crowded if self._waiting else ARRIVAL
        return now - self.since > allowed

    def abort(self) -> None:
        """Closes the connection at once."""
        self._cut_off()
        self._server.left(self)  # now, so that others can count on its place
        if self._response is not None or self._waiting:
            reset_at_end(self._transport.get_extra_info("socket"))
        self._transport.abort()

    def close_if_stuck(self, now: float) -> None:
        """Closes the connection if the client is too slow. It is called regularly.

        now: time.monotonic().
        """
        patience = self._patience
        if self._takes_nothing(now):
            self.abort()
        elif self._is_leaving or self._transport.is_closing():
            is_silent = now - max(self._heard, self.since) > patience.leaving
            if not self._waiting and (is_silent or now - self.since > patience.refused):
                self.abort()
        elif self._parser.receiving is not None and not self._is_spoiled:
            self._watch(self._parser.receiving, now)
        elif not self._is_answering:
            allowed = patience.idle if self._was_heard else patience.headers
            if now - self.since > allowed:
                self.abort()

    def _watch(self, request: Request, now: float) -> None:
        if self._is_occupied or not self._transport.is_reading() or request.waits_to_be_asked:
            self._pace.restart(now)  # it is not the client that is slow
        elif not self._parser.receives_body:
            if now - self.since > self._patience.headers:
                self._lose_patience(request)
        elif self._pace.is_too_slow(now) or (
            request.is_streamed
            and request not in self._requests
            and now - self.since > self._patience.refused
        ):
            self._lose_patience(request)

    def _lose_patience(self, request: Request) -> None:
        if request.is_streamed and request in self._requests:
            self._cut_off(TooSlow)  # which the application tells
            self._is_spoiled = True
        else:
            self._fail(BadRequest(f"{_LATE}.", f"408 {_LATE}"))

    def _takes_nothing(self, now: float) -> bool:
        taken = self._made - self._waiting
        if not self._waiting or taken != self._taken:
            self._taken, self._taken_since = taken, now
            if self._waiting:
                self.since = now
        return now - self._taken_since > self._patience.answer

    # Receiving

    @property
    def _is_occupied(self) -> bool:
        """Whether received data belongs to requests that cannot be processed yet."""
        return self._is_answering and not self._parser.receives_body

    @property
    def _waiting(self) -> int:
        """The number of bytes of answers that the client has not taken yet."""
        waiting = self._transport.get_write_buffer_size()
        return waiting if self._below is None else waiting + self._below.get_write_buffer_size()

    @property
    def _is_answering(self) -> bool:
        return bool(self._requests or not self._has_room)

    def _receive(self, data: memoryview) -> None:
        before = self._parser.receiving
        if self._parser.receives_body:
            self._pace.came(len(data), self._heard)
        try:
            for start in range(0, len(data), _AHEAD):
                if self._is_occupied and start:
                    self._ahead += data[start:]
                    break
                self._parser.feed(data[start : start + _AHEAD])
        except BadRequest as error:
            self._fail(error)
        if self._parser.receiving not in (None, before):
            self.since = self._heard
        self._serve_next()

    def _mind_what_comes(self) -> None:
        """Continues or pauses receiving, as there is room for what is received."""
        if self._is_lost:
            return
        receiving = self._parser.receiving
        body = None if receiving is None else receiving.body
        wants = self._is_leaving or not (
            len(self._ahead) >= _AHEAD or (body is not None and body.is_full)
        )
        transport = self._transport
        if transport.is_closing() or self._is_at_end or wants == transport.is_reading():
            return
        if wants:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _enqueue(self, request: Request) -> None:
        self._requests.append(request)
        self.since = time.monotonic()

    def _expect_body(self, request: Request) -> None:
        self._pace = Pace(self._patience, time.monotonic())
        is_next = not self._requests or self._requests[0] is request
        if request.expects_continue and not request.is_streamed and is_next:
            self._ask_for(request)

    def _ask_for(self, request: Request) -> None:
        if request.expects_continue and not self._is_lost:
            request.expects_continue = False
            self._transport.write(_CONTINUE)

    def _new_body(self, request: Request) -> Body:
        """Returns the body of a request, which a thread will read."""
        call = self._server.call
        return Body(partial(call, self._ask_for, request), partial(call, self._mind_what_comes))

    def _cut_off(self, failure: type[HTTPException] = ClientDisconnected) -> None:
        """Marks that the rest of the body that is being received will not arrive."""
        receiving = self._parser.receiving
        if receiving is not None and receiving.body is not None:
            receiving.body.cut_off(failure)

    def _fail(self, reason: BadRequest) -> None:
        """Stops receiving, and sends the reason after all other answers."""
        receiving = self._parser.receiving
        self._cut_off()
        self._is_spoiled = True
        if receiving is None or not receiving.is_streamed:  # or else it is answered as it is
            self._reason = reason
        if not self._requests:
            self._end()

    # Answering

    def _serve_next(self) -> None:
        """Begins to answer the next request, if there is one and none is being answered."""
        if not self._requests or self._response is not None or self._is_lost or not self._has_room:
            return
        request = self._requests[0]
        self._response = response = self._new_response(request)
        if not request.only_reads:
            self._work_on(request, response)
        elif self._server.inquiries is None:
            self._attempt(request, response, {})
        else:
            self._is_working = True
            self._server.inquiries.before(partial(self._attempt, request, response))

    def _attempt(self, request: Request, response: Response, known: Known) -> None:
        """Answers in the event loop if nothing has to be waited for, and else in a thread."""
        self._is_working = False
        if self._is_lost:
            self._drop(response)
            return
        try:
            with without_waiting(known):
                part = response.make_part(self._server.application)
                if response.is_finished:
                    response.close()
        except WouldWait:
            response.close()
            self._response = response = self._new_response(request)
            self._work_on(request, response)
        else:
            self._send(response, part)

    def _new_response(self, request: Request) -> Response:
        environ = request.environ(self._environ)
        if request.is_streamed:
            environ |= self._server.slot_for(request)
        return Response(request, environ, partial(self._must_end, request))

    def _must_end(self, request: Request) -> bool:
        # Who waits to be asked may send the body or another request next (RFC 9110, 10.1.1).
        breaks_off = self._is_spoiled and self._reason is None
        return breaks_off or self._server.is_ending or request.waits_to_be_asked

    def _work_on(self, request: Request, response: Response) -> None:
        self._is_working = True
        server = self._server
        threads = server.upload_threads if request.is_streamed else server.threads
        threads.add(partial(self._work, request, response))

    @property
    def _moment(self) -> float:
        """For how many seconds a thread may wait for what others bring, as nobody else needs it."""
        return MOMENT if self._server.threads.are_mostly_idle else 0.0

    def _work(self, request: Request, response: Response) -> None:
        """Makes the next part of an answer, in a thread."""
        try:
            with coming_back(self._moment) if request.only_reads else nullcontext():
                part = response.make_part(self._server.application)
        except ComeBack as until:
            self._server.call(self._pause, response, until)
            return
        if response.is_finished:
            response.close()
        self._server.call(self._worked, response, part)

    def _worked(self, response: Response, part: bytes) -> None:
        self._is_working = False
        if self._is_lost:
            self._drop(response)
        else:
            self._send(response, part)

    def _pause(self, response: Response, until: ComeBack) -> None:
        """Goes on with an answer when something has happened elsewhere, and needs no thread."""
        self._is_working = False
        if self._is_lost:
            self._drop(response)
            return
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(until.seconds, self._wake, response)
        until.bell.listen(until.rung, partial(self._server.call, self._wake, response))

    def _wake(self, response: Response) -> None:
        if self._alarm is not None and self._response is response:
            self._alarm.cancel()
            self._alarm = None
            self._go_on()

    def _drop(self, response: Response) -> None:
        """Drops an answer whose client has gone."""
        self._server.threads.add(response.close)
        self._leave_slot()
        self._response = None
        self._requests.clear()

    def _send(self, response: Response, part: bytes) -> None:
        self._made += len(part)
        self._transport.write(part)
        if not response.is_finished:
            if response.is_at_hand:
                self._go_on_soon()
            elif self._has_room:
                self._work_on(self._requests[0], response)
            return
        self._leave_slot()
        self._response = None
        request = self._requests.popleft()
        if request.body is not None:
            request.body.close()
        self.since = time.monotonic()
        if response.is_cut and response.ends_with_connection:
            reset_at_end(self._transport.get_extra_info("socket"))
            self.abort()
        elif response.is_cut:
            self._close()
        elif response.is_last:
            self._reason = None  # whatever came after its request was not looked at
            self._end()
        elif (
            self._requests
            or self._ahead
            or self._parser.receiving is not None
            or self._is_spoiled
            or self._is_at_end
        ):
            self._go_on_soon()

    def _go_on_soon(self) -> None:
        """Continues in the next turn of the event loop, after other connections."""
        if not self._goes_on_soon:
            self._goes_on_soon = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Continues with the answer, or with data that was received ahead."""
        self._goes_on_soon = False
        if self._is_lost or self._is_leaving or self._is_working or not self._has_room:
            return
        if self._response is not None:
            self._go_on_with(self._response)
        elif self._requests:
            self._serve_next()
        else:
            self._go_on_receiving()

    def _go_on_with(self, response: Response) -> None:
        if response.is_at_hand:
            part = response.make_part(self._server.application)
            if response.is_finished:
                self._server.threads.add(response.close)  # which may wait
            self._send(response, part)
        else:
            self._work_on(self._requests[0], response)

    def _go_on_receiving(self) -> None:
        if not self._is_spoiled:
            ahead, self._ahead = self._ahead, bytearray()
            self._receive(memoryview(ahead))
            self._mind_what_comes()
        if self._requests:
            return
        receiving = self._parser.receiving
        if self._is_spoiled or self._is_at_end:
            self._end()
        elif receiving is not None and not receiving.is_streamed:
            self._ask_for(receiving)

    def _leave_slot(self) -> None:
        if self._requests and self._requests[0].is_streamed:
            self._server.upload_slots.leave(self._requests[0])

    def _end(self) -> None:
        """Tells the client that there will be no more answers, and waits until it leaves."""
        transport = self._transport
        if self._is_leaving or transport.is_closing():
            return
        if self._reason is not None:
            receiving = self._parser.receiving
            version = receiving.version if receiving is not None else "1.0"
            answer = plain_answer(self._reason.status, self._reason.sentence, version)
            self._made += len(answer)
            transport.write(answer)
        # Before TLS is ended, all must have been received; without a sign, the client goes by
        # the headers of the answer.
        may_linger = self._parser.receiving is not None or bool(self._ahead)
        self._ahead.clear()
        self._requests.clear()
        if self._is_at_end or not (transport.can_write_eof() or may_linger):
            self._close()
            return
        self._is_leaving = True
        self.since = self._heard = time.monotonic()
        if transport.can_write_eof():
            with suppress(OSError):  # it has been reset, which is noticed soon
                transport.write_eof()
        self._mind_what_comes()

    def _close(self) -> None:
        """Closes the connection when the client has taken everything."""
        if not self._transport.is_closing():
            self.since = self._heard = time.monotonic()
            self._transport.close()
