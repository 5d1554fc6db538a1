"""Changes that several threads ask for at the same time, in one transaction with one commit."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection

from pypi_repo.domain.errors import RegistryError, Unavailable

Result = TypeVar("Result")
Work = Callable[[Connection], Result]
Begin = Callable[[], AbstractContextManager[Connection]]


class GroupCommit:
    """Whoever comes while nobody is at work leads: it makes its own change and those of all who
    have come by the time its transaction has begun. Then one of those who came later leads.

    Each change stands or falls for itself, and sees those before it. Nobody is told anything
    before the commit.

    begin: a transaction, committed at the end of the block.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._mutex = threading.Lock()
        self._waiting: list[_Member[Any]] = []
        self._is_led = False

    def make(self, work: Work[Result]) -> Result:
        """What `work` gives, once that is committed. What it raises is raised here, and nothing
        that it changed is left.

        work: called in the thread of whoever leads, and once more where the first time was taken
            back. What it does outside of the database must be harmless then.

        Raises what beginning and committing raise.
        """
        member = _Member(work)
        with self._mutex:
            self._waiting.append(member)
            leads, self._is_led = not self._is_led, True
        if not leads:
            member.called.wait()
        if not member.is_done:
            self._lead()
        return member.result()

    def _lead(self) -> None:
        group: list[_Member[Any]] = []
        try:
            self._make_group(group)
        except BaseException:  # this thread is to end
            for member in group:
                member.error = Unavailable("The change was interrupted; try again in a moment.")
            raise
        finally:
            self._end(group)

    def _make_group(self, group: "list[_Member[Any]]") -> None:
        is_made = False
        try:
            with self._begin() as connection:
                group += self._take()
                _make_each(group, connection)
                is_made = True
        except Exception as error:  # noqa: BLE001 - raised where the change was asked for
            if len(group) > 1 and not is_made:
                for member in group:
                    member.make_alone(self._begin)
                return
            # Where it did not begin, those who have come meanwhile have waited for it too.
            group += self._take() if not group else ()
            for member in group:
                member.error = error

    def _take(self) -> "list[_Member[Any]]":
        with self._mutex:
            taken, self._waiting = self._waiting, []
        return taken

    def _end(self, group: "list[_Member[Any]]") -> None:
        for member in group:
            member.is_done = True
            member.called.set()
        with self._mutex:
            if self._waiting:
                self._waiting[0].called.set()
            else:
                self._is_led = False


class _Member(Generic[Result]):
    """A change, and what came of it.

    called: set once it is done, or is to lead.
    """

    def __init__(self, work: Work[Result]) -> None:
        self._work = work
        self._context = copy_context()
        self._result: Result | None = None
        self.error: BaseException | None = None
        self.called = threading.Event()
        self.is_done = False

    def make(self, connection: Connection) -> None:
        """Within the context of the thread that asked for it. Raises what the work raises."""
        self._result = self._context.run(self._work, connection)

    def make_alone(self, begin: Begin) -> None:
        self.error = None
        try:
            with begin() as connection:
                self.make(connection)
        except Exception as error:  # noqa: BLE001 - raised where the change was asked for
            self.error = error

    def result(self) -> Result:
        if self.error is not None:
            raise self.error
        return cast("Result", self._result)


def _make_each(group: list[_Member[Any]], connection: Connection) -> None:
    """Raises the refusal of a change that is alone, and whatever else breaks the transaction."""
    if len(group) == 1:
        group[0].make(connection)
        return
    for member in group:
        connection.exec_driver_sql("SAVEPOINT one_of_many")
        try:
            member.make(connection)
        except RegistryError as refusal:
            member.error = refusal
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one_of_many")
        connection.exec_driver_sql("RELEASE SAVEPOINT one_of_many")
