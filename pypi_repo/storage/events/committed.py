"""What is told once a transaction is committed, and never if it is not."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from sqlalchemy import Connection

from pypi_repo.domain.events.event import Event
from pypi_repo.domain.journal import JournalEntry

_log = logging.getLogger(__name__)

COMMITTED = "pypi_repo_committed"
"""The execution option of an engine that holds its `Committed`."""

Listener = Callable[[Event], object]
Result = TypeVar("Result")
Work = Callable[[Connection], Result]


class Committed:
    """Keeps what transactions note, and tells listeners of it after the commit.

    A thread is in one transaction of a database at a time, so each thread has one list.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._mutex = threading.Lock()
        self._thread = threading.local()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls a function with each event, in the thread that has committed it.

        Returns a function that ends it.
        """

        def call(event: Event) -> object:  # one of its own: a function may listen twice
            return listener(event)

        def end() -> None:
            with self._mutex:
                self._listeners = tuple(each for each in self._listeners if each is not call)

        with self._mutex:
            self._listeners += (call,)
        return end

    def note(self, entry: JournalEntry, id_: int) -> None:
        """Notes an entry of the journal, with its id, within a transaction, if it is an event."""
        if not self._listeners or (noted := self._noted) is None:
            return
        if (event := Event.of(replace(entry, id=id_))) is not None:
            noted.append(event)

    @contextmanager
    def afterwards(self) -> Iterator[None]:
        """Tells what was noted within the block, which must commit by its end."""
        noted: list[Event] = []
        with self._noting(noted):
            yield
        self._tell(noted)

    @contextmanager
    def unless_refused(self) -> Iterator[None]:
        """Forgets what was noted within the block, a part of a transaction, if it raises."""
        noted = self._noted
        before = len(noted or ())
        try:
            yield
        except BaseException:
            del (noted or [])[before:]
            raise

    def after(self, make: Callable[[Work[Result]], Result], work: Work[Result]) -> Result:
        """Tells what one of several changes has noted that share a transaction.

        make: has the change made, in whatever thread, and returns its result after the commit.
        work: the change.
        """
        noted: list[Event] = []

        def noting(connection: Connection) -> Result:
            noted.clear()  # it may be the second attempt
            with self._noting(noted):
                return work(connection)

        result = make(noting)
        self._tell(noted)
        return result

    @property
    def _noted(self) -> list[Event] | None:
        """What this thread has noted in its transaction; None if it is in none."""
        return getattr(self._thread, "noted", None)

    @contextmanager
    def _noting(self, noted: list[Event]) -> Iterator[None]:
        before, self._thread.noted = self._noted, noted
        try:
            yield
        finally:
            self._thread.noted = before

    def _tell(self, noted: list[Event]) -> None:
        for event in noted:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:  # noqa: BLE001 - it is committed, whatever a listener does
                    _log.exception("A function that was told of event %d failed.", event.id)
