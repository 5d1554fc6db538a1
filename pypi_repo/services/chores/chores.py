"""Does work beside requests, in one process at a time."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.errors import RegistryError
from pypi_repo.services.chores.reports import ChoreReport
from pypi_repo.storage.chores import ChoreRow, ChoreRows
from pypi_repo.storage.database.database import Database

_log = logging.getLogger(__name__)

_LEASE = timedelta(minutes=2)
_RENEWED_EVERY = 30.0  # seconds
_LOOKS_EVERY = 30.0  # seconds
_LOOKS_AGAIN_AFTER = 1.0  # second, while something is urgent
_GATHERS_FOR = 0.2  # seconds in which events come that are looked at together
_ENDS_WITHIN = 10.0  # seconds
_AGAIN_AFTER = timedelta(minutes=10)  # a failure, if the chore is due more rarely
_LONGEST_FAILURE = 500  # characters
_BUG = "It has ended by an internal error; the log of the process that did it says more."


@dataclass(frozen=True, slots=True)
class Chore:
    """Work that is done again and again. Doing it twice must do no harm.

    name: the name, which is stored.
    what: what it does, as a short phrase.
    every: how long after the end of a run the next one is due.
    run: a function that does it, and returns what it has changed as one sentence; an empty text if
        nothing.
    is_urgent: a function that says whether it must be done now, although it is not due; None for a
        chore that can wait.
    """

    name: str
    what: str
    every: timedelta
    run: Callable[[], str]
    is_urgent: Callable[[], bool] | None = None


class Chores:
    """The chores of a registry.

    Any number of processes may call `run_due` as often as they like. The database lends each chore
    to one of them at a time, and if that process is killed, to another one two minutes later.
    """

    def __init__(self, database: Database, chores: Sequence[Chore]) -> None:
        self._stored = ChoreRows(database)
        self._committed = database.committed
        self._chores = {chore.name: chore for chore in chores}
        self._holder = secrets.token_hex(8)
        self._is_ending = threading.Event()
        self._may_be_urgent = threading.Event()
        self._thread: threading.Thread | None = None

    def reports(self) -> list[ChoreReport]:
        """Returns all chores, and how their last runs went."""
        now, rows = datetime.now(UTC), self._stored.rows()
        return [_report(chore, rows.get(chore.name), now) for chore in self._chores.values()]

    def run_due(self) -> list[ChoreReport]:
        """Does all chores that are due and that no other process does, and returns how they went.

        A chore that fails does not prevent the others. Its failure is logged, and tried again.
        """
        done = self._do_due(self._chores.values())
        return [report for report in self.reports() if report.name in done]

    def start(self) -> None:
        """Does all chores whenever they are due, in a thread, until `close` is called."""
        self._is_ending.clear()
        self._thread = threading.Thread(target=self.run_forever, name="chores", daemon=True)
        self._thread.start()

    def run_forever(self) -> None:
        """Does all chores whenever they are due, until `close` is called.

        Those that can be urgent are done in a thread of their own, so that they wait for no others,
        and right after an event that this process has committed.
        """
        urgent = [chore for chore in self._chores.values() if chore.is_urgent is not None]
        others = [chore for chore in self._chores.values() if chore.is_urgent is None]
        thread = threading.Thread(
            target=self._hurry, args=(urgent,), name="urgent chores", daemon=True
        )
        thread.start()
        end_listening = self._committed.listen(lambda _event: self._may_be_urgent.set())
        try:
            while not self._is_ending.wait(_LOOKS_EVERY):
                self._look(others)
        finally:
            end_listening()
        thread.join(_ENDS_WITHIN)

    def _hurry(self, chores: Sequence[Chore]) -> None:
        pause = _LOOKS_AGAIN_AFTER
        while not self._is_ending.is_set():
            self._may_be_urgent.wait(pause)
            if self._is_ending.wait(_GATHERS_FOR):
                return
            self._may_be_urgent.clear()
            pause = _LOOKS_AGAIN_AFTER if self._look(chores) else _LOOKS_EVERY

    def _look(self, chores: Sequence[Chore]) -> bool:
        """Does those that are due. Returns whether one is urgent, also if another process does it.

        What is urgent may have come after that one has looked.
        """
        try:
            self._do_due(chores)
            return any(chore.is_urgent is not None and chore.is_urgent() for chore in chores)
        except RegistryError as error:
            _log.warning("The chores were not done: %s", error.for_operator)
        except Exception:  # noqa: BLE001 - the thread goes on, and looks again
            _log.exception("The chores were not done.")
        return False

    def _do_due(self, chores: Iterable[Chore]) -> set[str]:
        """Returns the names of those that were due and that no other process does."""
        rows = self._stored.rows()
        due = [chore for chore in chores if self._is_due(chore, rows)]
        return {chore.name for chore in due if self._run(chore)}

    def close(self) -> None:
        """Ends the thread of `start`. A chore that takes long is done again by another process."""
        self._is_ending.set()
        self._may_be_urgent.set()
        if self._thread is not None:
            self._thread.join(_ENDS_WITHIN)
            self._thread = None

    def _is_due(self, chore: Chore, rows: Mapping[str, ChoreRow]) -> bool:
        row = rows.get(chore.name)
        if row is None:
            self._stored.add(chore.name, datetime.now(UTC))
            return True
        now = datetime.now(UTC)
        if row.due_at <= now or row.due_at > _latest(chore, now):
            return True
        is_free = row.leased_until is None or row.leased_until <= now
        return chore.is_urgent is not None and is_free and chore.is_urgent()

    def _run(self, chore: Chore) -> bool:
        """Returns False if another process does it, or has done it."""
        now = datetime.now(UTC)
        early = chore.is_urgent is not None
        latest = _latest(chore, now)
        if not self._stored.take(chore.name, self._holder, now, _LEASE, latest, early=early):
            return False
        did, failure = None, None
        with self._renewed(chore):
            try:
                did = chore.run()
            except RegistryError as error:
                failure = _failure(error.message, error.detail)
                _log.warning("The chore %r failed: %s", chore.name, error.for_operator)
            except Exception as error:  # noqa: BLE001 - the others must be done all the same
                failure = _failure(_BUG, f"{type(error).__name__}: {error}".partition("\n")[0])
                _log.exception("The chore %r failed.", chore.name)
        if did:
            _log.info("The chore %r is done: %s", chore.name, did)
        pause = chore.every if failure is None else min(chore.every, _AGAIN_AFTER)
        ended = datetime.now(UTC)
        self._stored.finish(
            chore.name,
            self._holder,
            ended,
            ended + pause,
            did=did,
            failure=failure,
        )
        return True

    @contextmanager
    def _renewed(self, chore: Chore) -> Iterator[None]:
        """Keeps the lease of a chore for as long as it takes."""
        is_done = threading.Event()

        def renew() -> None:
            while not is_done.wait(_RENEWED_EVERY):
                try:
                    self._stored.renew(chore.name, self._holder, datetime.now(UTC) + _LEASE)
                except RegistryError as error:
                    _log.warning("The chore %r goes on: %s", chore.name, error.for_operator)

        thread = threading.Thread(target=renew, name=f"lease of {chore.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_done.set()
            thread.join()


def _latest(chore: Chore, now: datetime) -> datetime:
    """Returns when a chore is due at the latest, with some time for clocks that differ."""
    return now + chore.every + _LEASE


def _report(chore: Chore, row: ChoreRow | None, now: datetime) -> ChoreReport:
    if row is None:
        return ChoreReport(name=chore.name, what=chore.what, every=chore.every)
    failure, _newline, cause = (row.failure or "").partition("\n")
    return ChoreReport(
        name=chore.name,
        what=chore.what,
        every=chore.every,
        due_at=row.due_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        did=row.did,
        failure=failure or None,
        cause=cause,
        is_running=row.leased_until is not None and row.leased_until > now,
    )


def _failure(sentence: str, cause: str) -> str:
    """Returns what is stored of a failure: a line that clients may see, and the operator's."""
    lines = [" ".join(line.split()) for line in (sentence, cause) if line]
    return "\n".join(lines)[:_LONGEST_FAILURE]
