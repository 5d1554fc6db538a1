"""What differs between SQLite and PostgreSQL: URLs, connections, errors, and some statements."""

import os
import re
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, ColumnElement, Connection, Date, Dialect, Engine, Table, func, text
from sqlalchemy.exc import ArgumentError

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.storage.database.engines import postgresql, sqlite
from pypi_repo.storage.database.engines.options import FLEETING, READER, SNAPSHOT

_FULL = ("is full", "no space left")
_LOCKED = ("locked", "lock timeout")
# What waiting will not mend: PostgreSQL and its driver say it while they connect, without a code.
_REFUSALS = {
    r'database ".*" does not exist': (
        "There is no such database; create it, or correct its name in the database URL."
    ),
    r'role ".*" does not exist|password authentication failed|no password supplied|no pg_hba': (
        "The metadata database does not let this account in; correct user and password in the "
        "database URL."
    ),
    "failed to resolve host|could not translate host name": (
        "The host of the metadata database cannot be found; correct it in the database URL."
    ),
}
_URLS = "write sqlite:///path/to/file.db or postgresql+psycopg://user:password@host/name"
_CONFLICTS = ("40001", "40P01")  # what PostgreSQL calls a change that others were faster with


def parse_url(place: str | Path) -> URL:
    """Returns the URL of a database.

    For a path, it is made of its parts, because a path may contain what has a meaning in a URL.

    Raises ConfigurationError for text that is not the URL of a database. It shows nothing of the
    text: what looks like a host or a port may be the rest of a password.
    """
    if isinstance(place, Path):
        return URL.create("sqlite", database=os.path.expanduser(place))
    try:
        url = _parsed(place)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"The database URL cannot be understood; {_URLS}, and @ : / in a password as %40 %3A "
            "%2F."
        ) from None
    if url.get_backend_name() == "sqlite" and url.database is not None:
        return url.set(database=os.path.expanduser(url.database))
    return url


def open_engine(url: URL, *, schema: str | None = None) -> Engine:
    """Returns an engine, which connects later.

    schema: the schema of a PostgreSQL database for all tables.

    Raises ConfigurationError for a database that is not supported, and for a schema that it cannot
    have.
    """
    if url.get_backend_name() == "sqlite":
        if schema is not None:
            raise ConfigurationError(
                "A SQLite database has no schemas; give the registry a file of its own."
            )
        return sqlite.open_engine(url)
    if url.get_backend_name() != "postgresql":
        raise ConfigurationError(
            f"{url.get_backend_name()} is not a supported kind of database; {_URLS}."
        )
    return postgresql.open_engine(url, schema)


def reading(engine: Engine) -> Engine:
    """Returns the engine without transactions: a statement sees what is committed then."""
    if _is_sqlite(engine):
        return engine.execution_options(**{READER: True})
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def snapshots(engine: Engine) -> Engine:
    """Returns the engine with reading transactions, whose statements see one moment."""
    if _is_sqlite(engine):
        return engine.execution_options(**{SNAPSHOT: True})
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
    return engine.execution_options(**{FLEETING: True})


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


def trouble_with(error: object) -> str:
    """Returns the sentence about a driver's error that says what is wrong with its surroundings."""
    message = _message(error)
    for sign, sentence in _REFUSALS.items():
        if re.search(sign, message):
            return sentence
    is_locked = any(sign in message for sign in _LOCKED)
    problem = "is locked by another program" if is_locked else "cannot be used"
    return f"The metadata database {problem} right now; try again in a moment."


def is_full(error: object) -> bool:
    """Returns whether the disk is full.

    SQLite reports an I/O error if its shared memory has no room.
    """
    has_no_room = getattr(error, "sqlite_errorname", None) == "SQLITE_IOERR_SHMSIZE"
    return has_no_room or any(sign in _message(error) for sign in _FULL)


def is_conflict(error: object) -> bool:
    """Returns whether others were faster with a change on which this transaction depends."""
    return getattr(error, "sqlstate", None) in _CONFLICTS


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
    elif sqlite.never_uses_an_id_twice(table):
        for statement in (
            "DELETE FROM sqlite_sequence WHERE name = :table",
            "INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)",
        ):
            connection.execute(text(statement), values)


def _parsed(text: str) -> URL:
    """Returns the URL. Raises ArgumentError or ValueError if it is none of a database."""
    url = sqlalchemy.make_url(text)
    if url.get_backend_name() != "sqlite":
        if "@" in f"{url.host}{url.database}":
            raise ValueError("A password has an @ in it.")
    elif url.username or url.password or url.host or url.port:
        raise ValueError("There is a slash too few before the path.")
    return url


def _is_sqlite(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _message(error: object) -> str:
    return " ".join(str(error).lower().split())
