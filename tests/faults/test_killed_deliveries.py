"""kill -9 at any moment: no change without its event, and each is told at least once (E3, E4)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from itertools import groupby

import pytest
from sqlalchemy import select

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.storage.database.tables import journal
from pypi_repo.storage.journal import Journal
from tests.support.crashing import Working, steps_of
from tests.support.distributions import wheel
from tests.support.installation import Installation
from tests.support.receiver import Receiver, hook, receiving, tell
from tests.support.uploads import UPLOADER, filenames

PROJECTS, EACH = ("a", "b"), 3


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def publish_and_yank(registry: Registry, project: str) -> None:
    """Two changes, each with its event."""
    dist = wheel(project)
    operator = registry.acting_as(OPERATOR)
    operator.add_file("main", BytesIO(dist.content), filename=dist.filename)
    operator.projects.yank_file("main", dist.filename, "broken")


def pending_of(registry: Registry, project: str) -> list[str]:
    rows = registry._database.execute(
        select(journal.c.action)
        .where(journal.c.project == project, journal.c.pending)
        .order_by(journal.c.id)
    )
    return list(rows.scalars())


def test_e4_before_every_step_of_a_change(installation: Installation) -> None:
    """What is there has its event in the outbox, and what is not there has none."""
    steps_of(installation, partial(publish_and_yank, project="first"))  # makes folders
    steps = steps_of(installation, partial(publish_and_yank, project="whole"))
    assert len(steps) > 15
    for number in range(1, len(steps) + 1):
        work = partial(publish_and_yank, project=f"cut-{number}")
        assert Working(installation, work, die_at=number).wait() == []
    with installation.registry() as registry:
        seen = []
        projects = {
            each.normalized_name for each in registry.acting_as(OPERATOR).projects.all("main")
        }
        for number in range(1, len(steps) + 1):
            project = f"cut-{number}"
            wanted = []
            if project in projects:
                _project, (file,) = registry.acting_as(OPERATOR).projects.get("main", project)
                wanted = ["upload file", *(["yank file"] if file.yanked else [])]
            assert pending_of(registry, project) == wanted, steps[number - 1]
            seen.append(len(wanted))
        assert sorted(seen) == seen
        assert {*seen} == {0, 1, 2}
        assert filenames(registry, "whole")


def test_e3_before_every_step_of_telling(installation: Installation, receiver: Receiver) -> None:
    """Whatever the last step was, who goes on tells everything, and in order for each project."""
    with installation.registry() as registry:
        hook(registry, receiver)
        _note_some(registry, 0)
    steps = steps_of(installation, tell)
    assert len(receiver.sent) == len(PROJECTS) * EACH
    assert len(steps) > 30
    repeated = 0
    for number in range(1, len(steps) + 1):
        receiver.forget()
        with installation.registry() as registry:
            _note_some(registry, number)
            assert Working(installation, tell, die_at=number).wait() == []
            tell(registry)
            made = registry.acting_as(OPERATOR).webhooks.deliveries("ci", limit=1000)
            assert {each.state for each in made} == {"delivered"}, steps[number - 1]
        repeated += _assert_told(receiver, number)
    assert 0 < repeated < len(steps) * 2


def _note_some(registry: Registry, number: int) -> None:
    """As if some files had been uploaded."""
    with registry._database.begin() as connection:
        for each in range(EACH):
            for project in PROJECTS:
                version = f"{number}.{each}"
                entry = JournalEntry.by(
                    UPLOADER, "upload file", repository="main", project=project, version=version
                )
                Journal(connection).record(entry)


def _assert_told(receiver: Receiver, number: int) -> int:
    """Returns how many were told twice."""
    told = [(sent.document["project"], sent.document["version"]) for sent in receiver.sent]
    for project in PROJECTS:
        versions = [version for name, version in told if name == project]
        once = [version for version, _same in groupby(versions)]
        assert once == [f"{number}.{each}" for each in range(EACH)]
    return len(told) - len(PROJECTS) * EACH
