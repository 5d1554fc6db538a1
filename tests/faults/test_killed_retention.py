"""kill -9 during a run of retention rules: each release is here or in the trash, and whole (K3)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.lifecycle.expiring import RetentionRun
from pypi_repo.storage.database.lifecycle_tables import trash, trashed_files, trashed_releases
from tests.support.aging import grow_old
from tests.support.crashing import Working, steps_of
from tests.support.distributions import sdist, wheel
from tests.support.installation import Installation
from tests.support.journal import journal_of
from tests.support.uploads import damage, upload

VERSIONS = ("1.0", "2.0", "3.0")
SKIPPED = 4
"""Of so many steps one is tried, and all around the commits."""


def run(registry: Registry) -> RetentionRun:
    return registry.acting_as(OPERATOR).retention.run("main")


def fill(registry: Registry, project: str) -> None:
    """Of three releases, two will go."""
    for version in VERSIONS:
        upload(registry, wheel(project, version))
        upload(registry, sdist(project, version))
    grow_old(registry._database)


def test_before_the_steps_of_a_run(installation: Installation) -> None:
    with installation.registry() as registry:
        retention = registry.acting_as(OPERATOR).retention
        retention.add_rule("main", "*", keep_last=1)
        retention.preview("main", lambda _release: None)
        fill(registry, "whole")
        steps = steps_of(installation, run)
        assert gone(registry, "whole") == ["1.0", "2.0"]
        commits = [number for number, name in enumerate(steps, 1) if name == "commit"]
        assert len(commits) == 2
        around = {commit + near for commit in commits for near in (0, 1)}
        done_by: dict[int, int] = {}
        for number in sorted({*range(1, len(steps) + 1, SKIPPED), *around}):
            project = f"cut-{number}"
            fill(registry, project)
            assert Working(installation, run, die_at=number).wait() == [], steps[number - 1]
            done_by[number] = len(gone(registry, project))
            left = run(registry)
            assert (left.releases, left.is_complete) == (2 - done_by[number], True)
            assert gone(registry, project) == ["1.0", "2.0"]
        for number, done in done_by.items():
            assert done == len([commit for commit in commits if commit < number]), steps[number - 1]
        registry.upkeep.sweep(timedelta(minutes=-1))
        assert damage(registry) == []


def gone(registry: Registry, project: str) -> list[str]:
    """The versions in the trash; each has all its files and an entry in the journal."""
    rows = registry._database.execute(
        select(trashed_releases.c.version, trashed_files.c.sha256)
        .join(trashed_releases, trashed_releases.c.id == trashed_files.c.release_id)
        .join(trash, trash.c.id == trashed_releases.c.trash_id)
        .where(trash.c.project == project)
    ).all()
    found = {version for version, _sha256 in rows}
    expected = {
        (version, dist.sha256)
        for version in found
        for dist in (wheel(project, version), sdist(project, version))
    }
    assert {(version, sha256) for version, sha256 in rows} == expected
    assert len(rows) == len(expected)
    files = registry.acting_as(OPERATOR).projects.get("main", project)[1]
    left = [version for version in VERSIONS if version not in found for _kind in range(2)]
    assert sorted(file.version for file in files) == left
    told = [
        entry.version
        for entry in journal_of(registry, "main")
        if (entry.action, entry.project) == ("expire release", project)
    ]
    assert sorted(told, key=str) == sorted(found)
    return sorted(found)
