"""Between the journal and the deliveries: nothing is lost, and nothing overtakes (E3, E4)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
import sqlalchemy
from sqlalchemy import insert, select

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.services.events.telling import Telling
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.operation_tables import webhook_deliveries as deliveries
from pypi_repo.storage.database.tables import journal
from pypi_repo.storage.journal import Journal
from tests.support.distributions import wheel
from tests.support.receiver import Receiver, hook, receiving, tell
from tests.support.uploads import UPLOADER, upload


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def entry(project: str) -> JournalEntry:
    return JournalEntry.by(UPLOADER, "upload file", repository="main", project=project)


def projects_of(receiver: Receiver) -> list[str]:
    return [sent.document["project"] for sent in receiver.sent]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_e4_an_event_that_is_committed_after_one_with_a_higher_id_is_told(
    both: Registry, database: Database, receiver: Receiver
) -> None:
    """PostgreSQL gives ids when rows are added, and not when they are committed."""
    hook(both, receiver)
    added, may_commit = Event(), Event()

    def commit_late() -> None:
        with database.begin() as connection:
            Journal(connection).record(entry("late"))
            added.set()
            may_commit.wait(120)

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(commit_late)
        added.wait(120)
        with both._database.begin() as connection:
            Journal(connection).record(entry("early"))
        tell(both)
        assert projects_of(receiver) == ["early"]
        may_commit.set()
        late.result(30)
    tell(both)
    assert projects_of(receiver) == ["early", "late"]
    ids = [sent.document["id"] for sent in receiver.sent]
    assert ids[0] > ids[1]


def test_e4_several_processes_decide_at_once_and_each_event_is_told_once(
    both: Registry, receiver: Receiver
) -> None:
    hook(both, receiver)
    for number in range(30):
        upload(both, wheel(f"demo-{number % 3}", f"1.{number}"))
    ready = Barrier(4)

    def decide(_number: int) -> None:
        telling = Telling(both._database, {})
        ready.wait(120)
        telling.decide()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decide, range(4)))
    rows = both._database.execute(
        select(deliveries.c.journal_id, deliveries.c.subject).order_by(deliveries.c.id)
    ).all()
    assert len(rows) == len({row.journal_id for row in rows}) == 30
    for number in range(3):
        of_one = [row.journal_id for row in rows if row.subject == f"main/demo-{number}"]
        assert of_one == sorted(of_one)


def test_e4_a_change_that_is_rolled_back_has_no_event(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver)

    def fail() -> None:
        with both._database.begin() as connection:
            Journal(connection).record(entry("demo"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert tell(both) == ""
    assert receiver.sent == []


def test_without_webhooks_what_is_pending_is_forgotten_and_nothing_is_urgent(
    both: Registry,
) -> None:
    upload(both, wheel("demo"))
    assert not both._telling.is_urgent()
    assert both._telling.run() == ""
    pending = both._database.execute(select(journal.c.id).where(journal.c.pending))
    assert pending.all() == []


def test_e1_an_event_of_an_older_version_is_none(both: Registry, receiver: Receiver) -> None:
    """Its process, which may run beside this one, marks nothing."""
    hook(both, receiver)
    with both._database.begin() as connection:
        old = {name: getattr(entry("demo"), name) for name in JournalEntry.__slots__}
        connection.execute(insert(journal).values({**old, "id": 1000}))
    assert tell(both) == ""


def test_many_events_are_decided_in_transactions_that_others_can_write_between(
    both: Registry, receiver: Receiver
) -> None:
    """No more than 500 entries each."""
    with both._database.begin() as connection:
        for number in range(1001):
            Journal(connection).record(entry(f"demo-{number}"))
    hook(both, receiver)  # which is told of none of them
    begun: list[int] = []
    sqlalchemy.event.listen(both._database.engine, "begin", lambda _connection: begun.append(1))
    with both._database.begin() as connection:
        for number in range(1001):
            Journal(connection).record(entry(f"demo-{number}"))
    begun.clear()
    both._telling.decide()
    assert len(begun) == 3
    assert both.acting_as(OPERATOR).webhooks.number_waiting("ci") == 1001


def test_e3_a_restore_tells_nothing_once_more_and_brings_no_secret_back(
    registry: Registry, receiver: Receiver, tmp_path: Path
) -> None:
    """The registry that was backed up goes on, and tells it itself."""
    hook(registry, receiver)
    upload(registry, wheel("demo"))
    registry.backup.create(str(tmp_path / "backup"))
    settings = Settings(database=f"sqlite:///{tmp_path}/restored.db", blobs="memory://")
    with Registry(settings) as restored:
        restored.backup.restore(str(tmp_path / "backup"))
        assert tell(restored) == ""
        webhook = restored.acting_as(OPERATOR).webhooks.get("ci")
        assert (webhook.url, webhook.secret) == (None, None)
        assert webhook.destination == receiver.url.removesuffix("hook")
        made = restored.acting_as(OPERATOR).webhooks.test("ci")
        assert "which no backup contains" in (made.failure or "")
    assert receiver.sent == []
