"""What differs between SQLite and PostgreSQL: URLs, connections, errors, and some statements."""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import sqlalchemy
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Date,
    Dialect,
    Engine,
    Table,
    event,
    func,
    text,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, ProgrammingError
from sqlalchemy.pool import QueuePool

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.storage.database.prepared import PREPARED, driver_errors
from pypi_repo.storage.events.committed import COMMITTED, Committed

_BUSY_TIMEOUT = 30  # seconds a writer waits for another one
_FIRST_PAUSES = 3  # milliseconds: 1 and 2, after which SQLite's pauses grow
_ANY_BUSY = 0xFF  # the rest of an error code says why
_FULL = ("is full", "no space left")
_LOCKED = ("locked", "lock timeout")
_CONFLICTS = ("40001", "40P01")  # what PostgreSQL calls a change that others were faster with
_CONNECTIONS = 20  # a few more than the threads of `serve`
# A machine that vanished is noticed within a minute or so, on both ends; the system's own
# patience is two hours, in which nobody could upload into a repository that it has locked.
_SERVER_OPTIONS: Mapping[str, Any] = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
_SERVER_SETTINGS = """
SET lock_timeout = '{patience}s';
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3
"""
_SCHEMA = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,62}\Z", re.ASCII)
_OWN_SCHEMA = "pypi_repo_schema"
_SNAPSHOT = "pypi_repo_snapshot"
_FLEETING = "pypi_repo_fleeting"
_READER = "pypi_repo_reader"  # SQLAlchemy's AUTOCOMMIT costs SQLite a statement per check-out


def parse_url(place: str | Path) -> URL:
    """Returns the URL of a database.

    For a path, it is made of its parts, because a path may contain what has a meaning in a URL.

    Raises ConfigurationError for text that is not a URL.
    """
    if isinstance(place, Path):
        return URL.create("sqlite", database=os.path.expanduser(place))
    try:
        url = sqlalchemy.make_url(place)
    except ArgumentError:
        raise ConfigurationError(
            "The database URL cannot be understood; write sqlite:///path/to/file.db or "
            "postgresql+psycopg://user:password@host/name."
        ) from None
    if url.get_backend_name() == "sqlite" and url.database is not None:
        return url.set(database=os.path.expanduser(url.database))
    return url


def sqlite_path(url: URL) -> str | None:
    """Returns the path of a SQLite database's file; None for a database without one."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return url.database if is_file else None


def files_beside(path: str) -> list[str]:
    """Returns the paths of the files that SQLite creates beside that of a database."""
    return [f"{path}-wal", f"{path}-shm"]


def is_in_memory(url: URL) -> bool:
    """Returns whether a database exists in the memory of this process only."""
    return url.get_backend_name() == "sqlite" and sqlite_path(url) is None


def open_engine(url: URL, *, schema: str | None = None) -> Engine:
    """Returns an engine, which connects later.

    schema: the schema of a PostgreSQL database for all tables.

    Raises ConfigurationError for a database that is not supported.
    """
    if url.get_backend_name() == "sqlite":
        if schema is not None:
            raise ConfigurationError(
                "A SQLite database has no schemas; give the registry a file of its own."
            )
        return _sqlite_engine(url)
    if schema is not None and not _SCHEMA.match(schema):
        raise ConfigurationError(
            f"{schema[:80]!r} cannot name a schema: use lower-case letters, digits and '_', begin "
            "with a letter, 63 characters at most."
        )
    return _server_engine(url, schema)


def make_schema(connection: Connection) -> None:
    """Creates the schema with which the engine was opened, if it is missing.

    Raises ConfigurationError if this is not allowed.
    """
    schema = connection.get_execution_options().get(_OWN_SCHEMA)
    if schema is None:
        return
    looked_up = connection.execute(text("SELECT to_regnamespace(:name)"), {"name": schema})
    if looked_up.scalar_one() is not None:
        return
    try:
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    except ProgrammingError as error:
        raise ConfigurationError(
            f"The schema {schema} is not there, and this database account may not make it; let "
            f"one that may run CREATE SCHEMA {schema} AUTHORIZATION with this account's name."
        ) from error


def reading(engine: Engine) -> Engine:
    """Returns the engine without transactions: a statement sees what is committed then."""
    if _is_sqlite(engine):
        return engine.execution_options(**{_READER: True})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def snapshots(engine: Engine) -> Engine:
    """Returns the engine with reading transactions, whose statements see one moment."""
    if _is_sqlite(engine):
        return engine.execution_options(**{_SNAPSHOT: True})
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def isolated(engine: Engine) -> Engine:
    """Returns the engine with transactions that fail if others have changed what they have read."""
    if _is_sqlite(engine):
        return engine  # whose write transactions are alone anyway
    return engine.execution_options(isolation_level="REPEATABLE READ")


def fleeting(engine: Engine) -> Engine:
    """Returns the engine with transactions whose commits do not wait for the disk.

    A power cut takes the last of them back, each as a whole.
    """
    return engine.execution_options(**{_FLEETING: True})


def set_up_reader(dialect: Dialect, connection: Any) -> None:
    """Prepares a driver's connection for reading without transactions. It refuses changes.

    A connection to SQLite does not wait for locks; see `is_busy`.
    """
    if dialect.name == "sqlite":
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.autocommit = True
        connection.execute("SET default_transaction_read_only = on")


def change_counter(dialect: Dialect) -> str | None:
    """Returns a statement whose answer differs after each commit of any other connection.

    It must be cheaper than a query (https://www.sqlite.org/pragma.html#pragma_data_version).

    Returns None if the database has no such statement.
    """
    return "PRAGMA data_version" if dialect.name == "sqlite" else None


def is_busy(error: BaseException) -> bool:
    """Returns whether SQLite found a lock for which it did not wait."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & _ANY_BUSY == sqlite3.SQLITE_BUSY


def is_locked(error: object) -> bool:
    """Returns whether another transaction has held a lock for too long."""
    return any(sign in _message(error) for sign in _LOCKED)


def is_full(error: object) -> bool:
    """Returns whether the disk is full.

    SQLite reports an I/O error if its shared memory has no room.
    """
    has_no_room = getattr(error, "sqlite_errorname", None) == "SQLITE_IOERR_SHMSIZE"
    return has_no_room or any(sign in _message(error) for sign in _FULL)


def is_conflict(error: object) -> bool:
    """Returns whether others were faster with a change on which this transaction depends."""
    return getattr(error, "sqlstate", None) in _CONFLICTS


def _message(error: object) -> str:
    return " ".join(str(error).lower().split())


def writes_alone(dialect: Dialect) -> bool:
    """Returns whether a write transaction has the database for itself, as with SQLite."""
    return dialect.name == "sqlite"


def lock_tables(connection: Connection, *names: str) -> None:
    """Keeps others from writing to these tables until the commit."""
    if not writes_alone(connection.dialect):
        connection.execute(text(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE"))


def insert_into(dialect: Dialect, table: Table) -> Any:
    """Returns an INSERT that supports ON CONFLICT."""
    insert: Any
    if dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    return insert(table)


def day_of(dialect: Dialect, moment: Any) -> ColumnElement[Any]:
    """Returns the day of a time in UTC. SQLite has neither zones nor dates, so it is text there."""
    if dialect.name == "sqlite":
        return func.date(moment)
    return sqlalchemy.cast(func.timezone("UTC", moment), Date)


def last_id(connection: Connection, table: str) -> int | None:
    """Returns the last id that a table has used, or None."""
    names = {"table": table}
    if connection.dialect.name == "sqlite":
        statement = "SELECT seq FROM sqlite_sequence WHERE name = :table"
    else:
        named = text("SELECT pg_get_serial_sequence(:table, 'id')")
        sequence = connection.execute(named, names).scalar_one()
        statement = f"SELECT CASE WHEN is_called THEN last_value END FROM {sequence}"  # noqa: S608
    last: int | None = connection.execute(text(statement), names).scalar()
    return last


def set_last_id(connection: Connection, table: Table, last: int) -> None:
    """Lets a table continue after an id. A SQLite table that may use ids twice needs nothing."""
    values = {"table": table.name, "last": last}
    if connection.dialect.name != "sqlite":
        setting = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)")
        connection.execute(setting, values)
    elif never_uses_an_id_twice(table):
        for statement in (
            "DELETE FROM sqlite_sequence WHERE name = :table",
            "INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)",
        ):
            connection.execute(text(statement), values)


def never_uses_an_id_twice(table: Table) -> bool:
    """Returns whether a SQLite table never uses the id of a deleted row again."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _sqlite_engine(url: URL) -> Engine:
    # In memory, the database is its one connection, so all threads take turns on it.
    pool = {"pool_size": 1, "max_overflow": 0} if is_in_memory(url) else {"pool_size": _CONNECTIONS}
    engine = sqlalchemy.create_engine(
        url,
        poolclass=QueuePool,
        pool_use_lifo=True,  # the one that was used last still has in its cache what it has written
        hide_parameters=True,  # hashes of passwords and tokens, which errors would log
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT},
        execution_options={PREPARED: {}, COMMITTED: Committed()},
        **cast("Any", pool),
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _server_engine(url: URL, schema: str | None) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise ConfigurationError(
            f"{url.get_backend_name()} is not supported; use SQLite or PostgreSQL."
        )
    said = url.query
    try:
        engine = sqlalchemy.create_engine(
            url,
            pool_size=_CONNECTIONS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={k: v for k, v in _SERVER_OPTIONS.items() if k not in said},
            execution_options={_OWN_SCHEMA: schema, PREPARED: {}, COMMITTED: Committed()},
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(
            "The PostgreSQL driver is missing; install pypi-repo[postgres] and write the URL "
            "as postgresql+psycopg://..."
        ) from error
    event.listen(engine, "connect", partial(_configure_server, schema))
    event.listen(engine, "begin", _begin_on_server)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
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

    pause: the time between two attempts, in seconds.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            ask()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(pause)
        else:
            return


def _configure_server(schema: str | None, connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute(_SERVER_SETTINGS.format(patience=_BUSY_TIMEOUT))
    if schema is not None:
        connection.execute(f'SET search_path = "{schema}"')
    connection.autocommit = False


def _begin_on_server(connection: Connection) -> None:
    if connection.get_execution_options().get(_FLEETING):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_SNAPSHOT):
        connection.exec_driver_sql("BEGIN")
    elif not options.get(_READER):
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
    waits = "NORMAL" if connection.get_execution_options().get(_FLEETING) else "FULL"
    driver.execute(f"PRAGMA synchronous = {waits}")
    driver.execute(f"PRAGMA busy_timeout = {_FIRST_PAUSES}")
    try:
        with driver_errors(connection.dialect):
            _once_free(lambda: driver.execute("BEGIN IMMEDIATE"), pause=0)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT * 1000)}")
