"""CI jobs that have proved who they are."""

from sqlalchemy import update

from pypi_repo import Access, Actor, ActorKind, Grants, Registry
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.storage.database.lifecycle_tables import staged_files
from pypi_repo.storage.database.tables import files

WORKLOAD = CIJob(
    kind="github",
    issuer="https://token.actions.githubusercontent.com",
    subject="repo:acme/demo:ref:refs/tags/v1.0",
    repository="https://github.com/acme/demo",
    workflow="https://github.com/acme/demo/blob/main/.github/workflows/release.yml",
    ref="refs/tags/v1.0",
    run_url="https://github.com/acme/demo/actions/runs/1658821493",
    owner_id="65",
)
JOB = Actor("acme-demo", kind=ActorKind.PUBLISHER, grants=Grants(Access.WRITE), workload=WORKLOAD)
"""May read and write every repository."""


def mark_attested(registry: Registry) -> None:
    """Lets all files, also those of stages, have attestations that verify."""
    with registry._database.begin() as connection:
        for table in (files, staged_files):
            connection.execute(update(table).values(attested=WORKLOAD.as_texts()))
