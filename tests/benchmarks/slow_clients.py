"""Clients that take and send as slowly as the server bears, in a process of their own.

Its `main` reads pickled Clients, says a line when all are under way, and goes on until its standard
input ends.
"""

from __future__ import annotations

import functools
import pickle
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import forms
from tests.benchmarks.client import head, post
from tests.benchmarks.hammer import Run
from tests.benchmarks.installation import Installation
from tests.benchmarks.load import read
from tests.benchmarks.measuring import Median, Plan, in_turns
from tests.benchmarks.report import Findings, Goal, Table

READERS, UPLOADS = 64, 32
_LARGE = 50_000_000
_PIECE = 4096  # bytes, twice a second
_PAUSE = 0.5
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Clients:
    """What each reader and each upload sends first; and then, bit by bit, nothing of value."""

    port: int
    reading: bytes
    uploading: bytes


def measure(installation: Installation, folder: Path, plan: Plan) -> Findings:
    """The page alone, and while slow clients are served."""
    page, _file = installation.hot
    _path, form = forms.large_wheel(folder, "slowly-read", "1.0", _LARGE)
    installation.send(form)
    _path, form = forms.large_wheel(folder, "slowly-sent", "1.0", _LARGE)
    file, upload = installation.file("slowly-read"), installation.upload
    clients = Clients(
        installation.server.port,
        head("GET", file.path, file.headers),
        post(upload.path, upload.headers, form) + form.start,
    )
    alone = functools.partial(read, installation.server, page, 8, plan.seconds)

    def beside_them() -> Run:
        with _at_work(clients):
            return alone()

    alone()
    subjects: dict[str, Callable[[], Run]] = {"alone": alone, "beside them": beside_them}
    runs = in_turns(plan.rounds, subjects)
    medians = {name: Median.of(found) for name, found in runs.items()}
    rows = [[name, str(median), f"{median.p99_of_mean:.1f}"] for name, median in medians.items()]
    what = f"page beside {READERS} slow readers and {UPLOADS} slow uploads"
    ratio = medians["beside them"].rate / medians["alone"].rate
    return Findings(
        [Table([f"{what}, 8 connections", "requests", "p99 / mean"], rows)],
        [Goal(f"{what}, beside alone", "at least", 0.8, {"": ratio})],
    )


@contextmanager
def _at_work(clients: Clients) -> Iterator[None]:
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump(clients, process.stdin)
        process.stdin.flush()
        if not process.stdout.readline():
            raise RuntimeError("the slow clients were not served")
        yield
        process.stdin.close()


def main() -> None:
    clients: Clients = pickle.load(sys.stdin.buffer)
    readers = [_start(clients.port, clients.reading) for _ in range(READERS)]
    uploads = [_start(clients.port, clients.uploading) for _ in range(UPLOADS)]
    for reader in readers:
        assert reader.recv(_PIECE).startswith(b"HTTP/1.1 200")
    print("under way", flush=True)
    while not select.select([sys.stdin], [], [], _PAUSE)[0]:
        for reader in readers:
            reader.recv(_PIECE)
        for upload in uploads:
            upload.sendall(bytes(_PIECE))


def _start(port: int, request: bytes) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request)
    return connection
