"""Load: many requests at once from processes of their own; `wrk` makes them where it can."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from typing import TypeVar

from tests.benchmarks.client import Connection, Form, head, post

_CONNECTIONS = 8
_PATIENCE = 120.0  # seconds that a process waits for the others to be ready

Job = TypeVar("Job")
_barrier: Barrier | None = None


@dataclass(frozen=True)
class Target:
    """One URL of a server on this machine, and how it is asked."""

    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    expected: int = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class _Stint:
    """What one process did, on the clock that all processes share."""

    began: float
    ended: float
    requests: int


def generator() -> str:
    """What makes the load of `requests_per_second`."""
    if shutil.which("wrk"):
        return f"wrk, 1 thread, {_CONNECTIONS} connections"
    return f"{_CONNECTIONS} processes with a raw socket each (wrk is not installed)"


def requests_per_second(target: Target, seconds: float) -> float:
    """How many GETs are answered as expected, over eight connections that stay open.

    Raises RuntimeError where any answer is another one.
    """
    _probe(target)
    if shutil.which("wrk"):
        return _with_wrk(target, seconds)
    return _rate(_hammer, [(target, seconds)] * _CONNECTIONS)


def uploads_per_second(target: Target, forms_of_clients: Sequence[Sequence[Form]]) -> float:
    """One process and connection per client, each sending its forms one after another.

    Raises RuntimeError where one is refused.
    """
    return _rate(_upload, [(target, forms) for forms in forms_of_clients])


def _probe(target: Target) -> None:
    with Connection(target.port) as connection:
        connection.send(head("GET", target.path, target.headers))
        _expect(target, connection.receive()[0])


def _expect(target: Target, status: int) -> None:
    if status != target.expected:
        raise RuntimeError(f"{target.path} answered {status} instead of {target.expected}")


def _with_wrk(target: Target, seconds: float) -> float:
    headers = [f"-H{name}: {value}" for name, value in target.headers.items()]
    duration = f"{max(1, round(seconds))}s"
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{duration}", *headers, target.url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{target.path} failed under load:\n{output}")
    rate = re.search(r"Requests/sec: *([\d.]+)", output)
    if rate is None:
        raise RuntimeError(f"wrk did not say how fast {target.path} was:\n{output}")
    return float(rate[1])


def _rate(work: Callable[[Job], _Stint], jobs: Sequence[Job]) -> float:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(jobs))
    with ProcessPoolExecutor(
        len(jobs), mp_context=context, initializer=_use_barrier, initargs=(barrier,)
    ) as pool:
        stints = list(pool.map(work, jobs))
    elapsed = max(stint.ended for stint in stints) - min(stint.began for stint in stints)
    return sum(stint.requests for stint in stints) / elapsed


def _use_barrier(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _wait_for_the_others() -> float:
    if _barrier is not None:
        _barrier.wait(_PATIENCE)
    return time.monotonic()


def _hammer(job: tuple[Target, float]) -> _Stint:
    target, seconds = job
    request = head("GET", target.path, target.headers)
    count = 0
    with Connection(target.port) as connection:
        began = _wait_for_the_others()
        while time.monotonic() < began + seconds:
            connection.send(request)
            _expect(target, connection.receive()[0])
            count += 1
        return _Stint(began, time.monotonic(), count)


def _upload(job: tuple[Target, Sequence[Form]]) -> _Stint:
    target, forms = job
    requests = [post(target.path, target.headers, form) + form.start for form in forms]
    with Connection(target.port) as connection:
        began = _wait_for_the_others()
        for request in requests:
            connection.send(request)
            _expect(target, connection.receive()[0])
        return _Stint(began, time.monotonic(), len(requests))
