"""New databases get their schema in a few milliseconds instead of a few dozen.

Most tests begin with an empty database. The first one of its kind in a process is migrated as
always, and the statements of that are noted; the next ones get these very statements, without
what the migrations need to find them. One in memory gets a copy of what the first one became.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, PoolProxiedConnection, event, text

from pypi_repo import Registry
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database

_IS_EMPTY = {
    "sqlite": "SELECT count(*) = 0 FROM sqlite_master",
    "postgresql": "SELECT current_schema() = 'public' AND count(*) = 0 FROM pg_tables"
    " WHERE schemaname = 'public'",
}
_ASKING = ("SELECT", "PRAGMA", "SHOW")

_migrate = schema.migrate
_upgrade = schema.upgrade

Statements = list[tuple[str, Any]]


@contextmanager
def quick_schema() -> Iterator[None]:
    """Within the block, whoever migrates an empty database in this process is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "migrate", _Noted().migrate)
        patch.setattr(schema, "upgrade", _Copied().upgrade)
        yield


@dataclass
class _Copied:
    """What an upgrade makes of an empty database in memory."""

    content: bytes | None = None

    def upgrade(self, database: Database) -> None:
        if not database.in_memory or schema.current_revision(database) is not None:
            _upgrade(database)
        elif self.content is not None:
            _put(database, self.content)
        else:
            _upgrade(database)
            self.content = _content(database)


@dataclass
class Filled:
    """Fills registries in memory alike: the first one by `fill`, the next ones by a copy of it."""

    fill: Callable[[Registry], None]
    content: bytes | None = None

    def __call__(self, registry: Registry) -> None:
        database = registry._database
        if self.content is None:
            self.fill(registry)
            self.content = _content(database)
        else:
            _put(database, self.content)


def _content(database: Database) -> bytes:
    with closing(database.engine.raw_connection()) as connection:
        content: bytes = _sqlite(connection).serialize()
    return content


def _put(database: Database, content: bytes) -> None:
    with closing(database.engine.raw_connection()) as connection:
        _sqlite(connection).deserialize(content)


def _sqlite(connection: PoolProxiedConnection) -> sqlite3.Connection:
    driver = connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@dataclass
class _Noted:
    """What migrated an empty database to a revision, by the engine's name and the revision."""

    statements: dict[tuple[str, str], Statements] = field(default_factory=dict)

    def migrate(self, connection: Connection, revision: str) -> None:
        key = (connection.dialect.name, revision)
        if not _is_plain(connection):
            _migrate(connection, revision)
        elif (noted := self.statements.get(key)) is not None:
            for statement, parameters in noted:
                connection.exec_driver_sql(statement, parameters)
        else:
            with _changes(connection) as changes:
                _migrate(connection, revision)
            self.statements[key] = changes


def _is_plain(connection: Connection) -> bool:
    """Empty, and without a schema of PostgreSQL's that would have to be made first."""
    return bool(connection.execute(text(_IS_EMPTY[connection.dialect.name])).scalar())


@contextmanager
def _changes(connection: Connection) -> Iterator[Statements]:
    changes: Statements = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if not statement.lstrip().startswith(_ASKING):
            changes.append((statement, parameters or None))

    event.listen(connection, "before_cursor_execute", note)
    yield changes
    event.remove(connection, "before_cursor_execute", note)
