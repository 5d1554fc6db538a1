"""Changes of several threads in one transaction with one commit."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import copy_context
from copy import copy
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection

from pypi_repo.domain.errors import RegistryError, Unavailable

_PATIENCE = 30.0  # seconds until a change is begun, as long as a writer waits for another one
_SHARED_FOR = 1.0  # seconds: where changes take longer, the next ones get another transaction

Result = TypeVar("Result")
Work = Callable[[Connection], Result]
Begin = Callable[[], AbstractContextManager[Connection]]


class GroupCommit:
    """Makes changes that several threads request at the same time in one transaction.

    A thread that comes while no transaction is under way becomes the leader. It makes its own
    change, and those of all threads that have come by the time its transaction has begun. Then the
    first thread that came later becomes the leader.

    Each change succeeds or fails by itself, and sees those before it. No thread continues before
    the commit. If the database fails, all threads are told at once.

    begin: a function that begins a transaction, which is committed at the end of its block.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._changed = threading.Condition()  # guards what follows
        self._waiting: list[_Member[Any]] = []
        self._group: list[_Member[Any]] = []  # who leads, and whose changes it has begun

    def make(self, work: Work[Result]) -> Result:
        """Makes a change, and returns its result after the commit.

        If `work` raises an error, the error is raised here, and nothing that it has changed is
        left.

        work: called in the thread of the leader. If another change breaks the transaction, it is
            called once more, in the thread of the caller, so what it does outside of the database
            must be harmless then.

        Raises the errors of beginning and committing, and Unavailable if others take too long.
        """
        member = _Member(work)
        try:
            if self._is_to_lead(member):
                self._lead(member)
        finally:
            self._leave(member)
        if member.is_to_be_alone:
            with self._begin() as connection:
                return work(connection)
        return member.result()

    def _is_to_lead(self, member: "_Member[Any]") -> bool:
        """Waits until this thread becomes the leader, or another one has made its change."""

        def is_next() -> bool:
            return not self._group and self._waiting[0] is member

        with self._changed:
            self._waiting.append(member)
            if not self._changed.wait_for(
                lambda: member not in self._waiting or is_next(), _PATIENCE
            ):
                raise Unavailable("Changes of others take too long; try again in a moment.")
            self._changed.wait_for(lambda: member.is_done or is_next())
            if not member.is_done:
                self._begin_with_first()
            return not member.is_done

    def _lead(self, leader: "_Member[Any]") -> None:
        is_made = False
        try:
            with self._begin() as connection:
                if self._waiting:
                    for member in self._members():
                        member.make_within_savepoint(connection)
                else:
                    leader.make(connection)
                is_made = True
        except Exception as error:  # noqa: BLE001 - raised where the change was asked for
            if isinstance(error, Unavailable):
                self._begin_with_all()  # they have waited for the same
            for member in self._group[1:]:
                if is_made or isinstance(error, Unavailable):
                    member.error = _as_told_to_others(error)
                else:
                    member.is_to_be_alone = True
            leader.is_to_be_alone = any(member.is_to_be_alone for member in self._group)
            leader.error = error
        for member in self._group:
            member.is_settled = True

    def _members(self) -> "Iterator[_Member[Any]]":
        """Yields the changes that have come by now, as long as their threads still wait."""
        until = time.monotonic() + _SHARED_FOR
        yield self._group[0]
        for _ in range(len(self._waiting)):
            with self._changed:
                if not self._waiting or time.monotonic() > until:
                    return
                self._begin_with_first()
            yield self._group[-1]

    def _begin_with_first(self) -> None:
        """Moves the first waiting change to the group.

        In this order it is in one of the two wherever the thread is stopped.
        """
        self._group.append(self._waiting[0])
        del self._waiting[0]

    def _begin_with_all(self) -> None:
        with self._changed:
            while self._waiting:
                self._begin_with_first()

    def _leave(self, member: "_Member[Any]") -> None:
        """Makes sure that nobody waits for this thread any more, whatever has happened to it."""
        with self._changed:
            if member in self._waiting:
                self._waiting.remove(member)
                self._changed.notify_all()
            if self._group and self._group[0] is member:
                for each in self._group:
                    each.is_done = True
                self._group = []
                self._changed.notify_all()


class _Member(Generic[Result]):
    """A change and its outcome.

    is_to_be_alone: whether it needs its own transaction, in the thread that has requested it.
    is_settled: whether it is committed, or it is known that it will not be.
    is_done: whether the leader has finished with it.
    """

    def __init__(self, work: Work[Result]) -> None:
        self._work = work
        self._context = copy_context()
        self._result: Result | None = None
        self.error: Exception | None = None
        self.is_to_be_alone = False
        self.is_settled = False
        self.is_done = False

    def make(self, connection: Connection) -> None:
        """Makes the change within the context of the thread that has requested it.

        Raises the errors of the change.
        """
        self._result = self._context.run(self._work, connection)

    def make_within_savepoint(self, connection: Connection) -> None:
        """Makes the change, and keeps its refusal.

        Raises errors that break the transaction or are not caused by this change.
        """
        connection.exec_driver_sql("SAVEPOINT one_of_many")
        try:
            self.make(connection)
        except Unavailable:
            raise
        except RegistryError as refusal:
            self.error = refusal
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one_of_many")
        connection.exec_driver_sql("RELEASE SAVEPOINT one_of_many")

    def result(self) -> Result:
        """Returns the result of the change, or raises its error."""
        if not self.is_settled:  # the thread that led was to end
            raise Unavailable("The change was interrupted; try again in a moment.")
        if self.error is not None:
            raise self.error
        return cast("Result", self._result)


def _as_told_to_others(error: Exception) -> Exception:
    """Returns a copy of an error for another thread, because threads add tracebacks to it."""
    if isinstance(error, RegistryError):
        told: Exception = copy(error)
    else:
        told = Unavailable("The change could not be committed; try again in a moment.")
    told.__cause__ = error
    return told
