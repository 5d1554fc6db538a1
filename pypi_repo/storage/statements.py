"""What each request asks, built once: building costs SQLAlchemy more than running it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, exists, func, insert, select, update

from pypi_repo.domain.records import Repository
from pypi_repo.storage.prepared import Question, Row
from pypi_repo.storage.rows import (
    FILE_COLUMNS,
    PROJECT_COLUMNS,
    REPOSITORY_COLUMNS,
    Located,
    LocatedFile,
    located,
    located_file,
    to_repository,
)
from pypi_repo.storage.tables import (
    FileRow,
    JournalRow,
    ProjectRow,
    ProvenanceRow,
    ReleaseRow,
    RepositoryRow,
    RetiredFilenameRow,
)


def _number(rows: Sequence[Row]) -> int:
    return int(rows[0][0])


def _nothing(_rows: Sequence[Row]) -> None:
    pass


def _repository(rows: Sequence[Row]) -> Repository | None:
    return to_repository(rows[0]) if rows else None


def _located(rows: Sequence[Row]) -> Located | None:
    return located(rows[0]) if rows else None


def _located_file(rows: Sequence[Row]) -> LocatedFile | None:
    return located_file(rows[0]) if rows else None


def _value(rows: Sequence[Row]) -> Any:
    return rows[0][0] if rows else None


REPOSITORY = Question(
    select(*REPOSITORY_COLUMNS).where(RepositoryRow.name == bindparam("name")), _repository
)
LOCATE_PROJECT = Question(
    select(*REPOSITORY_COLUMNS, *PROJECT_COLUMNS)
    .outerjoin_from(
        RepositoryRow,
        ProjectRow,
        and_(
            ProjectRow.repository_id == RepositoryRow.id,
            ProjectRow.normalized_name == bindparam("project"),
        ),
    )
    .where(RepositoryRow.name == bindparam("repository")),
    _located,
)
LOCATE_FILE = Question(
    select(*REPOSITORY_COLUMNS, *PROJECT_COLUMNS, *FILE_COLUMNS)
    .outerjoin_from(
        RepositoryRow,
        FileRow,
        and_(
            FileRow.repository_id == RepositoryRow.id,
            FileRow.filename == bindparam("filename"),
        ),
    )
    .outerjoin(ReleaseRow, ReleaseRow.id == FileRow.release_id)
    .outerjoin(ProjectRow, ProjectRow.id == ReleaseRow.project_id)
    .where(RepositoryRow.name == bindparam("repository")),
    _located_file,
)
VERSION_OF_RELEASE: Question[str | None] = Question(
    select(ReleaseRow.version).where(
        ReleaseRow.project_id == bindparam("project_id"),
        ReleaseRow.canonical_version == bindparam("canonical_version"),
    ),
    _value,
)

RELEASES = (
    select(ReleaseRow.version, *FILE_COLUMNS)
    .select_from(ReleaseRow)
    .join(ProjectRow, ProjectRow.id == ReleaseRow.project_id)
    .outerjoin(FileRow, FileRow.release_id == ReleaseRow.id)
    .where(ReleaseRow.project_id == bindparam("project_id"))
    .order_by(ReleaseRow.id, FileRow.id)
)
LISTED_PROJECTS = (
    select(ProjectRow.name, ProjectRow.normalized_name, ProjectRow.serial)
    .where(
        ProjectRow.repository_id == bindparam("repository_id"),
        ProjectRow.status != "quarantined",
    )
    .order_by(ProjectRow.normalized_name)
)

# An upload

RETIRE = insert(RetiredFilenameRow).from_select(
    ["repository_id", "filename", "identity"],
    select(FileRow.repository_id, FileRow.filename, FileRow.identity).where(
        FileRow.repository_id == bindparam("repository"),
        FileRow.filename == bindparam("name"),
        ~exists().where(
            RetiredFilenameRow.repository_id == FileRow.repository_id,
            RetiredFilenameRow.filename == FileRow.filename,
        ),
    ),
)
_TAKES = FileRow.size + FileRow.size_beside
TAKEN = select(
    func.sum(_TAKES)
    - func.coalesce(
        select(_TAKES)
        .where(
            FileRow.repository_id == bindparam("repository_id"),
            FileRow.filename == bindparam("filename"),
        )
        .scalar_subquery(),
        0,
    )
).where(FileRow.repository_id == bindparam("repository_id"))
RELEASE = select(ReleaseRow.id).where(
    ReleaseRow.project_id == bindparam("project_id"),
    ReleaseRow.canonical_version == bindparam("canonical_version"),
)
LOCK_REPOSITORY = (
    select(*REPOSITORY_COLUMNS).where(RepositoryRow.name == bindparam("name")).with_for_update()
)
NEXT_SERIAL = Question(
    update(RepositoryRow)
    .where(RepositoryRow.id == bindparam("repository_id"))
    .values(serial=RepositoryRow.serial + 1)
    .returning(RepositoryRow.serial),
    _number,
)
PROJECT_PUBLISHED = Question(
    update(ProjectRow)
    .where(ProjectRow.id == bindparam("project_id"))
    .values(name=bindparam("shown_name"), serial=bindparam("new_serial")),
    _nothing,
)
FORGET_PROVENANCE = delete(ProvenanceRow).where(ProvenanceRow.file_id == bindparam("file"))
ADD_PROJECT = Question(insert(ProjectRow).returning(ProjectRow.id), _number)
ADD_RELEASE = Question(insert(ReleaseRow).returning(ReleaseRow.id), _number)
ADD_FILE = Question(insert(FileRow).returning(FileRow.id), _number)
RECORD = Question(insert(JournalRow).inline(), _nothing)
