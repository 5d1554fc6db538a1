"""Retention in a large repository: how long a preview takes, and a run keeps others waiting."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, event

from pypi_repo import OPERATOR, Registry, Settings
from tests.benchmarks import generated
from tests.benchmarks.consumption import PeakMemory
from tests.benchmarks.measuring import Plan
from tests.benchmarks.report import Findings, Goal, Table

_FILES = 100_000
_GROWN = 4  # times
_DELETED = 1_000  # files
_LONGEST_PREVIEW = 5.0  # seconds
_LONGEST_LOCK = 100.0  # milliseconds
_DOWNLOADS = """
WITH RECURSIVE days(n) AS (SELECT 0 UNION ALL SELECT n + 3 FROM days WHERE n < 60)
INSERT INTO downloads (repository_id, day, project, version, count)
SELECT projects.repository_id, date('now', '-' || days.n || ' days'), projects.normalized_name,
       releases.version, 1
FROM projects JOIN releases ON releases.project_id = projects.id, days
WHERE (releases.id / 3 + days.n) % 20 = 0"""


def measure(folder: Path, plan: Plan) -> Findings:
    with _filled(folder / "small", _FILES) as small:
        previews = [_preview(small) for _round in range(plan.rounds)]
        spans, took = _run(small)
    with _filled(folder / "large", _FILES * _GROWN) as large:
        grown = _preview(large)
    seconds = statistics.median(seconds for seconds, _memory in previews)
    longest = 1000 * max(spans)
    rows = [
        [f"preview of {_FILES:,} files", f"{seconds:.2f} s, memory +{previews[0][1]:.0f} MiB"],
        [f"preview of {_FILES * _GROWN:,} files", f"{grown[0]:.2f} s, memory +{grown[1]:.0f} MiB"],
        [
            f"run that deletes {_DELETED:,} files",
            f"{took:.2f} s; transactions of {1000 * statistics.median(spans):.1f} ms, "
            f"the longest {longest:.0f} ms",
        ],
    ]
    return Findings(
        [Table(["retention", ""], rows)],
        [
            Goal("preview of 100,000 files", "at most", _LONGEST_PREVIEW, {"": seconds}, " s"),
            Goal("the longest lock of a run", "at most", _LONGEST_LOCK, {"": longest}, " ms"),
        ],
    )


@contextmanager
def _filled(folder: Path, files: int) -> Iterator[Registry]:
    """With a rule that keeps the larger part."""
    folder.mkdir()
    database = folder / "registry.db"
    with Registry(Settings(database=f"sqlite:///{database}")) as registry:
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create("main")
        generated.fill(database, files)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(_DOWNLOADS)
        operator.retention.add_rule("main", "*", keep_last=3, keep_downloaded="30d")
        yield registry


def _preview(registry: Registry) -> tuple[float, float]:
    """Seconds, and MiB that the process has grown."""
    memory, began = PeakMemory(os.getpid()), time.monotonic()
    seen = registry.acting_as(OPERATOR).retention.preview("main", lambda _release: None)
    took = time.monotonic() - began
    if not (seen.releases and seen.kept):
        raise RuntimeError(f"{seen} is nothing to measure")
    return took, memory.growth


def _run(registry: Registry) -> tuple[list[float], float]:
    """Seconds of each transaction, from its beginning to its commit, and of all together."""
    engine, spans, begun = registry._database.engine, [], {}

    def note_begin(connection: Connection) -> None:
        begun[connection] = time.monotonic()

    def note_commit(connection: Connection) -> None:
        spans.append(time.monotonic() - begun.pop(connection))

    event.listen(engine, "begin", note_begin)
    event.listen(engine, "commit", note_commit)
    began = time.monotonic()
    registry.acting_as(OPERATOR).retention.run("main", _DELETED)
    return spans, time.monotonic() - began
