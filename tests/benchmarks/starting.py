"""Start-up: from the command to the first answer, and what an import costs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.benchmarks.client import Connection, head
from tests.benchmarks.measuring import Result, in_turns
from tests.support.processes import free_port

_PATIENCE = 30.0
_POLL = 0.002
_BARE_SERVER = """\
import sys
import waitress

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []

waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=16)
"""


def measure(folder: Path, data: Path, rounds: int) -> Iterator[Result]:
    """data: a registry with many files in it; nobody else may be serving from it."""
    serve = [sys.executable, "-m", "pypi_repo.serve", "--data"]
    bare = [sys.executable, "-c", _BARE_SERVER]
    empty = (folder / f"empty-{number}" for number in count())

    yield in_turns(
        "start to first answer, with many files",
        "ms",
        rounds,
        lambda: _until_it_answers([*serve, str(data), "--port"]),
        lambda: _until_it_answers(bare),
        more_is_better=False,
    )
    yield in_turns(
        "the same, empty data folder",
        "ms",
        rounds,
        lambda: _until_it_answers([*serve, str(next(empty)), "--port"]),
        lambda: _until_it_answers(bare),
        more_is_better=False,
    )
    yield in_turns(
        "import pypi_repo (bare: sqlalchemy)",
        "ms",
        rounds,
        lambda: _importing("pypi_repo"),
        lambda: _importing("sqlalchemy"),
        more_is_better=False,
    )


def _until_it_answers(command: list[str]) -> float:
    """Milliseconds. `command` lacks only the port, as its last argument."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > began + _PATIENCE:
                raise RuntimeError(f"{command} does not answer")
            time.sleep(_POLL)
        return 1000 * (time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _answers(port: int) -> bool:
    try:
        with Connection(port) as connection:
            connection.send(head("GET", "/", {"Connection": "close"}))
            return connection.receive()[0] == 200
    except OSError:
        return False


def _importing(module: str) -> float:
    """Milliseconds, without those that the interpreter itself needs to start."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return 1000 * float(done.stdout)
