"""SQLite: its files, its connections, and how its writers wait for each other."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, cast

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, Table, event
from sqlalchemy.pool import QueuePool

from pypi_repo.storage.database.engines import options
from pypi_repo.storage.database.prepared import PREPARED, driver_errors
from pypi_repo.storage.events.committed import COMMITTED, Committed

_FIRST_PAUSES = 3  # milliseconds: 1 and 2, after which SQLite's pauses grow
_ANY_BUSY = 0xFF  # the rest of an error code says why


def path_of(url: URL) -> str | None:
    """Returns the path of a SQLite database's file; None for a database without one."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return url.database if is_file else None


def files_beside(path: str) -> list[str]:
    """Returns the paths of the files that SQLite creates beside that of a database."""
    return [f"{path}-wal", f"{path}-shm"]


def is_in_memory(url: URL) -> bool:
    """Returns whether a database exists in the memory of this process only."""
    return url.get_backend_name() == "sqlite" and path_of(url) is None


def never_uses_an_id_twice(table: Table) -> bool:
    """Returns whether a SQLite table never uses the id of a deleted row again."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def is_busy(error: BaseException) -> bool:
    """Returns whether SQLite found a lock for which it did not wait."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & _ANY_BUSY == sqlite3.SQLITE_BUSY


def open_engine(url: URL) -> Engine:
    """Returns an engine of SQLite, which connects later."""
    # In memory, the database is its one connection, so all threads take turns on it.
    pool = (
        {"pool_size": 1, "max_overflow": 0}
        if is_in_memory(url)
        else {"pool_size": options.CONNECTIONS}
    )
    engine = sqlalchemy.create_engine(
        url,
        poolclass=QueuePool,
        pool_use_lifo=True,  # the one that was used last still has in its cache what it has written
        hide_parameters=True,  # hashes of passwords and tokens, which errors would log
        connect_args={"check_same_thread": False, "timeout": options.BUSY_TIMEOUT},
        execution_options={PREPARED: {}, COMMITTED: Committed()},
        **cast("Any", pool),
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: it would begin them as readers, and two
    # readers that both want to write can only fail.
    connection.isolation_level = None
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")  # an answered upload survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """Switches a new database to WAL mode.

    If several processes start with a new database, SQLite refuses this without waiting.
    """
    _once_free(lambda: cursor.execute("PRAGMA journal_mode = WAL"), pause=0.01)


def _once_free(ask: Callable[[], object], *, pause: float) -> None:
    """Repeats a call to SQLite until no program blocks it, or for as long as a writer waits.

    pause: the time between two attempts, in seconds; 0 if SQLite waits in each of them.
    """
    deadline = time.monotonic() + options.BUSY_TIMEOUT
    while True:
        try:
            ask()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            if pause:
                time.sleep(pause)
        else:
            return


def _begin(connection: Connection) -> None:
    chosen = connection.get_execution_options()
    if chosen.get(options.SNAPSHOT):
        connection.exec_driver_sql("BEGIN")
    elif not chosen.get(options.READER):
        _begin_writing(connection)


def _begin_writing(connection: Connection) -> None:
    """Begins a write transaction as soon as no other process writes.

    The pauses of SQLite's busy handler grow to a tenth of a second, ten times as long as the
    transactions for which they wait, so several writing processes would mostly sleep. Therefore
    only its first pauses are used, again and again. With pauses of our own, a thread would often
    wake up while another thread of this process is in its own transaction.
    """
    driver: Any = connection.connection.driver_connection
    # In WAL mode, NORMAL loses the last commits in a power cut, and nothing else.
    waits = "NORMAL" if connection.get_execution_options().get(options.FLEETING) else "FULL"
    driver.execute(f"PRAGMA synchronous = {waits}")
    driver.execute(f"PRAGMA busy_timeout = {_FIRST_PAUSES}")
    try:
        with driver_errors(connection.dialect):
            _once_free(lambda: driver.execute("BEGIN IMMEDIATE"), pause=0)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(options.BUSY_TIMEOUT * 1000)}")
