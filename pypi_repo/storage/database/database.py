"""The metadata database: its transactions, its readers, and its errors as errors of the library."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import sqlalchemy
from sqlalchemy import Connection, Dialect, Engine, Executable, UpdateBase
from sqlalchemy import Result as Rows
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.pool import QueuePool

from pypi_repo.domain.errors import InvalidSetting, OutOfSpace, Unavailable
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.storage.database.engines import sqlite
from pypi_repo.storage.database.engines.both import (
    fleeting,
    is_conflict,
    is_full,
    isolated,
    open_engine,
    parse_url,
    reading,
    snapshots,
    trouble_with,
    writes_alone,
)
from pypi_repo.storage.database.fresh_answers import FreshAnswers
from pypi_repo.storage.database.group_commit import GroupCommit
from pypi_repo.storage.database.prepared import (
    PREPARED,
    PreparedQuestion,
    Question,
    Result,
    driver_errors,
)
from pypi_repo.storage.database.readers import Readers
from pypi_repo.storage.events.committed import COMMITTED, Committed
from pypi_repo.storage.folders import PRIVATE, is_there, make_private, make_private_file

_BUGS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)  # ours, and not its
_TRIES = 20

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Database:
    """One metadata database.

    place: the Path of a SQLite database's file, or a SQLAlchemy URL.
    guard: a function that is called once, before the first use. It raises an error if the database
        must not be used yet.
    folder_mode: the permissions of the folder of a SQLite database, if it has to be created.
    schema: the schema of a PostgreSQL database that contains all tables.
    committed: tells of events after their transactions.

    All methods that use the database call `about_to_wait`, except `ask` with an embedded database,
    which is a file on this machine, and where the answer is known (`FreshAnswers`).

    Raises ConfigurationError for the URL of a database that is not supported.
    """

    def __init__(
        self,
        place: str | Path,
        guard: "Callable[[Database], None] | None" = None,
        *,
        folder_mode: int = PRIVATE,
        schema: str | None = None,
    ) -> None:
        self._guard = guard
        self._folder_mode = folder_mode
        self._schema = schema
        self.url = parse_url(place)
        self.path = sqlite.path_of(self.url)
        self.in_memory = sqlite.is_in_memory(self.url)
        self.is_embedded = self.path is not None
        self.folder = os.path.dirname(os.path.abspath(self.path)) if self.path else None
        self.engine = open_engine(self.url, schema=schema)
        self._isolated = isolated(self.engine)
        self._fleeting = fleeting(self.engine)
        self._joined = threading.local()
        self._groups: dict[tuple[str, bool], GroupCommit] = {}
        self._prepared: dict[Question[Any], PreparedQuestion[Any]] = (
            self.engine.get_execution_options()[PREPARED]
        )
        self.committed: Committed = self.engine.get_execution_options()[COMMITTED]
        readers = Readers(self.engine, only_one=self.in_memory)
        is_server = not (self.is_embedded or self.in_memory)
        self.fresh_answers = FreshAnswers(self.engine, readers) if is_server else None
        self._readers = self.fresh_answers or readers
        self._reading = reading(self.engine)
        self._snapshots = snapshots(self.engine)

    def __str__(self) -> str:
        """Returns the location for messages, without the password."""
        if self.path is not None:
            return os.path.abspath(self.path)
        where = f" (schema {self._schema})" if self._schema else ""
        return self.url.render_as_string(hide_password=True) + where

    def execute(
        self, statement: Executable, parameters: Parameters = None
    ) -> Rows[*tuple[Any, ...]]:
        """Returns all rows of a query, as they are committed at this moment.

        If the connection breaks, the query is executed once more on another connection.

        Raises TypeError for a change, which needs `begin` or `together`.
        """
        if isinstance(statement, UpdateBase):
            raise TypeError("A change needs a transaction.")
        about_to_wait()
        self._pass_guard()
        if joined := self._joined_connection():
            return joined.execute(statement, parameters)
        with self.own_errors():
            try:
                return self._rows(statement, parameters)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._rows(statement, parameters)

    def _rows(self, statement: Executable, parameters: Parameters) -> Rows[*tuple[Any, ...]]:
        with self._reading.connect() as connection:
            return connection.execute(statement, parameters).freeze()()

    def ask(self, question: Question[Result], parameters: Mapping[str, Any] = {}) -> Result:
        """Returns the answer to a prepared question, as it is committed at this moment."""
        self._pass_guard()
        prepared: PreparedQuestion[Result] | None = self._prepared.get(question)
        if prepared is None:
            about_to_wait()
            prepared = self._prepared[question] = PreparedQuestion(
                question, self.engine.dialect, parameters
            )
        if self._joined_connection() is None:
            try:
                return self._readers.ask(prepared, parameters)
            except Exception as error:
                if not sqlite.is_busy(error):
                    with self.own_errors(), driver_errors(self.engine.dialect):
                        raise
        # On the connection of `as_one`, or on one that waits for locks.
        return question.make(self.execute(question.on(self.dialect), parameters).all())

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect of the database."""
        return self.engine.dialect

    @contextmanager
    def snapshot(self, *, guarded: bool = True) -> Iterator[Connection]:
        """Returns a context with a connection whose statements all see the same moment.

        guarded: False for the guard itself.
        """
        about_to_wait()
        if guarded:
            self._pass_guard()
        with self.own_errors(), self._snapshots.connect() as connection:
            yield connection

    @contextmanager
    def begin(self, *, guarded: bool = True) -> Iterator[Connection]:
        """Returns a context with a write transaction, on a connection.

        The transaction is committed at the end of the block, and rolled back by an exception. It is
        not repeated: if the connection breaks during the commit, it is unknown whether the server
        has committed. Then Unavailable is raised, and the client may repeat its request.

        guarded: False for the upgrade of the schema, which the guard would refuse.

        Raises Unavailable or OutOfSpace if the database cannot be written.
        """
        about_to_wait()
        if guarded:
            self._pass_guard()
        if joined := self._joined_connection():
            # Who catches the error goes on without the changes.
            with self.committed.unless_refused(), joined.begin_nested():
                yield joined
            return
        with self.committed.afterwards(), self._transaction(self.engine) as connection:
            yield connection

    def together(
        self, subject: str, work: Callable[[Connection], Result], *, lasting: bool = True
    ) -> Result:
        """Calls a function in a write transaction, and returns its result.

        Functions that other threads pass at the same time may share the transaction; see
        GroupCommit. If the function raises an error, nothing that it has changed is left.

        subject: what the functions lock, such as a repository. Only functions with the same subject
            share a transaction; with SQLite, all do.
        work: the function.
        lasting: False for what a power cut may take back: it is not waited for the disk.
        """
        about_to_wait()
        self._pass_guard()
        if joined := self._joined_connection():
            with self.committed.unless_refused(), joined.begin_nested():
                return work(joined)
        # What need not last takes nobody along who has to be sure.
        key = "" if writes_alone(self.dialect) else subject, lasting
        begin = partial(self._transaction, self.engine if lasting else self._fleeting)
        group = self._groups.get(key) or self._groups.setdefault(key, GroupCommit(begin))
        return self.committed.after(group.make, work)

    def as_one(self, work: Callable[[], Result]) -> Result:
        """Calls `work`, and makes all that it does with this database one transaction.

        While it runs, each `execute`, `ask`, `begin` and `together` of this thread joins that
        transaction, so the services that `work` calls need not know of it. `begin` commits nothing
        then: what one service has changed, the next one sees, and it is committed when `work`
        returns. If `work` raises, nothing is left. If one service raises and `work` goes on,
        nothing of that service is left. Calls of `as_one` may be nested: the outermost commits.

        What `work` changes is still as it has read it: SQLite lets nobody else write meanwhile, and
        PostgreSQL refuses to change what others have changed since the transaction began
        (REPEATABLE READ). Then everything is taken back and `work` is called again, up to 20 times,
        so what it does outside of the database must be harmless if it is repeated. Threads that
        `work` starts do not join. `snapshot` does not either.

        Returns what `work` returns. Raises Unavailable if others are faster each time.
        """
        if joined := self._joined_connection():
            with self.committed.unless_refused(), joined.begin_nested():
                return work()
        about_to_wait()
        self._pass_guard()
        with self.own_errors():
            for _ in range(_TRIES):
                try:
                    with self.committed.afterwards(), self._isolated.begin() as connection:
                        return self._joining(connection, work)
                except DBAPIError as error:
                    if not is_conflict(error.orig):
                        raise
        raise Unavailable("Others keep changing the same; try again in a moment.")

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with self.own_errors(), engine.begin() as connection:
            yield connection

    @property
    def is_joined(self) -> bool:
        """Whether this thread is within `as_one`."""
        return self._joined_connection() is not None

    def exists(self) -> bool:
        """Returns False for a SQLite database that was not created yet; raises as `is_there`."""
        return not self.in_memory if self.path is None else is_there(self.path)

    def make_file(self) -> None:
        """Creates the empty file of a SQLite database and its folder, for this account only.

        What exists is kept; see `make_private_file` for its permissions.
        """
        if self.path is None:
            return
        try:
            make_private_file(self.path, self._folder_mode)
        except OSError as error:
            raise Unavailable(
                "The file of the metadata database cannot be made; choose another folder or "
                "change its owner.",
                detail=f"{error.filename}: {error.strerror}",
            ) from error
        # New ones get the permissions of the database's own.
        for path in sqlite.files_beside(self.path):
            make_private(path)

    def connections(self) -> dict[str, int]:
        """Returns how many connections are in use, idle in the pool, and idle readers."""
        pool = cast("QueuePool", self.engine.pool)
        return {
            "in-use": pool.checkedout(),
            "idle": pool.checkedin(),
            "idle-readers": self._readers.idle,
        }

    def close(self) -> None:
        """Closes the idle connections. The others are closed when they are given back."""
        self._readers.close()
        pool = self.engine.pool
        self.engine.dispose()  # which forgets those that threads still use
        sqlalchemy.event.listen(pool, "checkin", lambda _connection, entry: entry.invalidate())
        pool.dispose()  # what was given back meanwhile

    def _joined_connection(self) -> Connection | None:
        """Returns the connection of `as_one`, if this thread is within it."""
        return getattr(self._joined, "connection", None)

    def _joining(self, connection: Connection, work: Callable[[], Result]) -> Result:
        self._joined.connection = connection
        try:
            return work()
        finally:
            self._joined.connection = None

    def _pass_guard(self) -> None:
        if self._guard is not None:
            self._guard(self)
            self._guard = None

    @contextmanager
    def own_errors(self) -> Iterator[None]:
        """Turns the driver's errors about its environment into errors of the library.

        Other errors are bugs, and stay as they are.
        """
        try:
            yield
        except UnicodeEncodeError as error:  # of a shell's argument: nobody else sends such text
            raise InvalidSetting(
                f"{error.object!r} is not UTF-8, so it can neither be kept nor looked for; "
                "type it anew."
            ) from error
        except _BUGS:
            raise
        except DBAPIError as error:
            cause = " ".join(str(error.orig).split())
            if is_full(error.orig):
                raise OutOfSpace(
                    "The disk of the metadata database is full; make room and try again."
                ) from error
            raise Unavailable(trouble_with(error.orig), detail=f"{self}: {cause}") from error
        except sqlalchemy.exc.TimeoutError as error:
            raise Unavailable(
                "All database connections are busy; try again in a moment."
            ) from error
