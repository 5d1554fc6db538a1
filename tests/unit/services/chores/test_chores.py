"""Work beside requests: one process at a time, whatever happens to it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Actor, ActorKind, Area, Registry
from pypi_repo.domain.errors import PermissionDenied, Unavailable
from pypi_repo.services.chores.chores import Chore, Chores
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.operation_tables import chores as rows
from tests.conftest import PASSWORD, USER
from tests.support.sessions import begun_session
from tests.support.uploads import UPLOADER

HOST = "no answer from files.internal"


class _Work:
    """A chore that counts how often it is done."""

    def __init__(self, did: str = "Did it.") -> None:
        self.times = 0
        self._did = did

    def __call__(self) -> str:
        self.times += 1
        return self._did


def _chores(database: Database, *runs: object, every: timedelta = timedelta(hours=1)) -> Chores:
    return Chores(
        database,
        [Chore(f"chore-{number}", "work", every, run) for number, run in enumerate(runs)],
    )


def _let_time_pass(database: Database, **times: datetime) -> None:
    with database.begin() as connection:
        connection.execute(update(rows).values(**times))


def test_a_chore_is_done_at_once_and_then_when_it_is_due(both: Registry) -> None:
    database, work = both._database, _Work()
    chores = _chores(database, work)
    (report,) = chores.run_due()
    assert (report.name, report.did, report.failure) == ("chore-0", "Did it.", None)
    assert report.took is not None
    assert report.due_at is not None
    assert timedelta(minutes=59) < report.due_at - datetime.now(UTC) <= timedelta(hours=1)
    assert chores.run_due() == []
    _let_time_pass(database, due_at=datetime.now(UTC))
    assert len(chores.run_due()) == 1
    assert work.times == 2


def test_an_unexpected_error_of_a_look_ends_no_thread(
    both: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a database says: the next look may work."""
    work, looks = _Work(), Event()

    def is_urgent() -> bool:
        if not looks.is_set():
            looks.set()
            raise KeyError("odd")
        return True

    hour = timedelta(hours=1)
    chores = Chores(both._database, [Chore("urgent", "work", hour, work, is_urgent)])
    chores.run_due()
    assert work.times == 1
    assert not chores._look(list(chores._chores.values()))
    assert "The chores were not done." in caplog.text
    assert chores._look(list(chores._chores.values()))
    assert work.times == 2


def test_a_clock_that_was_ahead_stops_no_chore(both: Registry) -> None:
    database, work = both._database, _Work()
    chores = _chores(database, work)
    chores.run_due()
    ahead = datetime.now(UTC) + timedelta(days=3650)
    _let_time_pass(database, due_at=ahead)
    assert len(chores.run_due()) == 1
    assert chores.run_due() == []
    _let_time_pass(database, due_at=ahead, leased_until=ahead)
    assert len(chores.run_due()) == 1
    assert work.times == 3


def test_processes_share_the_work(both: Registry) -> None:
    work, ready = _Work(), Barrier(8)
    several = [_chores(both._database, work) for _ in range(8)]

    def run(chores: Chores) -> int:
        ready.wait()
        return len(chores.run_due())

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(run, several))
    assert sum(done) == work.times == 1


def test_nobody_does_what_another_process_does_at_the_moment(both: Registry) -> None:
    database, begun, may_end = both._database, Event(), Event()

    def work() -> str:
        begun.set()
        may_end.wait(120)
        return ""

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_chores(database, work).run_due)
        begun.wait(120)
        other = _chores(database, _Work())
        assert other.run_due() == []
        assert [report.is_running for report in other.reports()] == [True]
        may_end.set()
        assert len(first.result(30)) == 1
    assert [report.is_running for report in other.reports()] == [False]


def test_the_work_of_a_killed_process_is_done_by_another(both: Registry) -> None:
    database, work = both._database, _Work()

    class Killed(BaseException):
        pass

    def killed() -> str:
        raise Killed

    with pytest.raises(Killed):
        _chores(database, killed).run_due()
    other = _chores(database, work)
    assert other.run_due() == []
    _let_time_pass(database, leased_until=datetime.now(UTC))
    assert len(other.run_due()) == 1
    assert work.times == 1


def test_a_failure_is_told_and_prevents_no_other_chore(both: Registry) -> None:
    def refused() -> str:
        raise Unavailable("The file store cannot be used; try again later.", detail=HOST)

    def broken() -> str:
        raise ValueError("a bug")

    work = _Work()
    chores = _chores(both._database, refused, broken, work)
    first, second, third = chores.run_due()
    assert first.failure == "The file store cannot be used; try again later."
    assert (first.cause, first.failure_for_operator) == (HOST, f"{first.failure} ({HOST})")
    assert second.failure is not None
    assert "bug" not in second.failure
    assert second.cause == "ValueError: a bug"
    assert (third.failure, work.times) == (None, 1)
    for failed in (first, second):
        assert failed.due_at is not None
        assert failed.due_at - datetime.now(UTC) <= timedelta(minutes=10)


def test_what_was_done_before_a_failure_is_still_told(both: Registry) -> None:
    def work() -> str:
        if is_broken.is_set():
            raise ValueError("a bug")
        return "Did it."

    is_broken = Event()
    chores = _chores(both._database, work)
    chores.run_due()
    is_broken.set()
    _let_time_pass(both._database, due_at=datetime.now(UTC))
    (report,) = chores.run_due()
    assert (report.did, report.cause) == ("Did it.", "ValueError: a bug")


def test_a_registry_deletes_what_has_expired(both: Registry) -> None:
    begun_session(both, USER, "127.0.0.1", life=timedelta(seconds=-1))
    first, *others = both.chores.run_due()
    assert (first.name, first.did, first.failure) == ("expire", "Deleted 1 row.", None)
    assert {"trim-caches", "sweep"} <= {report.name for report in others}
    assert {(report.did, report.failure) for report in others} == {("", None)}


def test_a_registry_keeps_what_can_still_be_used(both: Registry) -> None:
    session = both.user_sessions.sign_in(USER, PASSWORD, "127.0.0.1")
    secret = both.acting_as(OPERATOR).invitations.invite(USER)
    both.chores.run_due()
    assert both.user_sessions.find(session.secret) is not None
    assert both.invitations.find(secret).user == USER


@pytest.mark.parametrize(
    ("areas", "may"), [({Area.REPOSITORIES}, True), ({Area.USERS, Area.SETTINGS}, False)]
)
def test_who_manages_repositories_sees_how_chores_went(
    registry: Registry, areas: set[Area], may: bool
) -> None:
    registry.chores.run_due()
    boss = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=frozenset(areas))
    if may:
        assert registry.acting_as(boss).chores.all() == registry.chores.reports()
    else:
        with pytest.raises(PermissionDenied):
            registry.acting_as(boss).chores.all()
    with pytest.raises(PermissionDenied):
        registry.acting_as(UPLOADER).chores.all()
