"""Statements about stages and their files."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from pypi_repo.domain.filenames import identity_of
from pypi_repo.domain.lifecycle.stages import FileOfStage, Stage
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.lifecycle_tables import staged_files, stages
from pypi_repo.storage.database.rows import FILE_COLUMNS, file_values, job_text, lookup, to_file
from pypi_repo.storage.database.tables import repositories

_OF_THE_STAGE: Mapping[str, ColumnElement[Any]] = {
    "normalized_name": staged_files.c.project,
    "workload": job_text(staged_files.c.workload),
    "attested": job_text(staged_files.c.attested),
}
_FILE_COLUMNS = tuple(
    _OF_THE_STAGE[column.name] if column.name in _OF_THE_STAGE else staged_files.c[column.name]
    for column in FILE_COLUMNS
)
_OF_STAGES = {
    "repository": repositories.c.name,
    "files": func.count(staged_files.c.id),
    "size": func.coalesce(func.sum(staged_files.c.size + staged_files.c.size_beside), 0),
}
_FIELDS = tuple(field.name for field in fields(Stage))
_STAGES = (
    select(*(_OF_STAGES[name] if name in _OF_STAGES else stages.c[name] for name in _FIELDS))
    .join_from(stages, repositories, repositories.c.id == stages.c.repository_id)
    .outerjoin(staged_files, staged_files.c.stage_id == stages.c.id)
    .group_by(*stages.c, repositories.c.name)
    .order_by(stages.c.created_at, stages.c.id)
)


class StageRows:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def add(self, repository: Repository, stage: Stage) -> None:
        """Adds a stage without files."""
        self._executor.execute(
            insert(stages).values(
                id=stage.id,
                repository_id=repository.id,
                description=stage.description,
                opened_by=stage.opened_by,
                opened_by_kind=stage.opened_by_kind,
                created_at=stage.created_at,
                expires_at=stage.expires_at,
            )
        )

    def find(self, repository: str, id_: str, now: datetime) -> Stage | None:
        """Returns an open stage of a repository, or None."""
        found = self._found(
            repositories.c.name == lookup(repository),
            stages.c.id == lookup(id_),
            stages.c.expires_at > now,
        )
        return found[0] if found else None

    def open_in(self, repository: str, now: datetime) -> list[Stage]:
        """Returns the open stages of a repository, the oldest first."""
        return self._found(repositories.c.name == lookup(repository), stages.c.expires_at > now)

    def expired(self, now: datetime, repository: str | None = None) -> list[Stage]:
        """Returns the stages that nobody can use any more, of one repository or of all."""
        wanted = [stages.c.expires_at <= now]
        if repository is not None:
            wanted.append(repositories.c.name == lookup(repository))
        return self._found(*wanted)

    def delete(self, id_: str) -> bool:
        """Deletes a stage with its files, and returns whether it was there."""
        deleted = delete(stages).where(stages.c.id == id_).returning(stages.c.id)
        return self._executor.execute(deleted).one_or_none() is not None

    def files(self, id_: str, project: NormalizedName | None = None) -> list[FileOfStage]:
        """Returns the files of a stage, or those of one project, in the order of upload."""
        wanted = [staged_files.c.stage_id == lookup(id_)]
        if project is not None:
            wanted.append(staged_files.c.project == project)
        return self._files(*wanted)

    def projects(self, id_: str) -> list[NormalizedName]:
        """Returns the projects of which a stage has files."""
        found = select(staged_files.c.project).where(staged_files.c.stage_id == lookup(id_))
        return list(self._executor.execute(found.distinct()).scalars())

    def file_like(self, id_: str, filename: str) -> FileOfStage | None:
        """Returns the file of a stage with a name, or another spelling of this wheel's name."""
        found = self._files(
            staged_files.c.stage_id == lookup(id_),
            or_(
                staged_files.c.filename == lookup(filename),
                staged_files.c.identity == lookup(identity_of(filename)),
            ),
        )
        return found[0] if found else None

    def add_file(self, repository: Repository, id_: str, new: FileOfStage) -> None:
        """Adds a file to a stage.

        The row of the repository is written too, without a new serial, because nothing on its index
        has changed. Transactions that saw it before, and cannot see the file, are then made again.
        """
        its_row = repositories.c.id == repository.id
        self._executor.execute(
            update(repositories).where(its_row).values(serial=repositories.c.serial)
        )
        self._executor.execute(
            insert(staged_files).values(
                repository_id=repository.id,
                stage_id=id_,
                project=new.file.project,
                display_name=new.display_name,
                version=new.file.version,
                summary=new.summary,
                provenance=new.provenance,
                profile=new.profile,
                **file_values(new.file, new.size_beside),
            )
        )

    def delete_file(self, id_: str, filename: str) -> None:
        """Deletes a file of a stage."""
        self._executor.execute(
            delete(staged_files).where(
                staged_files.c.stage_id == id_, staged_files.c.filename == filename
            )
        )

    def _found(self, *wanted: ColumnElement[bool]) -> list[Stage]:
        rows = self._executor.execute(_STAGES.where(*wanted))
        # PostgreSQL's sums of sizes are decimal numbers.
        return [
            replace(found, size=int(found.size))
            for found in (Stage(**dict(zip(_FIELDS, row, strict=True))) for row in rows)
        ]

    def _files(self, *wanted: ColumnElement[bool]) -> list[FileOfStage]:
        names = ("display_name", "summary", "size_beside", "provenance", "profile")
        columns = [staged_files.c[name] for name in names]
        rows: Sequence[Any] = self._executor.execute(
            select(*_FILE_COLUMNS, *columns).where(*wanted).order_by(staged_files.c.id)
        ).all()
        return [
            FileOfStage(
                file=to_file(row[: len(_FILE_COLUMNS)]),
                **dict(zip(names, row[len(_FILE_COLUMNS) :], strict=True)),
            )
            for row in rows
        ]
