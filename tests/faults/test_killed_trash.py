"""kill -9 before each step of what fills and empties the trash: all of it is done, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import UnknownProject
from pypi_repo.storage.database.lifecycle_tables import trash, trashed_files, trashed_releases
from tests.support.crashing import Working, steps_of
from tests.support.distributions import sdist, wheel
from tests.support.installation import Installation
from tests.support.uploads import damage, upload

State = tuple[frozenset[str], frozenset[str]]
"""The digests of the files of a project that are on the index, and of those in the trash."""

Work = Callable[[Registry, str], object]


def overwrite(registry: Registry, project: str) -> None:
    upload(registry, wheel(project, description="other content"))


def delete_project(registry: Registry, project: str) -> None:
    registry.acting_as(OPERATOR).projects.delete("main", project)


def restore(registry: Registry, project: str) -> None:
    can = registry.acting_as(OPERATOR).trash
    can.restore("main", _entry(registry, project))


def purge(registry: Registry, project: str) -> None:
    registry.acting_as(OPERATOR).trash.purge("main", [_entry(registry, project)])


def _entry(registry: Registry, project: str) -> int:
    entries = registry.acting_as(OPERATOR).trash.entries("main")
    (entry,) = (each.id for each in entries if each.project == project)
    return entry


def state(registry: Registry, project: str) -> State:
    try:
        _found, files = registry.acting_as(OPERATOR).projects.get("main", project)
    except UnknownProject:
        files = []
    kept = registry._database.execute(
        select(trashed_files.c.sha256)
        .join(trashed_releases, trashed_releases.c.id == trashed_files.c.release_id)
        .join(trash, trash.c.id == trashed_releases.c.trash_id)
        .where(trash.c.project == project)
    ).scalars()
    return frozenset(file.digests.sha256 for file in files), frozenset(kept)


@pytest.mark.parametrize(
    ("before", "work"),
    [
        (None, overwrite),
        (None, delete_project),
        (overwrite, restore),
        (delete_project, restore),
        (delete_project, purge),
    ],
    ids=lambda work: getattr(work, "__name__", "-"),
)
def test_before_every_step(installation: Installation, before: Work | None, work: Work) -> None:
    """R1, R2: whatever it asks of the database and of the file store, it may be the last."""

    def prepare(project: str) -> State:
        for distribution in (wheel(project), sdist(project)):
            upload(registry, distribution)
        if before is not None:
            before(registry, project)
        return state(registry, project)

    with installation.registry() as registry:
        registry.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
        names = f"{work.__name__}-{before.__name__ if before else 'first'}".replace("_", "-")
        prepare(f"{names}-whole")
        steps = steps_of(installation, partial(work, project=f"{names}-whole"))
        assert len(steps) > 8
        for number in range(1, len(steps) + 1):
            project = f"{names}-{number}"
            untouched = prepare(project)
            done = Working(installation, partial(work, project=project), die_at=number).wait()
            assert done == [], steps[number - 1]
            if state(registry, project) == untouched:
                work(registry, project)
            again = state(registry, project)
            assert again != untouched
            assert again == expected(work, before, project), steps[number - 1]
        assert damage(registry) == []
        registry.upkeep.sweep(timedelta(minutes=-1))
        assert damage(registry) == []


def expected(work: Work, before: Work | None, project: str) -> State:
    """What is on the index and in the trash once it is done."""
    first, second = wheel(project).sha256, sdist(project).sha256
    other = wheel(project, description="other content").sha256
    if work is purge:
        return frozenset(), frozenset()
    if work is restore:
        left = {other} if before is overwrite else set()
        return frozenset({first, second}), frozenset(left)
    if work is overwrite:
        return frozenset({other, second}), frozenset({first})
    return frozenset(), frozenset({first, second})
