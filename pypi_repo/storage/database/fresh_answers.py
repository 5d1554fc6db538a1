"""Answers of PostgreSQL that an event loop may give, because nothing has changed since."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import Known, about_to_wait, attempt
from pypi_repo.storage.database.engines.both import set_up_reader
from pypi_repo.storage.database.prepared import PreparedQuestion, Result
from pypi_repo.storage.database.readers import NOT_KNOWN, Readers, is_short

_REMEMBERED_AT_MOST = 4096  # answers; to be without one costs more than with SQLite
_QUESTION = b"SELECT pg_current_snapshot()"
_ON_A_STANDBY = "SELECT pg_is_in_recovery()"


class FreshAnswers:
    """Remembers what threads have read, and tells what of it is what they would read now.

    A connection of its own asks which transactions a query would see: its snapshot, which says how
    far transactions are numbered, and which of those before are still in progress. A transaction
    that changes anything has a number, which is given to no other, and when it has ended it is in
    progress never again. So between two equal snapshots none has ended, and everything that any
    connection has read in between is what it would read now. PostgreSQL answers a COMMIT when all
    later snapshots include it, so who asks for a snapshot after that sees the change.

    What a thread has read is therefore remembered if it began after a snapshot had come and ended
    before the next was asked for, and told if that one is equal.

    After a crash, PostgreSQL may have lost the last of the transactions that were not waited for
    (`fleeting`), and gives their numbers again. But a crash ends all connections, and with this one
    all is forgotten. The snapshots of a standby do not say what is in progress, so none is used.

    Threads call `ask`, one of them at a time `connect`, and an event loop the rest.

    engine: that of a PostgreSQL database.
    readers: the connections on which threads read.
    """

    def __init__(self, engine: Engine, readers: Readers) -> None:
        dialect: Any = engine.dialect
        self._engine, self._readers = engine, readers
        self._errors: tuple[type[Exception], ...] = dialect.loaded_dbapi.Error, SQLAlchemyError
        self._connection: Any = None
        self._snapshot: bytes | None = None
        self._coming: bytes | None = None  # the next one, whose end has not come yet
        self._known: dict[object, Any] = {}
        self._read: dict[object, Any] | None = None  # since the last snapshot
        self._read_before: dict[object, Any] = {}  # the next one was asked for

    @property
    def idle(self) -> int:
        """Returns how many connections are idle, with that for snapshots."""
        return self._readers.idle + (self._connection is not None and not self._connection.closed)

    def ask(self, question: PreparedQuestion[Result], parameters: Mapping[str, Any]) -> Result:
        """Returns the answer to a question; see `Readers.ask`.

        In an attempt to do something without waiting, it has to be known.
        """
        key = question, *parameters.items()
        current = attempt()
        if current is not None:
            answer: Result = current.known.get(key, NOT_KNOWN)
            if answer is not NOT_KNOWN:
                return answer
        about_to_wait()
        read = self._read
        answer = self._readers.ask(question, parameters)
        if read is not None and len(read) < _REMEMBERED_AT_MOST and is_short(parameters):
            read[key] = answer
        return answer

    def connect(self) -> int:
        """Opens the connection for snapshots. Returns its file descriptor.

        Raises Unavailable if this is impossible, or it leads to a standby.
        """
        try:
            connection = self._engine.raw_connection()
            connection.detach()
            self._connection = driver = cast("Any", connection.dbapi_connection)
            set_up_reader(self._engine.dialect, driver)
            (is_standby,) = driver.execute(_ON_A_STANDBY).fetchone()
            if is_standby:
                raise Unavailable("The metadata database is a standby; use its primary.")
            driver.pgconn.nonblocking = 1
            descriptor: int = driver.fileno()
        except self._errors as error:
            self._disconnect()
            raise _unavailable(error) from error
        except Unavailable:
            self._disconnect()
            raise
        return descriptor

    def send(self) -> None:
        """Asks for the snapshot. Raises Unavailable if the connection is broken."""
        while self._read:
            question, answer = self._read.popitem()
            self._read_before[question] = answer
        try:
            self._connection.pgconn.send_query(_QUESTION)
        except self._errors as error:
            raise _unavailable(error) from error

    def receive(self) -> Known | None:
        """Returns the answers that are right in the snapshot that was asked for, by question.

        Returns None if it has not come yet. Raises Unavailable if the connection is broken.
        """
        try:
            snapshot = self._received()
        except self._errors as error:
            raise _unavailable(error) from error
        if snapshot is None:
            return None
        known = len(self._known) + len(self._read_before)
        if snapshot != self._snapshot or known > _REMEMBERED_AT_MOST:
            self._forget()
            self._snapshot = snapshot
            self._read = {}
        self._known |= self._read_before
        self._read_before.clear()
        return self._known

    def _received(self) -> bytes | None:
        connection = self._connection.pgconn
        connection.consume_input()
        while not connection.is_busy():
            result = connection.get_result()
            if result is None:
                snapshot, self._coming = self._coming, None
                return snapshot
            self._coming = result.get_value(0, 0)
            if self._coming is None:
                raise self._errors[0](result.error_message)
        return None

    def close(self) -> None:
        """Closes the idle connections, and forgets everything."""
        self._forget()
        self._readers.close()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _forget(self) -> None:
        self._snapshot = self._coming = self._read = None
        self._known, self._read_before = {}, {}


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable("The metadata database cannot be used right now.", detail=str(error))
