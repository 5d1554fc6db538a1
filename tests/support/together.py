"""Makes changes of several threads wait for one and the same transaction."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, event, text

from pypi_repo.storage.database.database import Database
from tests.support.waiting import wait_until

Result = TypeVar("Result")

_PATIENCE = 30.0  # seconds


def together(
    database: Database, subject: str, calls: Sequence[Callable[[], Result]]
) -> list[Future[Result]]:
    """What came of each call, in whose order they have come while somebody else was at work.

    calls: each makes one change of the subject through `Database.together`.
    """
    begun, over = threading.Event(), threading.Event()

    def be_at_work(_connection: Connection) -> None:
        begun.set()
        assert over.wait(_PATIENCE)

    with ThreadPoolExecutor(len(calls) + 1) as threads:
        first = threads.submit(database.together, subject, be_at_work)
        assert begun.wait(_PATIENCE)
        futures = []
        try:
            for number, call in enumerate(calls, 1):
                futures.append(threads.submit(call))
                wait_until(partial(_are_waiting, database, number))
        finally:
            over.set()
        first.result(_PATIENCE)
    return futures


def one_after_the_other(
    database: Database,
    first: Callable[[], object],
    second: Callable[[], Result],
    *,
    commit: int = 1,
) -> Future[Result]:
    """What came of a call that has waited for another one, and both began when neither was done.

    commit: which of its commits the first call does not make before the second one waits.
    """
    reached, over, commits = threading.Event(), threading.Event(), itertools.count(1)

    def pause(_connection: Connection) -> None:
        if not reached.is_set() and next(commits) == commit:
            reached.set()
            assert over.wait(_PATIENCE)

    event.listen(database.engine, "commit", pause)
    try:
        with ThreadPoolExecutor(2) as threads:
            earlier = threads.submit(first)
            assert reached.wait(_PATIENCE)
            later = threads.submit(second)
            wait_until(lambda: later.done() or waiting_for_locks(database) > 0)
            over.set()
            earlier.result(_PATIENCE)
    finally:
        over.set()
        event.remove(database.engine, "commit", pause)
    return later


def waiting_for_locks(database: Database) -> int:
    """How many connections do so, in a PostgreSQL database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return int(database.execute(waiting).scalar_one())


def _are_waiting(database: Database, number: int) -> bool:
    return any(len(group._waiting) == number for group in database._groups.values())


@contextmanager
def counted_commits(database: Database) -> Iterator[list[Connection]]:
    """One item for each commit within the block, on any thread."""
    commits: list[Connection] = []

    def count(connection: Connection) -> None:
        commits.append(connection)

    event.listen(database.engine, "commit", count)
    yield commits
    event.remove(database.engine, "commit", count)
