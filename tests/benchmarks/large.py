"""A large file, up and down, beside nginx, which stores and sends and does no more."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.benchmarks import forms
from tests.benchmarks.client import Connection, head
from tests.benchmarks.consumption import PeakMemory
from tests.benchmarks.installation import Installation
from tests.benchmarks.measuring import Plan, in_turns
from tests.benchmarks.report import Findings, Table
from tests.benchmarks.uploading import nginx_that_stores
from tests.support.processes import ServerProcess

_MEGABYTE = 1_000_000


def measure(installation: Installation, folder: Path, plan: Plan) -> Findings:
    """How fast, and what memory `serve` takes for it."""
    # A file that is there already is not stored again.
    wheels = [
        forms.large_wheel(folder, "large", f"1.{number}", plan.large)
        for number in range(plan.rounds)
    ]
    uploads = iter(wheels)
    rows = []

    def compare(what: str, ours: Callable[[], None], nginx: Callable[[], None]) -> None:
        memory = PeakMemory(installation.pid)
        timed = {name: functools.partial(_seconds, do) for name, do in (("o", ours), ("n", nginx))}
        rates = [
            plan.large / _MEGABYTE / statistics.median(found)
            for found in in_turns(plan.rounds, timed).values()
        ]
        cells = [f"{rate:,.0f} MB/s" for rate in rates]
        rows.append([what, *cells, f"{rates[0] / rates[1]:.2f}", str(memory)])

    with nginx_that_stores(folder) as nginx:
        compare(
            "upload",
            lambda: installation.send(next(uploads)[1]),
            lambda: _exchange(nginx, "PUT", "/large", wheels[0][0]),
        )
        file = installation.file("large")
        compare(
            "download",
            lambda: _exchange(installation.server, "GET", file.path, headers=file.headers),
            lambda: _exchange(nginx, "GET", "/large"),
        )
    title = f"a file of {plan.large // _MEGABYTE} MB"
    return Findings([Table([title, "`serve`", "nginx", "ratio", "memory of `serve`"], rows)])


def _exchange(
    server: ServerProcess,
    method: str,
    path: str,
    content: Path | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    length = {} if content is None else {"Content-Length": str(content.stat().st_size)}
    with Connection(server.port) as connection:
        connection.send(head(method, path, {**headers, **length}), content)
        status, _size = connection.receive()
    if status not in (200, 201, 204):
        raise RuntimeError(f"{path} was answered with {status}")


def _seconds(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
