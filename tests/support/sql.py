"""Counts what a block of code asks of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from pypi_repo.storage.database import Database

_HOUSEKEEPING = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


@contextmanager
def count_statements(database: Database) -> Iterator[list[str]]:
    """The SQL statements that the database gets within the block, on any thread.

    SQLite tells itself; of PostgreSQL only what goes through SQLAlchemy's execution is seen.
    """
    engine = database.engine
    database._readers.close()  # so that they too are opened anew, and traced
    statements: list[str] = []
    traced = []

    def remember(statement: str) -> None:
        if not statement.lstrip().upper().startswith(_HOUSEKEEPING):
            statements.append(statement)

    def trace(connection: Any, *_: Any) -> None:
        traced.append(connection)
        connection.set_trace_callback(remember)

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        remember(statement)

    is_sqlite = engine.dialect.name == "sqlite"
    name, listener = ("checkout", trace) if is_sqlite else ("before_cursor_execute", executed)
    event.listen(engine, name, listener)
    try:
        yield statements
    finally:
        event.remove(engine, name, listener)
        for connection in traced:
            connection.set_trace_callback(None)
