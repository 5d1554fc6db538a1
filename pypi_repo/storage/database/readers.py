"""Connections that only answer the questions of hot paths."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine

from pypi_repo.domain.waiting import about_to_wait, attempt
from pypi_repo.storage.database.engines.both import change_counter, set_up_reader
from pypi_repo.storage.database.engines.sqlite import is_busy
from pypi_repo.storage.database.prepared import PreparedQuestion, Result

_REMEMBERED_AT_MOST = 1024  # answers
_LONGEST = 200  # characters of what is asked for; strangers choose it

NOT_KNOWN: Any = object()
"""In place of an answer that is not remembered."""


class Readers:
    """Connections that ask prepared questions without transactions.

    As many connections stay open as were ever used at the same time, beside those in the pool of
    the engine.

    only_one: whether the engine has only one connection, which is returned to the pool each time.
    """

    def __init__(self, engine: Engine, *, only_one: bool) -> None:
        self._engine = engine
        self._dialect: Any = engine.dialect
        self._only_one = only_one
        self._idle: list[_Reader] = []

    def ask(self, question: PreparedQuestion[Result], parameters: Mapping[str, Any]) -> Result:
        """Returns the answer to a question.

        Raises the driver's errors; see `driver_errors` and `is_busy`.
        """
        if self._only_one:
            about_to_wait()  # for its turn
        idle = self._idle
        try:
            reader, is_new = idle.pop(), False
        except IndexError:
            about_to_wait()
            reader, is_new = self._open(), True
        try:
            answer = reader.ask(question, parameters)
        except BaseException as error:
            if is_busy(error):
                self._put_back(idle, reader)
                raise
            was_cut = self._dialect.is_disconnect(error, reader.connection, None)
            reader.connection.close()
            if was_cut and not is_new:  # somewhere between two requests
                return self.ask(question, parameters)
            raise
        if self._only_one:
            reader.connection.close()
        else:
            self._put_back(idle, reader)
        return answer

    @property
    def idle(self) -> int:
        """Returns how many connections are idle."""
        return len(self._idle)

    def close(self) -> None:
        """Closes the idle connections. The others are closed when they have answered."""
        idle, self._idle = self._idle, []
        _close(idle)

    def _put_back(self, idle: list["_Reader"], reader: "_Reader") -> None:
        """idle: the list that was current when the reader was taken."""
        idle.append(reader)
        if idle is not self._idle:  # `close` may have emptied it already
            _close(idle)

    def _open(self) -> "_Reader":
        connection = self._engine.raw_connection()
        if self._only_one:
            return _Reader(connection)
        connection.detach()
        driver: Any = connection.dbapi_connection
        set_up_reader(self._dialect, driver)
        counter = change_counter(self._dialect)
        return _Reader(driver) if counter is None else _RememberingReader(driver, counter)


def is_short(parameters: Mapping[str, Any]) -> bool:
    """Returns whether what is asked for is short enough for its answer to be remembered."""
    return all(len(str(value)) <= _LONGEST for value in parameters.values())


def _close(readers: list["_Reader"]) -> None:
    while readers:
        with suppress(IndexError):  # another thread closes the same ones
            readers.pop().connection.close()


class _Reader:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def ask(self, question: PreparedQuestion[Result], parameters: Mapping[str, Any]) -> Result:
        return question.ask(self.connection, parameters)


class _RememberingReader(_Reader):
    """A connection that remembers answers.

    It must not change anything. The change counter of the database has another number as soon as
    any other connection, in any process, has committed a change. If the number is the same as
    before a question was asked, nothing has changed since, and the database would return the same
    answer now.

    The number is read once in each attempt to answer a request without waiting. So each answer was
    right at some moment of this attempt, as if it had been asked for a few microseconds earlier.

    counter: the statement that returns the number; see `change_counter`.
    """

    def __init__(self, connection: Any, counter: str) -> None:
        super().__init__(connection)
        self._counter = counter
        self._version = 0
        self._read_in: object | None = None  # the attempt in which the number was read last
        self._answers: dict[object, Any] = {}

    def ask(self, question: PreparedQuestion[Result], parameters: Mapping[str, Any]) -> Result:
        current = attempt()
        if current is None or current is not self._read_in:
            (version,) = self.connection.execute(self._counter).fetchone()
            self._read_in = current
            if version != self._version or len(self._answers) >= _REMEMBERED_AT_MOST:
                self._version = version
                self._answers.clear()
        key = question, *parameters.items()
        answer: Result = self._answers.get(key, NOT_KNOWN)
        if answer is NOT_KNOWN:
            answer = super().ask(question, parameters)
            if is_short(parameters):
                self._answers[key] = answer
        return answer
