"""kill -9 while a stage is filled, published or dropped: all of it is done, or nothing (G2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.lifecycle.stages import Stage
from tests.support.crashing import Working, steps_of
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.installation import Installation, stored_path
from tests.support.journal import journal_of
from tests.support.uploads import damage, stage

SKIPPED = 6
"""Of so many steps one is tried, and all around the commit."""


def files_of(project: str) -> tuple[Distribution, Distribution]:
    return wheel(project), sdist(project)


def stage_of(registry: Registry, project: str) -> Stage | None:
    """The stage with the files of a project, which is called like it."""
    found = registry.acting_as(OPERATOR).stages.stages("main")
    return next((each for each in found if each.description == project), None)


def fill(registry: Registry, project: str) -> None:
    opened = stage_of(registry, project)
    assert opened is not None
    for dist in files_of(project):
        stage(registry, opened.id, dist)


def publish(registry: Registry, project: str) -> None:
    opened = stage_of(registry, project)
    assert opened is not None
    registry.acting_as(OPERATOR).stages.publish("main", opened.id)


def drop(registry: Registry, project: str) -> None:
    opened = stage_of(registry, project)
    assert opened is not None
    registry.acting_as(OPERATOR).stages.drop("main", opened.id)


def published(registry: Registry, project: str) -> list[str]:
    projects = registry.acting_as(OPERATOR).projects
    if project not in {each.normalized_name for each in projects.all("main")}:
        return []
    return [file.filename for file in projects.get("main", project)[1]]


def staged(registry: Registry, project: str) -> list[str] | None:
    opened = stage_of(registry, project)
    if opened is None:
        return None
    _stage, files = registry.acting_as(OPERATOR).stages.stage("main", opened.id)
    return [file.filename for file in files]


def cuts(
    installation: Installation,
    kind: str,
    work: Callable[[Registry, str], None],
    prepare: Callable[[Registry, str], None],
    *,
    commits_afterwards: int = 0,
) -> dict[str, bool]:
    """What was killed before one of its steps, and whether that came after its commit.

    commits_afterwards: how many commits tidy up after that.
    """
    whole = f"{kind}-whole"
    with installation.registry() as registry:
        prepare(registry, whole)
    steps = steps_of(installation, partial(work, project=whole))
    commits = [number for number, step in enumerate(steps, 1) if step == "commit"]
    committed = commits[-1 - commits_afterwards]
    chosen = sorted({*range(1, len(steps) + 1, SKIPPED), *range(committed - 1, len(steps) + 1)})
    names = {number: f"{kind}-{number}" for number in chosen}
    with installation.registry() as registry:
        for name in names.values():
            prepare(registry, name)
    for number, name in names.items():
        cut = Working(installation, partial(work, project=name), die_at=number)
        assert cut.wait() == [], steps[number - 1]
    return {whole: True, **{name: number > committed for number, name in names.items()}}


def opened(registry: Registry, project: str) -> None:
    registry.acting_as(OPERATOR).stages.open("main", project)


def filled(registry: Registry, project: str) -> None:
    opened(registry, project)
    fill(registry, project)


def names_of(project: str) -> list[str]:
    return [dist.filename for dist in files_of(project)]


def test_before_the_steps_of_a_publication(installation: Installation) -> None:
    done = cuts(installation, "publish", publish, filled)
    with installation.registry() as registry:
        registry.upkeep.sweep(timedelta(0))
        for project, is_published in done.items():
            if not is_published:
                assert published(registry, project) == []
                assert staged(registry, project) == names_of(project)
                publish(registry, project)
            assert published(registry, project) == names_of(project)
            assert staged(registry, project) is None
        actions = [entry.action for entry in journal_of(registry, "main")]
        assert actions.count("publish stage") == len(done)
        assert damage(registry) == []
    stored = installation.stored.digests()
    for project in done:
        for dist in files_of(project):
            assert stored[stored_path(dist)] == dist.sha256


def test_before_the_steps_of_uploads_to_a_stage(installation: Installation) -> None:
    done = cuts(installation, "fill", fill, opened)
    with installation.registry() as registry:
        for project, is_filled in done.items():
            assert published(registry, project) == []
            there = staged(registry, project)
            assert there is not None
            assert there == names_of(project)[: len(there)]
            assert not is_filled or len(there) == 2
        assert damage(registry) == []
        registry.upkeep.sweep(timedelta(0))
        for project in done:
            fill(registry, project)
            publish(registry, project)
            assert published(registry, project) == names_of(project)
        assert damage(registry) == []


def test_before_the_steps_of_a_drop(installation: Installation) -> None:
    done = cuts(installation, "drop", drop, filled, commits_afterwards=1)
    with installation.registry() as registry:
        for project, is_dropped in done.items():
            assert staged(registry, project) == (None if is_dropped else names_of(project))
            if is_dropped:
                opened(registry, project)  # the names are free
            fill(registry, project)
            publish(registry, project)
            assert published(registry, project) == names_of(project)
        registry.upkeep.sweep(timedelta(0))
        assert damage(registry) == []
