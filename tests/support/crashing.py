"""Processes that die as by `kill -9`, at any moment or at a named step of what they do.

Steps are what a process asks of the system below it: of the disk, the database, the object store.
They are watched from outside of the registry, which runs as it is.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import psycopg  # loaded once, before the fork
import s3fs
from sqlalchemy import Engine, event

from pypi_repo import Registry
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from tests.support.distributions import Distribution, wheel
from tests.support.installation import Installation

_STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "LOCK", "CREATE", "ALTER", "DROP")

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["pytest", "alembic.command", __name__]  # each process looks for its main module
)


def upload_of(project: str, number: int) -> Distribution:
    """The same in every process."""
    return wheel(project, f"1.{number}")


class Uploading:
    """A process that uploads one version of a project after the other, until it dies.

    die_at: the number of the step before which it does so by itself, counted from 1; without one
        it tells all steps of its first upload and goes on.
    """

    def __init__(
        self, installation: Installation, project: str, *, die_at: int | None = None
    ) -> None:
        self._project = project
        self._reports, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(
            target=_upload, args=(installation, project, die_at, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        self._begun: list[int] = []
        self._answered: list[int] = []
        self.statuses: list[int] = []
        self.steps: list[str] = []
        self._is_ready = False

    def wait_until_ready(self) -> None:
        """Logged in and connected, with nothing begun."""
        if not self._is_ready:
            assert self._reports.recv() == "ready"
            self._is_ready = True

    def wait(self) -> None:
        """Until it has died by itself, or has ended its first upload."""
        self.wait_until_ready()
        while self._receive() and not self.steps:
            pass

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        while self._receive():
            pass
        self._reports.close()
        self._process.close()

    @property
    def answered(self) -> list[Distribution]:
        """What it was told 200 for."""
        return [upload_of(self._project, number) for number in self._answered]

    @property
    def in_flight(self) -> list[Distribution]:
        """What it had begun to send when it died."""
        left = set(self._begun) - set(self._answered)
        return [upload_of(self._project, number) for number in left]

    def _receive(self) -> bool:
        """False once there is nothing more to be told."""
        try:
            report = self._reports.recv()
        except (EOFError, OSError):
            return False
        match report:
            case ("begun", int(number)):
                self._begun.append(number)
            case ("answered", int(number), int(status)):
                self.statuses.append(status)
                if status == 200:
                    self._answered.append(number)
            case ("steps", list(steps)):
                self.steps = steps
        return True


class Upgrading:
    """A process that upgrades the schema; `die_at` as above."""

    def __init__(self, database: str, *, die_at: int | None = None) -> None:
        self._reports, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(
            target=_upgrade, args=(database, die_at, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def wait(self) -> list[str]:
        """The names of its steps; none where it has died before it was ready."""
        try:
            steps: list[str] = self._reports.recv()
        except EOFError:
            steps = []
        self._process.join()
        self._process.close()
        self._reports.close()
        return steps


class Working:
    """A process that does some work once; `die_at` as above.

    work: what it does with the registry. It can be pickled, as functions of modules can, and
        `functools.partial` of them.
    """

    def __init__(
        self,
        installation: Installation,
        work: Callable[[Registry], object],
        *,
        die_at: int | None = None,
    ) -> None:
        self._reports, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(
            target=_work, args=(installation, work, die_at, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def wait_until_ready(self) -> None:
        """Connected, with nothing begun."""
        assert self._reports.recv() == "ready"

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> list[str]:
        """The names of its steps; none where it has died."""
        try:
            while (steps := self._reports.recv()) == "ready":
                pass
        except EOFError:
            steps = []
        self._process.join()
        assert self._process.exitcode == (0 if steps else -signal.SIGKILL)
        self._process.close()
        self._reports.close()
        return list(steps)


def _work(
    installation: Installation,
    work: Callable[[Registry], object],
    die_at: int | None,
    reports: Connection,
) -> None:
    steps = _Steps(die_at)
    registry = installation.registry()
    registry.check()  # connected, and each statement is told from now on
    reports.send("ready")
    steps.begin()
    work(registry)
    steps.last_step("end")
    reports.send(steps.names)


def _upgrade(database: str, die_at: int | None, reports: Connection) -> None:
    steps = _Steps(die_at)
    steps.begin()
    schema.upgrade(Database(database))
    reports.send(steps.names)


def _upload(
    installation: Installation, project: str, die_at: int | None, reports: Connection
) -> None:
    site = installation.site(installation.registry())
    assert site.get(site.index_url).status_code == 200  # connected, and the password is known
    steps = _Steps(die_at)
    reports.send("ready")
    for number in itertools.count():
        dist = upload_of(project, number)
        reports.send(("begun", number))
        steps.begin()
        answer = site.upload(dist)
        steps.last_step("answer")
        reports.send(("answered", number, answer.status_code))
        if number == 0:
            reports.send(("steps", steps.names))


class _Steps:
    def __init__(self, die_at: int | None) -> None:
        self._die_at = die_at
        self._begun = False
        self.names: list[str] = []
        for name in ("open", "fsync", "mkdir", "replace", "unlink"):
            setattr(os, name, self._watched(name, getattr(os, name)))
        event.listen(Engine, "begin", lambda _connection: self.step("begin"))
        event.listen(Engine, "connect", self._connected)
        psycopg.Cursor.execute = self._watched_statement(psycopg.Cursor.execute)  # type: ignore[method-assign]
        event.listen(Engine, "commit", lambda _connection: self.step("commit"))
        event.listen(Engine, "checkin", lambda *_: self.step("after the transaction"))
        call = s3fs.S3FileSystem._call_s3

        @functools.wraps(call)
        async def watched_call(self_: Any, method: str, *args: Any, **kwargs: Any) -> Any:
            self.step(method)
            return await call(self_, method, *args, **kwargs)

        s3fs.S3FileSystem._call_s3 = watched_call

    def begin(self) -> None:
        self._begun = True
        self.names = []

    def step(self, name: str) -> None:
        if not self._begun:
            return
        self.names.append(name)
        if len(self.names) == self._die_at:
            self._die()

    def last_step(self, name: str) -> None:
        """One that is to die does so here at the latest: folders may be there already."""
        self.step(name)
        if self._die_at is not None:
            self._die()

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _connected(self, connection: Any, _record: Any) -> None:
        """SQLite tells each statement before it runs."""
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(self._execute)

    def _watched_statement(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        """The method of psycopg's cursors, which all ways of asking PostgreSQL lead to."""

        @functools.wraps(execute)
        def watched(cursor: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
            self._execute(str(statement))
            return execute(cursor, statement, *args, **kwargs)

        return watched

    def _execute(self, statement: str) -> None:
        words = statement.split()
        if words[0] in _STATEMENTS:
            self.step(" ".join(words[:3]) if words[0] == "INSERT" else words[0])

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.step(name)
            return call(*args, **kwargs)

        return watched
