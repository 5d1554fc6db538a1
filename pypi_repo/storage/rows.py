"""Which columns make up a record, and the record made of them."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.filenames import identity_of
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.storage.tables import files, projects, releases, repositories

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
)

LARGEST_ID = 2**31 - 1


class Located(NamedTuple):
    """A repository and what was looked for in it, from one statement; None where absent."""

    repository: Repository
    project: Project | None


LocatedFile = tuple[Repository, Project | None, DistributionFile | None]
"""A repository, and a file with its project if it is there."""


def lookup(name: str) -> str:
    """`name` as a database can look for it: PostgreSQL takes no NUL, and no name holds any."""
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}")


def to_repository(row: Sequence[Any]) -> Repository:
    """Of a row that begins with REPOSITORY_COLUMNS."""
    return Repository(**dict(zip(_REPOSITORY_FIELDS, row, strict=False)))


def to_project(row: Sequence[Any]) -> Project:
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
    )


def located(row: Sequence[Any]) -> Located:
    """Of a row of LOCATE_PROJECT."""
    found = row[len(REPOSITORY_COLUMNS) :]
    return Located(to_repository(row), None if found[0] is None else to_project(found))


def located_file(row: Sequence[Any]) -> LocatedFile:
    """Of a row of LOCATE_FILE."""
    project, file = row[len(REPOSITORY_COLUMNS) : -len(FILE_COLUMNS)], row[-len(FILE_COLUMNS) :]
    if project[0] is None:
        return to_repository(row), None, None
    return to_repository(row), to_project(project), to_file(file)


def file_values(file: DistributionFile, size_beside: int) -> dict[str, Any]:
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
    }
