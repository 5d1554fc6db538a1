"""A promotion of many large files: how long it takes, and how much disk."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.services.acting import Acting
from pypi_repo.settings import GIB, MIB
from tests.benchmarks.measuring import Plan
from tests.benchmarks.report import Findings, Goal, Table
from tests.support.distributions import wheel

_FILES = 50
_SIZE = GIB
_LONGEST = 1.0  # seconds


def measure(folder: Path, plan: Plan) -> Findings:
    """To another repository in each round."""
    database, blobs = folder / "registry.db", folder / "blobs"
    settings = Settings(database=f"sqlite:///{database}", blobs=f"file://{blobs}")
    with Registry(settings) as registry:
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create("main")
        _fill(operator, folder, database, blobs)
        before, rounds = _taken(blobs), []
        for number in range(plan.rounds):
            target = f"target-{number}"
            operator.repositories.create(target)
            began = time.monotonic()
            promoted = operator.promotion.release("main", "demo", "1.0", target)
            rounds.append(time.monotonic() - began)
            if sum(file.size for file in promoted.files) != _FILES * _SIZE:
                raise RuntimeError(f"{len(promoted.files)} files were promoted")
        copied = _taken(blobs) - before
    took = statistics.median(rounds)
    what = f"release of {_FILES} files of 1 GiB, copied to another repository"
    row = [what, f"{took:.2f} s", f"{copied / MIB:.0f} MiB"]
    return Findings(
        [Table(["promotion", "took", "more on the disk"], [row])],
        [Goal("promotion of 50 files of 1 GiB", "at most", _LONGEST, {"": took}, " s")],
    )


def _fill(operator: Acting, folder: Path, database: Path, blobs: Path) -> None:
    """With files that have holes: nobody reads what is in them."""
    for number in range(_FILES):
        path = wheel(build=str(number + 1)).save(folder)
        os.truncate(blobs / operator.add_file("main", path).file.path, _SIZE)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE files SET size = ?", [_SIZE])


def _taken(folder: Path) -> int:
    """The bytes on the disk, without holes."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
