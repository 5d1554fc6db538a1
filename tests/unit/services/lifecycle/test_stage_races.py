"""Stages that several use at once: one of them is first, and the other one is told so (G2)."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.errors import FileAlreadyExists, RegistryError
from pypi_repo.domain.lifecycle.errors import FileStaged, UnknownStage
from pypi_repo.services.lifecycle.expiry import expire_stages
from pypi_repo.services.lifecycle.stages import Stages
from pypi_repo.services.packages.placing import Accepted
from pypi_repo.storage.catalog import Catalog
from tests.support.distributions import sdist, wheel
from tests.support.journal import journal_of
from tests.support.together import one_after_the_other
from tests.support.uploads import UPLOADER, damage, filenames, stage, upload

ROUNDS = 4

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""With SQLite, writers take turns anyway."""

Change = Callable[[], object]
Outcome = object


def at_once(*changes: Change) -> list[Outcome]:
    """What came of each: its result, or its refusal."""
    barrier = Barrier(len(changes))

    def run(change: Change) -> Outcome:
        barrier.wait()
        try:
            return change()
        except RegistryError as error:
            return error

    with ThreadPoolExecutor(len(changes)) as threads:
        return list(threads.map(run, changes))


def in_turn(registry: Registry, first: Change, second: Change) -> Outcome:
    """What came of the second, which has begun before the first one was committed."""
    later: Future[Any] = one_after_the_other(registry._database, first, second)
    return later.exception() or later.result()


@pytest.fixture
def elsewhere(both: Registry, database_url: str) -> Iterator[Registry]:
    """The same registry, as another process has it."""
    with Registry(Settings(database=database_url, blobs="memory://")) as registry:
        yield registry


def of(registry: Registry) -> Stages:
    return registry.acting_as(UPLOADER).stages


def filled(registry: Registry, version: str = "1.0") -> str:
    id_ = of(registry).open("main").id
    stage(registry, id_, wheel("demo", version))
    stage(registry, id_, sdist("demo", version))
    return id_


def expire(registry: Registry) -> int:
    """What the chore does a hundred days later."""
    with registry._database.begin() as connection:
        catalog = Catalog(connection)
        catalog.lock("main")
        return expire_stages(catalog, "main", datetime.now(UTC) + timedelta(days=100))


def kinds(outcomes: list[Outcome]) -> list[type]:
    return sorted(map(type, outcomes), key=lambda kind: kind.__name__)


def test_a_plain_and_a_staged_upload_of_a_name(both: Registry) -> None:
    for number in range(ROUNDS):
        id_, version = of(both).open("main").id, f"1.{number}"
        outcomes = at_once(
            partial(stage, both, id_, wheel("demo", version, padding=1)),
            partial(upload, both, wheel("demo", version, padding=2)),
        )
        refused = [each for each in outcomes if isinstance(each, RegistryError)]
        assert len(refused) == 1
        assert isinstance(refused[0], FileStaged | FileAlreadyExists)
        is_staged = isinstance(outcomes[0], Accepted)
        assert of(both).stage("main", id_)[0].files == is_staged
        if is_staged:
            of(both).publish("main", id_)
    assert len(filenames(both)) == ROUNDS
    assert damage(both) == []


def test_two_stages_want_a_name(both: Registry) -> None:
    for number in range(ROUNDS):
        ids = [of(both).open("main").id for _ in range(2)]
        dist = wheel("demo", f"1.{number}")
        outcomes = at_once(*(partial(stage, both, id_, dist) for id_ in ids))
        assert kinds(outcomes) == [Accepted, FileStaged]
        assert sum(of(both).stage("main", id_)[0].files for id_ in ids) == 1
    assert damage(both) == []


@only_postgresql
def test_a_name_that_is_staged_meanwhile_is_not_restored(
    both: Registry, elsewhere: Registry
) -> None:
    """R1, G2: also by several changes as one, which see the registry of their beginning."""
    operator, dist = both.acting_as(OPERATOR), wheel("demo", "1.0")
    operator.repositories.change("main", allow_reuse=True)
    upload(both, dist)
    entry, id_ = operator.projects.delete_file("main", dist.filename), of(both).open("main").id
    assert entry is not None
    tries = []

    def look_and_restore() -> None:
        operator.trash.get("main", entry)
        if not tries:
            stage(elsewhere, id_, wheel("demo", "1.0", padding=1))
        tries.append(entry)
        operator.trash.restore("main", entry)

    with pytest.raises(FileStaged):
        both.as_one(look_and_restore)
    assert len(tries) == 2
    assert of(both).stage("main", id_)[0].files == 1


def test_two_publish_a_stage(both: Registry) -> None:
    for number in range(ROUNDS):
        id_ = filled(both, f"1.{number}")
        outcomes = at_once(*[partial(of(both).publish, "main", id_)] * 2)
        assert kinds(outcomes) == [UnknownStage, list]
    assert len(filenames(both)) == 2 * ROUNDS
    actions = [entry.action for entry in journal_of(both, "main")]
    assert actions.count("publish stage") == ROUNDS
    assert damage(both) == []


@pytest.mark.parametrize("end", ["drop", "expire"])
def test_a_stage_is_published_or_ended(both: Registry, end: str) -> None:
    published = 0
    for number in range(ROUNDS):
        id_ = filled(both, f"1.{number}")
        ends = partial(of(both).drop, "main", id_) if end == "drop" else partial(expire, both)
        outcome, ended = at_once(partial(of(both).publish, "main", id_), ends)
        if isinstance(outcome, list):
            published += 1
            assert isinstance(ended, UnknownStage) or ended == 0
        else:
            assert isinstance(outcome, UnknownStage)
            assert ended in (None, 1)
        assert of(both).stages("main") == []
    projects = both.acting_as(OPERATOR).projects
    files = projects.get("main", "demo")[1] if published else []
    assert len(files) == 2 * published
    assert damage(both) == []


def test_an_upload_while_the_stage_is_published(both: Registry) -> None:
    """What was answered with success is on the index; the other is told that it came too late."""
    late = 0
    for number in range(ROUNDS):
        id_, dist = filled(both, f"1.{number}"), wheel("late", f"1.{number}")
        published, outcome = at_once(
            partial(of(both).publish, "main", id_), partial(stage, both, id_, dist)
        )
        assert isinstance(published, list)
        names = [each.file.filename for each in published]
        if isinstance(outcome, Accepted):
            assert names[2:] == [dist.filename]
        else:
            assert isinstance(outcome, UnknownStage)
            assert len(names) == 2
            late += 1
    both.upkeep.sweep(timedelta(0))
    assert damage(both) == []
    assert len(filenames(both)) == 2 * ROUNDS
    if late < ROUNDS:
        assert len(filenames(both, "late")) == ROUNDS - late


@only_postgresql
@pytest.mark.parametrize("second", ["publish", "drop", "expire", "upload", "plain"])
def test_who_waits_for_a_publication(both: Registry, second: str) -> None:
    """Everybody who has begun before its commit sees it done."""
    id_ = filled(both)
    changes: dict[str, Change] = {
        "publish": partial(of(both).publish, "main", id_),
        "drop": partial(of(both).drop, "main", id_),
        "expire": partial(expire, both),
        "upload": partial(stage, both, id_, wheel("late")),
        "plain": partial(upload, both, wheel("demo", "1.0", padding=1)),
    }
    outcome = in_turn(both, changes["publish"], changes[second])
    match second:
        case "expire":
            assert outcome == 0
        case "plain":
            assert isinstance(outcome, FileAlreadyExists | FileStaged)
        case _:
            assert isinstance(outcome, UnknownStage)
    assert filenames(both) == [wheel("demo").filename, sdist("demo").filename]
    assert damage(both) == []


@only_postgresql
@pytest.mark.parametrize("second", ["stage", "upload"])
def test_who_waits_for_a_staged_upload(both: Registry, elsewhere: Registry, second: str) -> None:
    """In another process, and both have found the name free before."""
    ids = [of(both).open("main").id for _ in range(2)]
    changes: dict[str, Change] = {
        "stage": partial(stage, elsewhere, ids[1], wheel("demo", padding=1)),
        "upload": partial(upload, elsewhere, wheel("demo", padding=1)),
    }
    first = partial(stage, both, ids[0], wheel("demo"))
    assert isinstance(in_turn(both, first, changes[second]), FileStaged)
    of(both).publish("main", ids[0])
    assert filenames(both) == [wheel("demo").filename]
    both.upkeep.sweep(timedelta(0))
    assert damage(both) == []
