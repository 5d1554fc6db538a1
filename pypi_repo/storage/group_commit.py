"""Changes that several threads ask for at the same time, in one transaction with one commit."""

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
    """Whoever comes while nobody is at work leads: it makes its own change and those of all who
    have come by the time its transaction has begun. Then the first of those who came later leads.

    Each change stands or falls for itself, and sees those before it. Nobody is told anything
    before the commit. Where the surroundings fail, all are told at once.

    begin: a transaction, committed at the end of the block.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._changed = threading.Condition()  # guards what follows
        self._waiting: list[_Member[Any]] = []
        self._group: list[_Member[Any]] = []  # who leads, and whose changes it has begun

    def make(self, work: Work[Result]) -> Result:
        """What `work` gives, once that is committed. What it raises is raised here, and nothing
        that it changed is left.

        work: called in the thread of whoever leads; and once more, in the caller's, where another
            change has broken the transaction. What it does outside of the database must be
            harmless then.

        Raises what beginning and committing raise, and Unavailable where others take too long.
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
        """Waits until it is to, or another one has made its change."""

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
        """Those who have come by now, as long as each still waits."""
        until = time.monotonic() + _SHARED_FOR
        yield self._group[0]
        for _ in range(len(self._waiting)):
            with self._changed:
                if not self._waiting or time.monotonic() > until:
                    return
                self._begin_with_first()
            yield self._group[-1]

    def _begin_with_first(self) -> None:
        """In this order, so that it is in one of the two wherever the thread is stopped."""
        self._group.append(self._waiting[0])
        del self._waiting[0]

    def _begin_with_all(self) -> None:
        with self._changed:
            while self._waiting:
                self._begin_with_first()

    def _leave(self, member: "_Member[Any]") -> None:
        """Whatever has happened to its thread, nobody goes on waiting for it."""
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
    """A change, and what came of it.

    is_to_be_alone: in a transaction of its own, in the thread that asked for it.
    is_settled: after the commit, or once it is known that there will be none.
    is_done: whoever leads is done with it.
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
        """Within the context of the thread that asked for it. Raises what the work raises."""
        self._result = self._context.run(self._work, connection)

    def make_within_savepoint(self, connection: Connection) -> None:
        """Keeps its refusal. Raises what breaks the transaction or is nobody's own fault."""
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
        if not self.is_settled:  # the thread that led was to end
            raise Unavailable("The change was interrupted; try again in a moment.")
        if self.error is not None:
            raise self.error
        return cast("Result", self._result)


def _as_told_to_others(error: Exception) -> Exception:
    """An exception of its own for each thread, which adds to it where it passes."""
    if isinstance(error, RegistryError):
        told: Exception = copy(error)
    else:
        told = Unavailable("The change could not be committed; try again in a moment.")
    told.__cause__ = error
    return told
