"""New databases get their schema in a few milliseconds instead of a few dozen.

Most tests begin with an empty database. The first one of its kind in a process is migrated as
always, and the statements of that are noted; the next ones get these very statements, without
what the migrations need to find them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from pypi_repo.storage.database import schema

_IS_EMPTY = {
    "sqlite": "SELECT count(*) = 0 FROM sqlite_master",
    "postgresql": "SELECT current_schema() = 'public' AND count(*) = 0 FROM pg_tables"
    " WHERE schemaname = 'public'",
}
_ASKING = ("SELECT", "PRAGMA", "SHOW")

_migrate = schema.migrate

Statements = list[tuple[str, Any]]


@contextmanager
def quick_schema() -> Iterator[None]:
    """Within the block, whoever migrates an empty database in this process is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "migrate", _Noted().migrate)
        yield


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
