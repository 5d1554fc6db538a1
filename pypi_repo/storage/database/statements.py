"""Statements of hot paths.

They are built once, because building them takes SQLAlchemy longer than running them.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    ScalarSelect,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from pypi_repo.domain.records import Repository
from pypi_repo.storage.database.lifecycle_tables import staged_files, trashed_files
from pypi_repo.storage.database.prepared import Question, Row
from pypi_repo.storage.database.rows import (
    FILE_COLUMNS,
    PROJECT_COLUMNS,
    REPOSITORY_COLUMNS,
    Located,
    LocatedFile,
    located,
    located_file,
    to_repository,
)
from pypi_repo.storage.database.tables import (
    files,
    journal,
    projects,
    provenances,
    releases,
    repositories,
    retired_filenames,
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
    select(*REPOSITORY_COLUMNS).where(repositories.c.name == bindparam("name")), _repository
)
LOCATE_PROJECT = Question(
    select(*REPOSITORY_COLUMNS, *PROJECT_COLUMNS)
    .outerjoin_from(
        repositories,
        projects,
        and_(
            projects.c.repository_id == repositories.c.id,
            projects.c.normalized_name == bindparam("project"),
        ),
    )
    .where(repositories.c.name == bindparam("repository")),
    _located,
)
_named = projects.alias()
LOCATE_FILE = Question(
    select(
        *REPOSITORY_COLUMNS,
        *PROJECT_COLUMNS,
        *FILE_COLUMNS,
        exists()
        .where(
            _named.c.repository_id == repositories.c.id,
            _named.c.normalized_name == bindparam("project"),
        )
        .label("has_project"),
    )
    .outerjoin_from(
        repositories,
        files,
        and_(
            files.c.repository_id == repositories.c.id,
            files.c.filename == bindparam("filename"),
        ),
    )
    .outerjoin(releases, releases.c.id == files.c.release_id)
    .outerjoin(projects, projects.c.id == releases.c.project_id)
    .where(repositories.c.name == bindparam("repository")),
    _located_file,
)
VERSION_OF_RELEASE: Question[str | None] = Question(
    select(releases.c.version).where(
        releases.c.project_id == bindparam("project_id"),
        releases.c.canonical_version == bindparam("canonical_version"),
    ),
    _value,
)

RELEASES = (
    select(releases.c.version, *FILE_COLUMNS)
    .select_from(releases)
    .join(projects, projects.c.id == releases.c.project_id)
    .outerjoin(files, files.c.release_id == releases.c.id)
    .where(releases.c.project_id == bindparam("project_id"))
    .order_by(
        releases.c.created_at,
        releases.c.canonical_version,
        files.c.uploaded_at,
        files.c.filename,
    )
)
FILES_OF_RELEASE = (
    select(*FILE_COLUMNS)
    .select_from(releases)
    .join(projects, projects.c.id == releases.c.project_id)
    .outerjoin(files, files.c.release_id == releases.c.id)
    .where(
        releases.c.project_id == bindparam("project_id"),
        releases.c.canonical_version == bindparam("canonical_version"),
    )
    .order_by(files.c.uploaded_at, files.c.filename)
)
LISTED_PROJECTS = (
    select(projects.c.name, projects.c.normalized_name, projects.c.serial)
    .where(
        projects.c.repository_id == bindparam("repository_id"),
        projects.c.status != "quarantined",
    )
    .order_by(projects.c.normalized_name)
)

# An upload


def _taken_in(table: Table) -> ColumnElement[int]:
    """Returns the bytes that files of a repository take, but for one that is to be replaced."""
    taken = select(func.sum(table.c.size + table.c.size_beside)).where(
        table.c.repository_id == bindparam("repository_id")
    )
    replaced = taken.where(table.c.filename == bindparam("filename"))
    return func.coalesce(taken.scalar_subquery(), 0) - func.coalesce(replaced.scalar_subquery(), 0)


def _largest_in(table: Table) -> ScalarSelect[int]:
    largest = select(func.max(table.c.size))
    return largest.where(table.c.repository_id == bindparam("repository_id")).scalar_subquery()


SIZE_OF_FILE = select(files.c.size + files.c.size_beside).where(
    files.c.repository_id == bindparam("repository_id"),
    files.c.filename == bindparam("filename"),
)
LARGEST_FILES = select(_largest_in(files), _largest_in(staged_files))
TAKEN = select(_taken_in(files) + _taken_in(staged_files))
_TAKEN_IN_TRASH = select(func.sum(trashed_files.c.size + trashed_files.c.size_beside)).where(
    trashed_files.c.repository_id == bindparam("repository_id")
)
TAKEN_WITH_TRASH = select(
    _taken_in(files) + _taken_in(staged_files) + func.coalesce(_TAKEN_IN_TRASH.scalar_subquery(), 0)
)
RELEASE = select(releases.c.id).where(
    releases.c.project_id == bindparam("project_id"),
    releases.c.canonical_version == bindparam("canonical_version"),
)
LOCK_REPOSITORY = (
    select(*REPOSITORY_COLUMNS).where(repositories.c.name == bindparam("name")).with_for_update()
)
NEXT_SERIAL = Question(
    update(repositories)
    .where(repositories.c.id == bindparam("repository_id"))
    .values(serial=repositories.c.serial + 1)
    .returning(repositories.c.serial),
    _number,
)
PROJECT_PUBLISHED = Question(
    update(projects)
    .where(projects.c.id == bindparam("project_id"))
    .values(name=bindparam("shown_name"), serial=bindparam("new_serial")),
    _nothing,
)
FORGET_PROVENANCE = delete(provenances).where(provenances.c.file_id == bindparam("file"))
ADD_PROJECT = Question(insert(projects).returning(projects.c.id), _number)
ADD_RELEASE = Question(insert(releases).returning(releases.c.id), _number)
ADD_FILE = Question(insert(files).returning(files.c.id), _number)
RECORD = Question(insert(journal).returning(journal.c.id), _number)

# A deletion


def retire(*which: ColumnElement[bool]) -> Insert:
    """Returns a statement that remembers the names of files, as far as they are not known."""
    return insert(retired_filenames).from_select(
        ["repository_id", "filename", "identity"],
        select(files.c.repository_id, files.c.filename, files.c.identity).where(
            *which,
            ~exists().where(
                retired_filenames.c.repository_id == files.c.repository_id,
                retired_filenames.c.filename == files.c.filename,
            ),
        ),
    )
