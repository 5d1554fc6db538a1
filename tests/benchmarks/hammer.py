"""A client of many connections, in a process of its own, that costs the machine next to nothing.

Its `main` reads a pickled Job and writes a pickled Run; see load.py.
"""

from __future__ import annotations

import math
import pickle
import re
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from tests.benchmarks.consumption import processor_seconds

_LONGEST_HEAD = 2048
_SEND_BUFFER = 1024 * 1024  # holds a whole request, so that sending never waits
_PATIENCE = 60.0  # seconds for which a server may be silent
_SETTLE = 0.25  # seconds before requests count that are sent again and again
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")

_buffer = bytearray(256 * 1024)  # where every connection receives


@dataclass(frozen=True)
class Job:
    """port: on this machine.

    requests: of each connection, each a head with its body.
    expected: the status of all answers.
    seconds: for how long each connection repeats what it sends; None sends it once.
    pid: of the server whose processor time is asked for.
    """

    port: int
    requests: Sequence[Sequence[bytes]]
    expected: int
    seconds: float | None
    pid: int


@dataclass(frozen=True)
class Run:
    """What came of it. All times are seconds; `processor` is the server's."""

    elapsed: float
    answers: Sequence[int]
    mean: float
    p99: float
    processor: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.answers) / self.elapsed

    @property
    def fairness(self) -> float:
        """What the slowest client got of what the fastest got."""
        return min(self.answers) / max(1, *self.answers)

    @property
    def processor_per_answer(self) -> float:
        return self.processor / max(1, sum(self.answers))


class _Client:
    """One connection, or one after the other where the server ends them."""

    def __init__(self, job: Job, number: int, selector: selectors.BaseSelector) -> None:
        requests = job.requests[number]
        self._requests: Iterator[bytes] = iter(requests) if job.seconds is None else cycle(requests)
        self._port = job.port
        self._expected = str(job.expected).encode()
        self._selector = selector
        self._head, self._missing = bytearray(), 0  # of the answer that is coming
        self.asked, self.answers = 0.0, 0
        self._connect()

    def _connect(self) -> None:
        self._is_over = False
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._selector.register(self._socket, selectors.EVENT_READ, self)

    def ask(self) -> bool:
        """Whether there was something left to ask."""
        request = next(self._requests, None)
        if request is None:
            self._selector.unregister(self._socket)
            self._socket.close()
            return False
        if self._is_over:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._connect()
        self.asked = time.perf_counter()
        self._socket.sendall(request)
        return True

    def is_answered(self) -> bool:
        """Takes what has come. Raises ConnectionError for another answer than the expected one."""
        count = self._socket.recv_into(_buffer)
        if not count:
            raise ConnectionError("the server hung up")
        if self._missing:
            self._missing -= count
            return not self._missing
        start = self._head + _buffer[: min(count, _LONGEST_HEAD)]
        end = start.find(b"\r\n\r\n")
        if end < 0:
            self._head = start
            return False
        head, received = start[: end + 2].lower(), len(self._head) + count - end - 4
        if head[9:12] != self._expected:
            raise ConnectionError(f"unexpected answer: {bytes(start)!r}")
        self._is_over = head.startswith(b"http/1.0") or b"\nconnection: close\r" in head
        length = _LENGTH.search(head)
        self._missing = (int(length[1]) if length else 0) - received
        self._head = bytearray()
        return not self._missing


class _Load:
    """All connections at once, each asking anew when it is answered."""

    def __init__(self, job: Job) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients = [_Client(job, n, self._selector) for n in range(len(job.requests))]
        self._asking = sum(client.ask() for client in self._clients)
        self._waits: list[float] = []

    def drive(self, until: float = math.inf) -> None:
        """Until then, or until nobody has anything to ask."""
        self._waits = []
        for each in self._clients:
            each.answers = 0
        now = time.perf_counter()
        while self._asking and now < until:
            events = self._selector.select(min(_PATIENCE, until - now))
            if not events and until == math.inf:
                raise TimeoutError(f"no answer for {_PATIENCE:.0f} seconds")
            now = time.perf_counter()
            for key, _mask in events:
                client: _Client = key.data
                if client.is_answered():
                    now = time.perf_counter()
                    self._waits.append(now - client.asked)
                    client.answers += 1
                    self._asking -= not client.ask()

    def came_to(self, elapsed: float, processor: float) -> Run:
        waits = sorted(self._waits) or [math.inf]
        p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
        answers = [client.answers for client in self._clients]
        return Run(elapsed, answers, statistics.fmean(waits), p99, processor)


def run(job: Job) -> Run:
    """Does the job, and counts once it is under way if it has no end of its own.

    Raises ConnectionError where the server hangs up or does not answer as expected, and
    TimeoutError where it does nothing for a minute.
    """
    load = _Load(job)
    if job.seconds is not None:
        load.drive(time.perf_counter() + _SETTLE)
    processor, began = processor_seconds(job.pid), time.perf_counter()
    load.drive(math.inf if job.seconds is None else began + job.seconds)
    elapsed = time.perf_counter() - began
    return load.came_to(elapsed, processor_seconds(job.pid) - processor)


def main() -> None:
    pickle.dump(run(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)
