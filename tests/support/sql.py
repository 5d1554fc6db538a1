"""Watches and counts what a block of code asks of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from sqlalchemy import event

from pypi_repo.storage.database.database import Database

_HOUSEKEEPING = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SET ")


@contextmanager
def count_statements(database: Database) -> Iterator[list[str]]:
    """The SQL statements that the database gets within the block, on any thread."""
    statements: list[str] = []

    def remember(statement: str) -> None:
        if not statement.lstrip().upper().startswith(_HOUSEKEEPING):
            statements.append(statement)

    with watch_statements(database, remember):
        yield statements


@contextmanager
def watch_statements(database: Database, told: Callable[[str], object]) -> Iterator[None]:
    """Calls `told` with each statement before the database gets it, within the block."""
    engine = database.engine
    database._readers.close()  # so that they too are opened anew, and traced
    traced = []

    class Telling(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Self:
            told(query)
            return super().execute(query, *args, **options)

    def trace(connection: Any, *_: Any) -> None:
        traced.append(connection)
        if database.dialect.name == "sqlite":
            connection.set_trace_callback(told)
        else:
            connection.cursor_factory = Telling

    def leave(connection: Any, *_: Any) -> None:
        if database.dialect.name == "sqlite":
            connection.set_trace_callback(None)
        else:
            connection.cursor_factory = psycopg.Cursor

    # Between the two, the pool asks PostgreSQL whether the connection still answers.
    event.listen(engine, "checkout", trace)
    event.listen(engine, "checkin", leave)
    try:
        yield
    finally:
        event.remove(engine, "checkout", trace)
        event.remove(engine, "checkin", leave)
        for connection in traced:
            leave(connection)
