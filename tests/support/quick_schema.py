"""New databases get their schema in a few milliseconds instead of a few dozen.

Most tests begin with an empty database. The first one of its kind in a process is migrated as
always, and the statements of that are noted; the next ones get these very statements, without
what the migrations need to find them. In SQLite they are a copy of what the first one became.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from pypi_repo import Registry
from pypi_repo.storage.blobs.remote import MemoryBlobStore
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import METADATA

_IS_EMPTY = {
    "sqlite": "SELECT count(*) = 0 FROM sqlite_master",
    "postgresql": "SELECT current_schema() = 'public' AND count(*) = 0 FROM pg_tables"
    " WHERE schemaname = 'public'",
}
_IS_USED = f"""
SELECT EXISTS (SELECT 1 FROM journal) OR EXISTS (SELECT 1 FROM repositories)
    OR NOT EXISTS (SELECT 1 FROM {schema.VERSION_TABLE} WHERE version_num = '{schema.HEAD}')
"""
# A row as text is a literal of its table's type, whatever its columns are.
_ROWS = """
SELECT format('INSERT INTO {table} SELECT (%L::{table}).*', filled::text)
FROM {table} AS filled ORDER BY ctid
"""
_SEQUENCES = """
SELECT format('SELECT setval(%L, %s)', sequencename, last_value) FROM pg_sequences
WHERE schemaname = current_schema() AND last_value IS NOT NULL
"""
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
    """What an upgrade makes of an empty SQLite database."""

    content: bytes | None = None

    def upgrade(self, database: Database) -> None:
        database.make_file()
        if not _is_sqlite(database) or not _is_empty(database):
            _upgrade(database)
        elif self.content is None:
            _upgrade(database)
            self.content = _content(database)
        else:
            _put(database, self.content)


@dataclass
class Filled:
    """Fills registries alike: the first one of each engine by `fill`, the next ones by a copy.

    What `fill` uploads, it uploads to memory.
    """

    fill: Callable[[Registry], object]
    content: bytes | None = None
    tables: object = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    in_server: tuple[str, Mapping[str, bytes]] | None = None

    def __call__(self, registry: Registry) -> None:
        database = registry._database
        if _is_used(database):
            self.fill(registry)
        elif not _is_sqlite(database):
            self._fill_server(registry)
        elif self.content is None:
            self.tables = _tables(database)
            self.fill(registry)
            self.content = _content(database)
            self.files = _files(registry)
        elif self.tables == _tables(database):
            _put(database, self.content)
            _put_files(registry, self.files)
        else:  # a host has some of its own there
            self.fill(registry)

    def _fill_server(self, registry: Registry) -> None:
        database = registry._database
        if self.in_server is None:
            self.fill(registry)
            self.in_server = _script(database), _files(registry)
        else:
            script, files = self.in_server
            with _driver(database) as connection:
                connection.execute(script)
                connection.commit()
            _put_files(registry, files)


def _script(database: Database) -> str:
    """Statements that fill an empty database of PostgreSQL as this one is filled."""
    with _driver(database) as connection:
        lines = [
            line
            for table in METADATA.sorted_tables
            for (line,) in connection.execute(_ROWS.format(table=table.name))
        ]
        lines += [line for (line,) in connection.execute(_SEQUENCES)]
    return "; ".join(lines)


def _files(registry: Registry) -> Mapping[str, bytes]:
    memory = _memory(registry)
    if memory is None:
        return {}
    return {place: memory.cat_file(place) for place in memory.find("/")}


def _put_files(registry: Registry, files: Mapping[str, bytes]) -> None:
    for place, content in files.items():
        _memory(registry).pipe_file(place, content)


def _memory(registry: Registry) -> Any:
    """The file system of a registry with its files in memory."""
    blobs = registry._blobs
    return blobs._fs if isinstance(blobs, MemoryBlobStore) else None


def _is_sqlite(database: Database) -> bool:
    return database.dialect.name == "sqlite"


def _is_empty(database: Database) -> bool:
    if database.path is not None:
        return Path(database.path).stat().st_size == 0
    return _tables(database) == []


def _tables(database: Database) -> object:
    with _sqlite(database) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _is_used(database: Database) -> bool:
    """Whether it has anything but a schema of this version."""
    with _driver(database) as connection:
        (used,) = connection.execute(_IS_USED).fetchone()
    return bool(used)


def _content(database: Database) -> bytes:
    with _sqlite(database) as connection:
        content = connection.serialize()
    if not database.in_memory:
        database.close()  # as after an upgrade
    return content


def _put(database: Database, content: bytes) -> None:
    """Into a database that nobody else uses: nothing is left of what it was."""
    if database.path is None:
        with _sqlite(database) as connection:
            connection.deserialize(_of_version(b"\1", content))
    else:
        database.close()
        Path(database.path).write_bytes(_of_version(b"\2", content))


def _of_version(version: bytes, content: bytes) -> bytes:
    """The file format: with version 2, a write-ahead log is beside it, and never in memory."""
    return content[:18] + 2 * version + content[20:]


@contextmanager
def _driver(database: Database) -> Iterator[Any]:
    with closing(database.engine.raw_connection()) as connection:
        yield connection.driver_connection


@contextmanager
def _sqlite(database: Database) -> Iterator[sqlite3.Connection]:
    with _driver(database) as driver:
        assert isinstance(driver, sqlite3.Connection)
        yield driver


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
            if changes:  # another thread may have migrated it while this one waited for its turn
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
