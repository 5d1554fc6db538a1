"""What happened, and whom the library tells of it (E1, E2)."""

import logging
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import FileAlreadyExists, InvalidSetting
from pypi_repo.domain.events.event import EVENT_TYPES, Event
from pypi_repo.storage.database.tables import journal
from tests.support.distributions import wheel
from tests.support.uploads import upload

WHEEL = wheel("demo", "1.0")


@pytest.fixture
def heard(both: Registry) -> Iterator[list[Event]]:
    """All events of `both`, in which `main` is."""
    events: list[Event] = []
    end = both.subscribe(events.append)
    yield events
    end()


def pending(registry: Registry) -> list[str]:
    """The actions that webhooks are yet to be told of."""
    rows = registry._database.execute(select(journal.c.action).where(journal.c.pending))
    return sorted(rows.scalars())


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


def test_e1_what_happens_to_files_is_in_the_outbox(both: Registry, heard: list[Event]) -> None:
    operator = both.acting_as(OPERATOR)
    upload(both, WHEEL)
    operator.projects.yank_release("main", "demo", "1.0", "broken")
    operator.projects.yank_release("main", "demo", "1.0", None)
    operator.projects.set_status("main", "demo", "archived", "done")
    operator.projects.delete_file("main", WHEEL.filename)
    operator.projects.delete("main", "demo")
    wanted = [
        "file.uploaded",
        "release.yanked",
        "release.unyanked",
        "project.status_changed",
        "file.deleted",
        "project.deleted",
    ]
    assert types(heard) == wanted
    assert len(pending(both)) == len(wanted)


def test_e1_an_upload_says_what_was_uploaded(both: Registry, heard: list[Event]) -> None:
    file = upload(both, WHEEL)
    (event,) = heard
    (entry,) = both.acting_as(OPERATOR).activity.entries(limit=1)
    assert (event.id, event.at) == (entry.id, entry.at)
    assert (event.actor, event.actor_kind) == ("user@example.com", "user")
    assert (event.repository, event.project, event.version) == ("main", "demo", "1.0")
    assert (event.filename, event.serial) == (WHEEL.filename, entry.serial)
    assert event.detail["sha256"] == file.digests.sha256
    assert event.subject == "main/demo"


def test_e1_a_rule_that_hides_files_is_an_event(both: Registry, heard: list[Event]) -> None:
    operator = both.acting_as(OPERATOR)
    operator.sources.add_rule("main", "allow", "demo")
    operator.sources.add_rule("main", "deny", "demo<2", reason="broken")
    assert types(heard) == ["file.hidden"]
    assert heard[0].detail["target"] == "demo<2"


def test_what_concerns_accounts_alone_is_no_event(both: Registry, heard: list[Event]) -> None:
    both.acting_as(OPERATOR).accounts.create_token("user@example.com", name="ci")
    assert heard == []
    assert pending(both) == []


def test_e4_a_refused_upload_is_no_event(both: Registry, heard: list[Event]) -> None:
    upload(both, WHEEL)
    with pytest.raises(FileAlreadyExists):
        upload(both, wheel("demo", requires_python=">=3"))
    upload(both, WHEEL)  # the same once more changes nothing
    assert types(heard) == ["file.uploaded"]
    assert pending(both) == ["upload file"]


def test_e2_subscribers_are_called_after_the_commit(both: Registry) -> None:
    """Whatever they ask the registry, they see the change."""
    seen: list[int] = []

    def look(_event: Event) -> None:
        _project, files = both.acting_as(OPERATOR).projects.get("main", "demo")
        seen.append(len(files))

    both.subscribe(look)
    upload(both, WHEEL)
    both.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "broken")
    assert seen == [1, 1]


def test_e2_a_subscriber_may_change_something_itself(both: Registry, heard: list[Event]) -> None:
    def yank(event: Event) -> None:
        if event.type == "file.uploaded":
            both.acting_as(OPERATOR).projects.yank_file("main", WHEEL.filename, "unchecked")

    both.subscribe(yank)
    upload(both, WHEEL)
    assert sorted(types(heard)) == ["file.uploaded", "file.yanked"]


def test_e2_what_a_subscriber_raises_is_logged_and_harms_nothing(
    both: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []

    def fail(_event: Event) -> None:
        raise ValueError("of the host")

    both.subscribe(fail)
    both.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        upload(both, WHEEL)
    assert types(heard) == ["file.uploaded"]
    (record,) = [each for each in caplog.records if each.exc_info]
    assert f"event {heard[0].id}" in record.getMessage()


def test_e2_who_has_ended_it_hears_nothing_more(both: Registry) -> None:
    """Also if the same function listens twice."""
    heard: list[Event] = []
    end, _other = both.subscribe(heard.append), both.subscribe(heard.append)
    upload(both, WHEEL)
    end()
    end()
    upload(both, wheel("other"))
    assert [event.project for event in heard] == ["demo", "demo", "other"]


def test_e2_changes_as_one_are_told_together_after_the_commit(
    both: Registry, heard: list[Event]
) -> None:
    upload(both, WHEEL)
    heard.clear()
    projects = both.acting_as(OPERATOR).projects
    during: list[int] = []

    def work() -> None:
        projects.yank_release("main", "demo", "1.0", "broken")
        with pytest.raises(InvalidSetting):
            projects.set_status("main", "demo", "unheard-of")  # type: ignore[arg-type]
        projects.set_status("main", "demo", "archived")
        during.append(len(heard))

    both.as_one(work)
    assert during == [0]
    assert types(heard) == ["release.yanked", "project.status_changed"]


def test_e2_what_was_taken_back_is_not_told(both: Registry, heard: list[Event]) -> None:
    upload(both, WHEEL)
    heard.clear()
    database, projects = both._database, both.acting_as(OPERATOR).projects

    def part() -> None:
        with database.begin():
            projects.yank_release("main", "demo", "1.0", "broken")
            raise ZeroDivisionError

    def work(*, fails: bool) -> None:
        projects.set_status("main", "demo", "archived")
        with pytest.raises(ZeroDivisionError):
            both.as_one(part)
        if fails:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        both.as_one(lambda: work(fails=True))
    assert heard == []
    both.as_one(lambda: work(fails=False))
    assert types(heard) == ["project.status_changed"]


def test_e2_uploads_at_once_are_told_by_the_thread_of_each(both: Registry) -> None:
    """Though several of them share one commit, and some of them are refused."""
    heard: dict[str, str] = {}
    both.subscribe(
        lambda event: heard.update({event.project or "": threading.current_thread().name})
    )
    refused: list[str] = []

    def send(number: int) -> None:
        upload(both, wheel(f"demo-{number}"))
        try:
            upload(both, wheel(f"demo-{number}", requires_python=">=3"))
        except FileAlreadyExists:
            refused.append(f"demo-{number}")

    threads = [threading.Thread(target=send, args=(n,), name=f"demo-{n}") for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {f"demo-{n}": f"demo-{n}" for n in range(12)}
    assert len(refused) == 12
    assert len(pending(both)) == 12


def test_an_event_cannot_be_changed(both: Registry, heard: list[Event]) -> None:
    upload(both, WHEEL)
    (event,) = heard
    with pytest.raises(AttributeError):
        event.type = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        event.detail["sha256"] = ""  # type: ignore[index]
    assert event.type in EVENT_TYPES
