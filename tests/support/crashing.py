"""Processes that die as by `kill -9`, at any moment or at a named step of what they do.

Steps are what a process asks of the system below it: of the disk, the database, the object store.
They are watched from outside of the registry, which runs as it is.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import psycopg
import s3fs
from sqlalchemy import Engine, event

from pypi_repo import Registry
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from tests.support.distributions import Distribution, wheel
from tests.support.forks import Fork, reports_of
from tests.support.http import Site
from tests.support.installation import Installation

_STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "LOCK", "CREATE", "ALTER", "DROP")


def upload_of(project: str, number: int) -> Distribution:
    """The same in every process."""
    return wheel(project, f"1.{number}")


class Uploading:
    """A process that uploads one version of a project after the other, until it dies.

    die_at: the number of the step before which it does so by itself, counted from 1, in its first
        upload.
    """

    def __init__(
        self, installation: Installation, project: str, *, die_at: int | None = None
    ) -> None:
        self._project = project
        self._process = Fork(_upload_for_ever, installation, project, die_at)
        self._reports = self._process.reports
        self._begun: list[int] = []
        self._answered: list[int] = []
        self.statuses: list[int] = []
        self._is_ready = False

    def wait_until_ready(self) -> None:
        """Logged in and connected, with nothing begun."""
        if not self._is_ready:
            assert self._reports.recv() == "ready"
            self._is_ready = True

    def wait(self) -> None:
        """Until it has died by itself."""
        self.wait_until_ready()
        while self._receive():
            pass
        self._process.wait()
        self._reports.close()

    def kill(self) -> None:
        self._process.kill()
        self.wait()

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
        return True


class Upgrading:
    """A process that upgrades the schema; `die_at` as above."""

    def __init__(self, database: str, *, die_at: int | None = None) -> None:
        self._process = Fork(_upgrade, database, die_at)

    def wait(self) -> list[str]:
        """The names of its steps; none where it has died before it was ready."""
        with self._process.reports as reports:
            try:
                steps: list[str] = reports.recv()
            except EOFError:
                steps = []
        self._process.wait()
        return steps


def steps_of(installation: Installation, work: Callable[[Registry], object]) -> list[str]:
    """The names of the steps of some work, which is done; see `Working`.

    What dies at one of them afterwards is a fork of the process that has done it, and is quick.
    """
    _ready, steps = reports_of(_work, installation, work, None)
    return list(steps)


def upload_whole(installation: Installation, project: str) -> list[str]:
    """The names of the steps of the first upload of `Uploading`, which is done."""
    (steps,) = reports_of(_upload_first, installation, project)
    return list(steps)


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
        self._process = Fork(_work, installation, work, die_at)

    def wait_until_ready(self) -> None:
        """Connected, with nothing begun."""
        assert self._process.reports.recv() == "ready"

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> list[str]:
        """The names of its steps; none where it has died."""
        with self._process.reports as reports:
            try:
                while (steps := reports.recv()) == "ready":
                    pass
            except EOFError:
                steps = []
        assert self._process.wait() == (0 if steps else -signal.SIGKILL)
        return list(steps)


def _work(
    installation: Installation,
    work: Callable[[Registry], object],
    die_at: int | None,
    reports: Connection,
) -> None:
    steps = _steps()
    with installation.registry() as registry:
        registry.check()  # connected
        reports.send("ready")
        with steps.watched(die_at) as names:
            work(registry)
        reports.send(names)


def _upgrade(database: str, die_at: int | None, reports: Connection) -> None:
    with _steps().watched(die_at) as names:
        schema.upgrade(Database(database))
    reports.send(names)


def _upload_for_ever(
    installation: Installation, project: str, die_at: int | None, reports: Connection
) -> None:
    steps = _steps()
    site = _logged_in(installation, installation.registry())
    reports.send("ready")
    for number in itertools.count():
        dist = upload_of(project, number)
        reports.send(("begun", number))
        with steps.watched(die_at):
            answer = site.upload(dist)
        reports.send(("answered", number, answer.status_code))


def _upload_first(installation: Installation, project: str, reports: Connection) -> None:
    steps = _steps()
    with installation.registry() as registry:
        site = _logged_in(installation, registry)
        with steps.watched(None) as names:
            assert site.upload(upload_of(project, 0)).status_code == 200
        reports.send(names)


def _logged_in(installation: Installation, registry: Registry) -> Site:
    """Connected, and the password is known."""
    site = installation.site(registry)
    assert site.get(site.index_url).status_code == 200
    return site


@functools.cache
def _steps() -> _Steps:
    """Those of this process, and of its forks."""
    return _Steps()


class _Steps:
    def __init__(self) -> None:
        self._die_at: int | None = None
        self._names: list[str] | None = None
        tempfile.gettempdir()  # which is looked for once
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

    @contextmanager
    def watched(self, die_at: int | None) -> Iterator[list[str]]:
        """The names of the steps of the block.

        One that is to die does so at its end at the latest: folders may be there already.
        """
        self._die_at, self._names = die_at, []
        yield self._names
        self.step("end")
        if die_at is not None:
            self._die()
        self._names = None

    def step(self, name: str) -> None:
        if self._names is None:
            return
        self._names.append(name)
        if len(self._names) == self._die_at:
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
