"""Start-up: from the command to the first answer, and what an import costs."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.benchmarks.client import Connection, head
from tests.benchmarks.measuring import Plan, in_turns
from tests.benchmarks.report import Findings, Table
from tests.support.processes import free_port

_PATIENCE = 30.0
_POLL = 0.002

_folders = count()


def measure(folder: Path, plan: Plan) -> Findings:
    subjects: dict[str, Callable[[], float]] = {
        "`serve` to its first answer, new data folder": lambda: until_it_answers(
            folder / str(next(_folders))
        ),
        "`import pypi_repo`": functools.partial(_importing, "pypi_repo"),
        "`import sqlalchemy`": functools.partial(_importing, "sqlalchemy"),
    }
    found = in_turns(plan.rounds, subjects)
    rows = [[name, f"{statistics.median(times):.2f} s"] for name, times in found.items()]
    return Findings([Table(["start", ""], rows)])


def until_it_answers(data: Path) -> float:
    """Seconds from the command `serve` to its first answer; nobody else may serve from there."""
    port = free_port()
    command = [sys.executable, "-m", "pypi_repo.serve", "--data", str(data), "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > began + _PATIENCE:
                raise RuntimeError(f"{command} does not answer")
            time.sleep(_POLL)
        return time.monotonic() - began
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
    """Seconds, without those that the interpreter itself needs to start."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)
