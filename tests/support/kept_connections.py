"""Connections to one PostgreSQL database stay open from test to test.

The server has a process for each, which learns anew what the tables are, and plans each statement
anew; both sides need longer for that than for most tests. A process that serves keeps its
connections, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Dialect, Engine, event

_MOST = 8
# Prepared statements stay, as psycopg counts on them. So would temporary tables, LISTEN and locks
# of a session, if anything here used them.
_SETTINGS_AS_NEW = "RESET ALL"


@contextmanager
def kept_connections(url: URL) -> Iterator[None]:
    """Within the block, who connects to the database gets a connection that others have closed."""
    idle: list[_Kept] = []
    arguments = url.translate_connect_args()

    def connect(_dialect: Dialect, _entry: object, _places: Any, options: dict[str, Any]) -> Any:
        if options.get("dbname") != arguments["database"]:
            return None  # as always
        while idle:
            kept = idle.pop()
            if kept.made_as_new():
                return kept
        new = _Kept.connect(**options)
        new.idle = idle
        return new

    event.listen(Engine, "do_connect", connect)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", connect)
        while idle:
            idle.pop().end()


class _Kept(psycopg.Connection[Any]):
    """Is put aside instead of being closed, unless it is in the middle of something."""

    idle: list[_Kept]

    def close(self) -> None:
        status = self.pgconn.transaction_status
        if status == TransactionStatus.IDLE and len(self.idle) < _MOST:
            self.idle.append(self)
        else:
            self.end()

    def end(self) -> None:
        super().close()

    def made_as_new(self) -> bool:
        """Whether the server still answers."""
        try:
            self.isolation_level = self.read_only = self.deferrable = None
            self.cursor_factory = psycopg.Cursor  # see `count_statements`
            self.autocommit = True
            self.execute(_SETTINGS_AS_NEW)
            self.autocommit = False
        except psycopg.Error:
            self.end()
            return False
        return True
