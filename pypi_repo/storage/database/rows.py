"""The columns of records, and functions that make records from rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, cast

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.filenames import identity_of
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.domain.repository_settings import PATTERN_SETTINGS
from pypi_repo.storage.database.tables import files, projects, releases, repositories

_JOBS_KEPT = 1024


def job_text(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Returns the JSON of a CI job as text, from which `to_job` makes the job.

    An index page may have thousands of files, and many of them are from one job: decoding JSON for
    each row took longer than all the rest of the page.
    """
    return cast(column, String).label(column.key)


@lru_cache(_JOBS_KEPT)
def to_job(text: str) -> CIJob:
    """Returns the CI job in a text."""
    return CIJob.of_texts(json.loads(text))


_REPOSITORY_FIELDS = tuple(field.name for field in fields(Repository))
REPOSITORY_COLUMNS = tuple(repositories.c[name] for name in _REPOSITORY_FIELDS)
PROJECT_COLUMNS = (
    projects.c.id,
    projects.c.name,
    projects.c.normalized_name,
    projects.c.status,
    projects.c.status_reason,
    projects.c.serial,
)
FILE_COLUMNS = (
    files.c.filename,
    projects.c.normalized_name,
    releases.c.version,
    files.c.kind,
    files.c.python_tag,
    files.c.size,
    files.c.sha256,
    files.c.blake2_256,
    files.c.md5,
    files.c.requires_python,
    files.c.metadata_sha256,
    files.c.signature_sha256,
    files.c.has_provenance,
    files.c.yanked,
    files.c.uploaded_at,
    files.c.uploaded_by,
    files.c.uploaded_by_user,
    files.c.exemption,
    job_text(files.c.workload),
    job_text(files.c.attested),
)

LARGEST_ID = 2**31 - 1


class Located(NamedTuple):
    """A repository and what was looked up in it; None for what does not exist."""

    repository: Repository
    project: Project | None


class LocatedFile(NamedTuple):
    """A repository, and a file with its project if it is there.

    has_project: whether the repository has the project to which a file of this name belongs, also
        if it does not have the file.
    """

    repository: Repository
    project: Project | None
    file: DistributionFile | None
    has_project: bool


def lookup(name: str) -> str:
    """Returns a name for a query without NUL, which PostgreSQL refuses and no name contains."""
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}")


def to_repository(row: Sequence[Any]) -> Repository:
    """Returns the repository in a row that begins with REPOSITORY_COLUMNS."""
    values = dict(zip(_REPOSITORY_FIELDS, row, strict=False))
    for name in PATTERN_SETTINGS:
        values[name] = tuple(values[name].split())
    return Repository(**values)


def setting_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of the columns for settings of a repository."""
    return {
        name: " ".join(value) if name in PATTERN_SETTINGS else value
        for name, value in settings.items()
    }


def to_project(row: Sequence[Any]) -> Project:
    """Returns the project in a row."""
    id_, name, normalized_name, status, status_reason, serial = row
    return Project(
        id=id_,
        name=name,
        normalized_name=normalized_name,
        status=status,
        status_reason=status_reason,
        serial=serial,
    )


def to_file(row: Sequence[Any]) -> DistributionFile:
    """Returns the file in a row."""
    (
        filename,
        project,
        version,
        kind,
        python_tag,
        size,
        sha256,
        blake2_256,
        md5,
        requires_python,
        metadata_sha256,
        signature_sha256,
        has_provenance,
        yanked,
        uploaded_at,
        uploaded_by,
        uploaded_by_user,
        exemption,
        workload,
        attested,
    ) = row
    return DistributionFile(
        filename=filename,
        project=project,
        version=version,
        kind=kind,
        python_tag=python_tag,
        size=size,
        digests=Digests(sha256, blake2_256, md5),
        requires_python=requires_python,
        metadata_sha256=metadata_sha256,
        signature_sha256=signature_sha256,
        has_provenance=has_provenance,
        yanked=yanked,
        uploaded_at=uploaded_at,
        uploaded_by=uploaded_by,
        uploaded_by_user=uploaded_by_user,
        exemption=exemption,
        workload=workload and to_job(workload),
        attested=attested and to_job(attested),
    )


def located(row: Sequence[Any]) -> Located:
    """Returns what a row of LOCATE_PROJECT contains."""
    found = row[len(REPOSITORY_COLUMNS) :]
    return Located(to_repository(row), None if found[0] is None else to_project(found))


def located_file(row: Sequence[Any]) -> LocatedFile:
    """Returns what a row of LOCATE_FILE contains."""
    *others, has_project = row
    project = others[len(REPOSITORY_COLUMNS) : -len(FILE_COLUMNS)]
    if project[0] is None:
        return LocatedFile(to_repository(row), None, None, bool(has_project))
    file = to_file(others[-len(FILE_COLUMNS) :])
    return LocatedFile(to_repository(row), to_project(project), file, bool(has_project))


def file_values(file: DistributionFile, size_beside: int) -> dict[str, Any]:
    """Returns the values of the columns for a file."""
    return {
        "filename": file.filename,
        "identity": identity_of(file.filename),
        "kind": file.kind,
        "python_tag": file.python_tag,
        "size": file.size,
        "size_beside": size_beside,
        "sha256": file.digests.sha256,
        "blake2_256": file.digests.blake2_256,
        "md5": file.digests.md5,
        "requires_python": file.requires_python,
        "metadata_sha256": file.metadata_sha256,
        "signature_sha256": file.signature_sha256,
        "has_provenance": file.has_provenance,
        "yanked": file.yanked,
        "uploaded_at": file.uploaded_at,
        "uploaded_by": file.uploaded_by,
        "uploaded_by_user": file.uploaded_by_user,
        "exemption": file.exemption,
        "workload": file.workload and file.workload.as_texts(),
        "attested": file.attested and file.attested.as_texts(),
    }
