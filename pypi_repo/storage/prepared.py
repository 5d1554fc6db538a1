"""Queries of the hot path: compiled once, and run by the driver itself.

Of the time that SQLAlchemy needs for a small SELECT, most is spent on what only changes between
statements. Here the statement and its types are still SQLAlchemy's; the execution is not.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

Query = Select[*tuple[Any, ...]]


class PreparedQuery:
    """One SELECT, for one dialect."""

    def __init__(self, statement: Query, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._sql: str = compiled.string
        self._positions: list[str] | None = compiled.positiontup
        self._dialect: Any = dialect
        self._processors = tuple(
            (place, processor)
            for place, column in enumerate(statement.selected_columns)
            if (processor := _processor(column.type, dialect)) is not None
        )

    def run(
        self, connection: PoolProxiedConnection, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """All rows. Raises the driver's errors; see `driver_errors`."""
        given: Any = parameters
        if self._positions is not None:
            given = [parameters[name] for name in self._positions]
        cursor = connection.cursor()
        try:
            cursor.execute(self._sql, given)
            rows: list[tuple[Any, ...]] = list(cursor.fetchall())
        except self._dialect.loaded_dbapi.Error as error:
            if self._dialect.is_disconnect(error, connection, cursor):
                connection.invalidate(error)
            raise
        finally:
            cursor.close()
        return [self._processed(row) for row in rows] if self._processors else rows

    def _processed(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place, processor in self._processors:
            values[place] = processor(values[place])
        return tuple(values)


def _processor(type_: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    processor: Callable[[Any], Any] | None = type_.dialect_impl(dialect).result_processor(
        dialect, None
    )
    return processor


@contextmanager
def driver_errors(dialect: Dialect) -> Iterator[None]:
    """The driver's errors, of connecting too, as the DBAPIErrors that SQLAlchemy makes of them."""
    base: Any = dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        # Without statement and parameters: they would be in the log.
        raise DBAPIError.instance(None, None, error, base, dialect=dialect) from error
