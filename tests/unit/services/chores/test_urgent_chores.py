"""Chores that must be done now: right after an event, and whatever else is being done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.services.chores import chores as module
from pypi_repo.services.chores.chores import Chore, Chores
from pypi_repo.storage.database.database import Database
from tests.support.waiting import wait_until

NEVER = 3600.0  # seconds: nothing here is done because it is looked for


@pytest.fixture(autouse=True)
def _looks_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS_EVERY", NEVER)


class _Urgent:
    """Work that is urgent for as long as something is left."""

    def __init__(self) -> None:
        self.left = self.times = 0

    def run(self) -> str:
        self.times += 1
        self.left -= 1
        return "Did it."

    def is_urgent(self) -> bool:
        return self.left > 0


def chores_of(database: Database, work: _Urgent, *others: Callable[[], str]) -> Chores:
    every = timedelta(hours=1)
    chores = [Chore(f"other-{n}", "work", every, run) for n, run in enumerate(others)]
    return Chores(database, [*chores, Chore("urgent", "work", every, work.run, work.is_urgent)])


@contextmanager
def started(chores: Chores) -> Iterator[None]:
    chores.start()
    try:
        yield
    finally:
        chores.close()


def happen(registry: Registry) -> None:
    """An event."""
    registry.acting_as(OPERATOR).sources.add_rule("main", "deny", "demo")


def test_what_is_urgent_is_done_before_it_is_due(both: Registry) -> None:
    work = _Urgent()
    chores = chores_of(both._database, work)
    assert len(chores.run_due()) == 1  # the first time, it is due
    assert chores.run_due() == []
    work.left = 1
    assert [report.name for report in chores.run_due()] == ["urgent"]
    assert chores.run_due() == []


def test_nobody_does_what_is_urgent_while_another_process_does_it(both: Registry) -> None:
    work, begun, may_end = _Urgent(), Event(), Event()
    work.left = 2
    chores = chores_of(both._database, work)
    original = work.run

    def run() -> str:
        begun.set()
        may_end.wait(30)
        return original()

    slow = _Urgent()
    slow.run, slow.is_urgent = run, work.is_urgent  # type: ignore[method-assign]
    with started(chores_of(both._database, slow)):
        assert begun.wait(30)
        assert chores.run_due() == []
        may_end.set()
        wait_until(lambda: work.left <= 0)


def test_it_is_done_right_after_an_event(both: Registry) -> None:
    """Though nobody would have looked for it."""
    work = _Urgent()
    with started(chores_of(both._database, work)):
        wait_until(lambda: work.times == 1)  # due, as all chores are at first
        work.left = 1
        happen(both)
        wait_until(lambda: work.times == 2)


def test_it_is_done_again_for_as_long_as_it_is_urgent(both: Registry) -> None:
    """An event may come while another process does it, which has looked before."""
    work = _Urgent()
    work.left = 3
    with started(chores_of(both._database, work)):
        wait_until(lambda: work.times == 3)


def test_it_waits_for_no_other_chore(both: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS_EVERY", 0.1)
    work, begun, may_end = _Urgent(), Event(), Event()

    def long() -> str:
        begun.set()
        may_end.wait(30)
        return ""

    with started(chores_of(both._database, work, long)):
        assert begun.wait(30)
        before = work.times
        work.left = 1
        happen(both)
        wait_until(lambda: work.times > before)
        may_end.set()


def test_without_chores_nobody_is_told_of_events(both: Registry) -> None:
    """Once they have ended, too."""
    work = _Urgent()
    with started(chores_of(both._database, work)):
        wait_until(lambda: work.times == 1)
        assert both._database.committed._listeners
    assert not both._database.committed._listeners
