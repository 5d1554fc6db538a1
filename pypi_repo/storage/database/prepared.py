"""Statements of hot paths, compiled once and executed by the driver itself.

Most of the time that SQLAlchemy needs for a small statement goes into what varies between
statements, and into checking connections out and in. Here the statement and its types are still
SQLAlchemy's, but not the execution.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import CompoundSelect, Connection, Dialect, Select, UpdateBase
from sqlalchemy.exc import DBAPIError

Result = TypeVar("Result")
Row = tuple[Any, ...]
Statement = Select[*Row] | CompoundSelect[*Row] | UpdateBase

PREPARED = "pypi_repo_prepared"
"""The execution option of an engine that holds its questions, as PreparedQuestion by Question."""

_ANSWERS_KEPT = 1024


@dataclass(frozen=True, eq=False)
class Question(Generic[Result]):
    """A statement with bind parameters, and a function that makes an answer of its rows.

    It is a constant of a module.

    statement: the statement, which may change something if it is used with `ask`, or a function
        that returns it for a dialect. It has no JSON columns but as text, as some drivers decode
        them, and no answer can be kept for such rows.
    make: the function, which must depend on nothing but the rows, because the answer is reused for
        equal rows.
    """

    statement: Statement | Callable[[Dialect], Statement]
    make: Callable[[Sequence[Row]], Result]

    def on(self, dialect: Dialect) -> Statement:
        """Returns the statement for a dialect."""
        return self.statement(dialect) if callable(self.statement) else self.statement


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement for one kind of dialect.

    positions: the names of its parameters in their order; None where the driver takes them by name.
    constants: the values of the parameters that nobody gives.
    converted: what the driver needs made of a parameter, by its name.
    processors: the places of a row that are converted, and how.
    """

    sql: str
    positions: list[str] | None
    constants: Mapping[str, Any]
    converted: Mapping[str, Callable[[Any], Any]]
    processors: tuple[tuple[int, Callable[[Any], Any]], ...]


_compiled_before: WeakKeyDictionary[Question[Any], dict[object, _Compiled]] = WeakKeyDictionary()


def _compiled(question: Question[Any], dialect: Dialect, names: Collection[str]) -> _Compiled:
    """Compiles a question, once for all registries of this process that have such a database."""
    kind = type(dialect), dialect.server_version_info, dialect.paramstyle, frozenset(names)
    known = _compiled_before.setdefault(question, {})
    if kind not in known:
        known[kind] = _compile(question.on(dialect), dialect, names)
    return known[kind]


def _compile(statement: Statement, dialect: Dialect, names: Collection[str]) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    return _Compiled(
        sql=compiled.string,
        positions=compiled.positiontup,
        constants={name: compiled.params[name] for name in compiled.params.keys() - names},
        converted={
            name: convert
            for bound, name in compiled.bind_names.items()
            if (convert := _type(bound, dialect).bind_processor(dialect)) is not None
        },
        processors=tuple(
            (place, processor)
            for place, column in enumerate(statement.exported_columns)
            if (processor := _type(column, dialect).result_processor(dialect, None)) is not None
        ),
    )


class PreparedQuestion(Generic[Result]):
    """A question for one dialect.

    names: the names of its parameters. An INSERT fills the columns with these names.
    """

    def __init__(
        self, question: Question[Result], dialect: Dialect, names: Collection[str]
    ) -> None:
        self._compiled = _compiled(question, dialect, names)
        self.sql = self._compiled.sql
        self._make = question.make
        self._answer = lru_cache(_ANSWERS_KEPT)(self._made_of)

    def given(self, parameters: Mapping[str, Any]) -> Any:
        """Returns the parameters in the form that the driver accepts."""
        compiled = self._compiled
        values = {**compiled.constants, **parameters}
        for name, convert in compiled.converted.items():
            values[name] = convert(values[name])
        if compiled.positions is None:
            return values
        return [values[name] for name in compiled.positions]

    def ask(self, connection: Any, parameters: Mapping[str, Any]) -> Result:
        """Returns the answer.

        connection: a connection of the driver.

        Raises the driver's errors; see `driver_errors`.
        """
        cursor = connection.execute(self.sql, self.given(parameters))
        rows = tuple(cursor.fetchall()) if cursor.description else ()
        cursor.close()
        return self._answer(rows)

    def _made_of(self, rows: tuple[Row, ...]) -> Result:
        return self._make([self._processed(row) for row in rows])

    def _processed(self, row: Row) -> Row:
        values = list(row)
        for place, processor in self._compiled.processors:
            values[place] = processor(values[place])
        return tuple(values)


def ask(
    connection: Connection, question: Question[Result], parameters: Mapping[str, Any]
) -> Result:
    """Returns the answer within a transaction, and makes the change of the question.

    Raises the same errors as SQLAlchemy's own execution.
    """
    known = connection.get_execution_options()[PREPARED]
    prepared: PreparedQuestion[Result] | None = known.get(question)
    if prepared is None:
        prepared = known[question] = PreparedQuestion(question, connection.dialect, parameters)
    try:
        return prepared.ask(connection.connection.driver_connection, parameters)
    except Exception:
        with driver_errors(connection.dialect):
            raise


def _type(column: Any, dialect: Dialect) -> Any:
    """Returns the type of a column, as the dialect converts it."""
    return column.type.dialect_impl(dialect)


@contextmanager
def driver_errors(dialect: Dialect) -> Iterator[None]:
    """Turns the driver's errors into the DBAPIErrors of SQLAlchemy, within a block."""
    base: Any = dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        # Without statement and parameters: they would be in the log.
        raise DBAPIError.instance(None, None, error, base, dialect=dialect) from error
