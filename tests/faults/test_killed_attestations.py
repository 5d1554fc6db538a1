"""kill -9 while attestations are verified and their file is published (T9): all, or nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

from pypi_repo import OPERATOR, Access, Actor, ActorKind, Grants, Registry
from tests.support.crashing import Working, steps_of
from tests.support.distributions import wheel
from tests.support.installation import Installation, stored_path
from tests.support.sigstore_instance import GITHUB, SigstoreInstance
from tests.support.uploads import damage, filenames, publish

JOB = Actor("release", kind=ActorKind.PUBLISHER, grants=Grants(Access.WRITE), workload=GITHUB)
SKIPPED = 12
"""Of so many steps one is tried, and all around the commit."""
FOLDERS = 5
"""So many steps an upload can save, as the folders are there that another one has made."""


def upload(registry: Registry, project: str, attestation: dict[str, Any]) -> None:
    publish(registry, wheel(project), actor=JOB, attestations=json.dumps([attestation]))


def test_before_the_steps_of_an_upload_that_must_be_attested(installation: Installation) -> None:
    instance = SigstoreInstance()
    with installation.registry() as registry:
        operator = registry.acting_as(OPERATOR)
        operator.trust_roots.replace(json.dumps(instance.trusted_root()))
        operator.repositories.change("main", attestations_required=("*",))

    def working(project: str, die_at: int | None = None) -> list[str]:
        document = instance.attestation(wheel(project), GITHUB)
        work = partial(upload, project=project, attestation=document)
        if die_at is None:
            return steps_of(installation, work)
        return Working(installation, work, die_at=die_at).wait()

    steps = working("whole")
    committed = len(steps) - steps[::-1].index("commit")
    chosen = {*range(1, len(steps), SKIPPED), *range(committed - 1, len(steps) + 1)}
    for number in sorted(chosen):
        assert working(f"cut-{number}", die_at=number) == [], steps[number - 1]
    with installation.registry() as registry:
        there = {project.normalized_name for project in projects(registry)}
        assert "whole" in there
        assert there <= {"whole", *(f"cut-{each}" for each in chosen if each > committed - FOLDERS)}
        assert there >= {f"cut-{each}" for each in chosen if each > committed}
        for project in there:
            _page, (file,) = registry.acting_as(OPERATOR).projects.get("main", project)
            assert file.attested is not None
            assert filenames(registry, project) == [wheel(project).filename]
        assert damage(registry) == []
        registry.upkeep.sweep(timedelta(0))
        stored = installation.stored.digests()
        for number in chosen:
            project = f"cut-{number}"
            assert (stored_path(wheel(project)) in stored) == (project in there)


def projects(registry: Registry) -> list[Any]:
    return list(registry.acting_as(OPERATOR).projects.all("main"))
