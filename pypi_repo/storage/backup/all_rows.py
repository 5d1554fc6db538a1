"""Statements about all tables, for writing and reading dumps."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any

import sqlalchemy
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    select,
    text,
)

from pypi_repo.storage.database.engines.both import last_id, lock_tables, set_last_id
from pypi_repo.storage.database.engines.sqlite import never_uses_an_id_twice
from pypi_repo.storage.database.tables import METADATA
from pypi_repo.storage.stored_files import TABLES_OF_FILES

_BATCH = 500
_FROM_TEXT: Mapping[type, Callable[[str], Any]] = {
    bytes: b64decode,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}
_TABLES: Sequence[Table] = METADATA.sorted_tables  # owners before what they own


class AllRows:
    """Reads and writes whole tables, without secrets."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def names(self, *, with_cache: bool) -> list[str]:
        """Returns the names of the tables, in such an order that references lead to earlier ones.

        with_cache: whether these include tables of what can be had again.

        Tables whose rows are good for one use are left out, because a restore would allow another.
        """
        return [
            table.name
            for table in _TABLES
            if not table.info.get("is_used_up") and (with_cache or not table.info.get("is_cache"))
        ]

    def columns(self, name: str) -> list[str]:
        """Returns the names of the columns of a table that a dump contains."""
        return [column.name for column in _columns(METADATA.tables[name])]

    def count(self, name: str) -> int:
        """Returns the number of rows of a table."""
        statement = select(func.count()).select_from(METADATA.tables[name])
        return self._connection.execute(statement).scalar_one()

    def read(self, name: str) -> Iterator[Sequence[Any]]:
        """Yields the rows of a table: files by their SHA-256, all others by their key."""
        table = METADATA.tables[name]
        is_of_files = table in TABLES_OF_FILES
        order = [table.c.sha256, table.c.id] if is_of_files else list(table.primary_key)
        return iter(
            self._connection.execute(
                select(*_columns(table)).order_by(*order), execution_options={"yield_per": _BATCH}
            )
        )

    def write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Adds rows, in which times and days are ISO texts and bytes are base64.

        Returns their number.

        The table may have the columns of any revision of the schema.
        """
        table = Table(name, MetaData(), autoload_with=self._connection, resolve_fks=False)
        for each in table.columns:
            if isinstance(each.type, JSON):
                each.type.none_as_null = True  # or a missing value became JSON's own null
        from_text = {
            column.name: read
            for column in table.columns
            if (read := _FROM_TEXT.get(column.type.python_type)) is not None
        }
        written = 0
        rows = iter(rows)
        while batch := [dict(row) for row in islice(rows, _BATCH)]:
            for row in batch:
                for column, read in from_text.items():
                    if row.get(column) is not None:  # a dump has no secret columns
                        row[column] = read(row[column])
            self._connection.execute(insert(table), batch)
            written += len(batch)
        return written

    def are_none(self) -> bool:
        """Returns whether there are no rows, or not even tables."""
        return not any(
            self._connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {name})")).scalar_one()  # noqa: S608
            for name in self._existing()
        )

    def lock(self) -> None:
        """Keeps others from writing anything until the commit."""
        lock_tables(self._connection, *self._existing())

    def _existing(self) -> list[str]:
        """Returns the tables that this revision of the schema has."""
        existing = set(sqlalchemy.inspect(self._connection).get_table_names())
        return [table.name for table in _TABLES if table.name in existing]

    def counters(self) -> dict[str, int]:
        """Returns the last ids that were used, for the tables that must not use an id twice."""
        counted = [table.name for table in _TABLES if never_uses_an_id_twice(table)]
        return {name: last for name in counted if (last := last_id(self._connection, name))}

    def set_counters(self, counters: Mapping[str, int]) -> None:
        """Lets each table continue after its highest id, and after its counter in the dump."""
        for table in _TABLES:
            highest = max(counters.get(table.name, 0), self._highest_id(table))
            if highest > 0:
                set_last_id(self._connection, table, highest)

    def _highest_id(self, table: Table) -> int:
        """Returns the highest id of a table; 0 for a table without ids, or with texts as ids."""
        if "id" not in table.columns or not isinstance(table.c.id.type, Integer):
            return 0
        highest = self._connection.execute(select(func.max(table.c.id))).scalar_one()
        return int(highest or 0)


def _columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if not column.info.get("is_secret")]
