"""kill -9 while a release is moved to another repository: it is in one of them, and whole (M1)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from pypi_repo import OPERATOR, Registry
from tests.support.crashing import Working, steps_of
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.installation import Installation, stored_path
from tests.support.journal import journal_of
from tests.support.uploads import damage, publish

SKIPPED = 5
"""Of so many steps within the transaction one is tried, and all around its commit."""


def move(registry: Registry, project: str) -> None:
    registry.acting_as(OPERATOR).promotion.release("main", project, "1.0", "releases", move=True)


def files_of(project: str) -> tuple[Distribution, Distribution]:
    return wheel(project), sdist(project)


def test_before_the_steps_of_a_move(installation: Installation) -> None:
    with installation.registry() as registry:
        registry.acting_as(OPERATOR).repositories.create("releases")
        for dist in files_of("whole"):
            publish(registry, dist)
    steps = steps_of(installation, partial(move, project="whole"))
    committed = steps.index("commit") + 1
    assert 10 < committed < len(steps)
    chosen = {*range(1, len(steps), SKIPPED), *range(committed - 1, len(steps) + 1)}
    cuts = {number: f"cut-{number}" for number in sorted(chosen)}
    with installation.registry() as registry:
        for project in cuts.values():
            for dist in files_of(project):
                publish(registry, dist)
    for number, project in cuts.items():
        cut = Working(installation, partial(move, project=project), die_at=number)
        assert cut.wait() == [], steps[number - 1]
    with installation.registry() as registry:
        for number, project in cuts.items():
            places = ("releases", "main") if number > committed else ("main", "releases")
            assert_whole(registry, project, *places)
            if number <= committed:
                move(registry, project)
                assert_whole(registry, project, "releases", "main")
        registry.upkeep.sweep(timedelta(0))
        assert damage(registry) == []
    stored = installation.stored.digests()
    for project in ("whole", *cuts.values()):
        for dist in files_of(project):
            assert stored[stored_path(dist)] == dist.sha256


def assert_whole(registry: Registry, project: str, there: str, not_there: str) -> None:
    """All files and both entries of the journal, or nothing of it."""
    assert names(registry, there, project) == [dist.filename for dist in files_of(project)]
    assert names(registry, not_there, project) == []
    is_moved = there == "releases"
    for repository, action in (("main", "promote release"), ("releases", "receive release")):
        entries = journal_of(registry, repository)
        found = [each for each in entries if (each.project, each.action) == (project, action)]
        assert len(found) == is_moved


def names(registry: Registry, repository: str, project: str) -> list[str]:
    found = registry.acting_as(OPERATOR).projects
    if project not in {each.normalized_name for each in found.all(repository)}:
        return []
    return [file.filename for file in found.get(repository, project)[1]]
