"""Asks elsewhere, before requests are answered in the event loop, what has to be known for it."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.waiting import Known

if TYPE_CHECKING:
    from pypi_repo.server.loop import Server

Attempt: TypeAlias = Callable[[Known], object]

PATIENCE = 0.25
"""Seconds that requests wait for an answer, before they are attempted without one."""

PAUSE = 1.0
"""Seconds for which nothing is asked after there was no answer in time."""


class Informant(Protocol):
    """Says what an application may take for true, over a connection on which the loop can wait.

    All methods raise a RegistryError if the connection cannot be used.
    """

    def connect(self) -> int:
        """Opens the connection, which may take long. Returns its file descriptor."""

    def send(self) -> None:
        """Sends a question, and does not wait. The one before has been answered."""

    def receive(self) -> Known | None:
        """Returns the answer, if it is complete; None if not. The descriptor was readable.

        What it says was true when the question had been sent, or later.
        """

    def close(self) -> None:
        """Closes the connection, if there is one."""


class Inquiries:
    """The questions of an event loop to an informant.

    One question is under way at a time, and all requests that arrive meanwhile wait for the next.
    So each question is sent after its requests have arrived, and however many they are, they share
    it. If there is no answer in time, they are attempted with nothing known.

    All methods except `_connect` are called in the event loop.
    """

    def __init__(self, informant: Informant, server: "Server") -> None:
        self._informant, self._server = informant, server
        self._descriptor: int | None = None
        self._waiting: list[Attempt] = []
        self._asking: list[Attempt] = []  # those whose question is under way
        self._alarm: asyncio.TimerHandle | None = None  # while one is under way
        self._sends_soon = False
        self._rests_until = 0.0

    def before(self, attempt: Attempt) -> None:
        """Calls a function with what is known, at once or soon.

        attempt: attempts to answer a request that has just arrived.
        """
        if time.monotonic() < self._rests_until:
            attempt({})
        elif self._descriptor is None:
            self._rests_until = math.inf
            self._server.threads.add(self._connect)
            attempt({})
        else:
            self._waiting.append(attempt)
            if self._alarm is None and not self._sends_soon:
                # After all that has arrived in this turn of the loop.
                self._sends_soon = True
                asyncio.get_running_loop().call_soon(self._send)

    def close(self) -> None:
        """Ends all questions."""
        self._rests_until = math.inf
        self._lose()

    def _connect(self) -> None:
        """Connects in a thread."""
        try:
            descriptor = self._informant.connect()
        except RegistryError:  # which the threads tell whose requests need the same
            self._server.call(self._rest)
        else:
            self._server.call(self._begin, descriptor)

    def _begin(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rests_until = 0.0
        asyncio.get_running_loop().add_reader(descriptor, self._receive)

    def _send(self) -> None:
        self._sends_soon = False
        if not self._waiting:  # the connection was lost
            return
        self._asking, self._waiting = self._waiting, []
        self._alarm = asyncio.get_running_loop().call_later(PATIENCE, self._give_up)
        try:
            self._informant.send()
        except RegistryError:
            self._rest()
            self._lose()

    def _receive(self) -> None:
        try:
            known = self._informant.receive()
        except RegistryError:
            self._rest()
            self._lose()
            return
        if known is None or self._alarm is None:
            return
        self._alarm.cancel()
        self._alarm = None
        if self._rests_until == math.inf:
            self._rest()  # it was late
        asking, self._asking = self._asking, []
        if self._waiting:
            self._send()
        _call(asking, known)

    def _give_up(self) -> None:
        """Lets all go on without an answer, which may still come."""
        self._rests_until = math.inf
        self._go_on()

    def _rest(self) -> None:
        self._rests_until = time.monotonic() + PAUSE

    def _lose(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._descriptor = None
        self._informant.close()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._go_on()

    def _go_on(self) -> None:
        """Attempts all without an answer."""
        waiting = self._asking + self._waiting
        self._asking, self._waiting = [], []
        _call(waiting, {})


def _call(attempts: list[Attempt], known: Known) -> None:
    """Calls them soon, each for itself, so that an error of one does not keep others waiting."""
    loop = asyncio.get_running_loop()
    for attempt in attempts:
        loop.call_soon(attempt, known)
