"""What decides whether a file may be published, read by one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    String,
    and_,
    bindparam,
    exists,
    func,
    select,
)

from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.storage.database.lifecycle_tables import staged_files, stages
from pypi_repo.storage.database.prepared import Question, Row
from pypi_repo.storage.database.rows import (
    FILE_COLUMNS,
    PROJECT_COLUMNS,
    REPOSITORY_COLUMNS,
    to_file,
    to_project,
    to_repository,
)
from pypi_repo.storage.database.tables import (
    files,
    projects,
    releases,
    repositories,
    retired_filenames,
)


class FoundRelease(NamedTuple):
    """A release that exists.

    has_sdist: whether it has an sdist, which is only known if the file is an sdist.
    """

    id: int
    created_at: datetime
    summary: str | None
    has_sdist: bool


class ReservedName(NamedTuple):
    """A name that a file of an open stage has.

    stage: the id of the stage.
    opened_by: the name of the actor that has opened the stage.
    """

    filename: str
    stage: str
    opened_by: str


class Destination(NamedTuple):
    """What exists where a file is to be published; None for what does not exist.

    file: the file with this name, or else with another spelling of the same wheel's name.
    reserved: the name of this file, or of the same wheel, in a stage.
    retired: the name under which this file, or the same wheel, was deleted.
    copy: the name under which the repository has the same content.
    """

    repository: Repository
    project: Project | None
    release: FoundRelease | None
    file: DistributionFile | None
    reserved: ReservedName | None
    retired: str | None
    copy: str | None


_same = files.alias("same")
_its_project = projects.alias("its_project")
_its_release = releases.alias("its_release")
_content = files.alias("content")
_sdist = files.alias("sdist")

_FOUND_RELEASE = (
    releases.c.id,
    releases.c.created_at,
    releases.c.summary,
    exists()
    .where(
        bindparam("kind", type_=String) == "sdist",
        _sdist.c.release_id == releases.c.id,
        _sdist.c.kind == "sdist",
    )
    .correlate(releases),
)
_ITS_OWN: Mapping[Any, Any] = {
    projects.c.normalized_name: _its_project.c.normalized_name,
    releases.c.version: _its_release.c.version,
}
_FOUND_FILE = tuple(_ITS_OWN.get(column, column) for column in FILE_COLUMNS)
# Each asks by one column, so that an index finds it. Given a choice of columns or an order,
# SQLite reads all files of a repository as long as it has no statistics.
_BY_NAME = (
    select(_same.c.id)
    .where(_same.c.repository_id == repositories.c.id, _same.c.filename == bindparam("filename"))
    .correlate(repositories)
    .scalar_subquery()
)
# Spellings of one wheel may be here since before that was refused.
_BY_IDENTITY = (
    select(func.min(_same.c.id))
    .where(_same.c.repository_id == repositories.c.id, _same.c.identity == bindparam("identity"))
    .correlate(repositories)
    .scalar_subquery()
)
_SAME_FILE = func.coalesce(_BY_NAME, _BY_IDENTITY)
_reserved = staged_files.alias("reserved")
_of_the_name = staged_files.alias("of_the_name")
_RESERVED = (_reserved.c.filename, stages.c.id, stages.c.opened_by)


def _reserved_under(column: ColumnElement[str], name: str) -> ScalarSelect[int]:
    return (
        select(func.min(_of_the_name.c.id))
        .join(stages, stages.c.id == _of_the_name.c.stage_id)
        .where(
            _of_the_name.c.repository_id == repositories.c.id,
            column == bindparam(name),
            stages.c.expires_at > bindparam("now", type_=stages.c.expires_at.type),
        )
        .correlate(repositories)
        .scalar_subquery()
    )


_RESERVING_FILE = func.coalesce(
    _reserved_under(_of_the_name.c.filename, "filename"),
    _reserved_under(_of_the_name.c.identity, "identity"),
)


def _retired_under(column: ColumnElement[str], name: str) -> ScalarSelect[str]:
    return (
        select(retired_filenames.c.filename)
        .where(retired_filenames.c.repository_id == repositories.c.id, column == bindparam(name))
        .limit(1)
        .correlate(repositories)
        .scalar_subquery()
    )


_RETIRED = func.coalesce(
    _retired_under(retired_filenames.c.filename, "filename"),
    _retired_under(retired_filenames.c.identity, "identity"),
)
_COPY = (
    select(_content.c.filename)
    .where(
        _content.c.repository_id + 0 == repositories.c.id,  # found by its digest, see above
        _content.c.sha256 == bindparam("sha256"),
    )
    .limit(1)
    .correlate(repositories)
    .scalar_subquery()
)
_STATEMENT = (
    select(
        *REPOSITORY_COLUMNS,
        *PROJECT_COLUMNS,
        *_FOUND_RELEASE,
        *_FOUND_FILE,
        *_RESERVED,
        _RETIRED,
        _COPY,
    )
    .outerjoin_from(
        repositories,
        projects,
        and_(
            projects.c.repository_id == repositories.c.id,
            projects.c.normalized_name == bindparam("project"),
        ),
    )
    .outerjoin(
        releases,
        and_(
            releases.c.project_id == projects.c.id,
            releases.c.canonical_version == bindparam("canonical_version"),
        ),
    )
    .outerjoin(files, files.c.id == _SAME_FILE)
    .outerjoin(_its_release, _its_release.c.id == files.c.release_id)
    .outerjoin(_its_project, _its_project.c.id == _its_release.c.project_id)
    .outerjoin(_reserved, _reserved.c.id == _RESERVING_FILE)
    .outerjoin(stages, stages.c.id == _reserved.c.stage_id)
    .where(repositories.c.name == bindparam("repository"))
)


_LENGTHS = tuple(
    map(len, (REPOSITORY_COLUMNS, PROJECT_COLUMNS, _FOUND_RELEASE, _FOUND_FILE, _RESERVED))
)
_PARTS = tuple(map(slice, accumulate(_LENGTHS, initial=0), accumulate(_LENGTHS)))


def _destination(rows: Sequence[Row]) -> Destination | None:
    if not rows:
        return None
    repository, project, release, file, reserved = (rows[0][part] for part in _PARTS)
    retired, copy = rows[0][-2:]
    return Destination(
        to_repository(repository),
        None if project[0] is None else to_project(project),
        None if release[0] is None else FoundRelease(*release),
        None if file[0] is None else to_file(file),
        None if reserved[0] is None else ReservedName(*reserved),
        retired,
        copy,
    )


DESTINATION = Question(_STATEMENT, _destination)
"""None where there is no such repository."""
