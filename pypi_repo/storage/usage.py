"""Statements about what is used: downloads, last use of accounts, stored sizes."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Date, bindparam, cast, desc, func, select, update

from pypi_repo.domain.records import Repository
from pypi_repo.domain.usage import DownloadCount, RepositoryUsage, TopProject, UploadedFile
from pypi_repo.storage.executor import Executor
from pypi_repo.storage.tables import (
    DownloadsRow,
    FileRow,
    ProjectRow,
    ReleaseRow,
    RepositoryRow,
    TokenRow,
    UserRow,
)


class Usage:
    """Runs in a transaction that a service opened and commits, or reads without one."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    # Counting

    def add_downloads(self, counts: Iterable[DownloadCount]) -> None:
        """Adds to what is there; counts for repositories that are gone are dropped."""
        present = set(self._executor.execute(select(RepositoryRow.id)).scalars())
        rows = [
            {
                "repository_id": counted.repository_id,
                "day": counted.day,
                "project": counted.project,
                "version": counted.version,
                "count": counted.count,
            }
            for counted in counts
            if counted.repository_id in present
        ]
        if rows:
            self._executor.execute(self._upsert(), rows)

    def note_use_of_users(self, moments: Mapping[int, datetime]) -> None:
        """By id; an earlier moment than the one known changes nothing."""
        self._note_use(UserRow, moments)

    def note_use_of_tokens(self, moments: Mapping[int, datetime]) -> None:
        self._note_use(TokenRow, moments)

    def _note_use(self, table: Any, moments: Mapping[int, datetime]) -> None:
        if moments:
            self._executor.execute(
                update(table)
                .where(
                    table.id == bindparam("which"),
                    (table.last_used_at.is_(None)) | (table.last_used_at < bindparam("moment")),
                )
                .values(last_used_at=bindparam("moment"))
                .execution_options(synchronize_session=False),
                [{"which": id_, "moment": moment} for id_, moment in moments.items()],
            )

    def _upsert(self) -> Any:
        insert: Any
        if self._executor.dialect.name == "sqlite":
            from sqlalchemy.dialects.sqlite import insert
        else:
            from sqlalchemy.dialects.postgresql import insert
        statement = insert(DownloadsRow)
        return statement.on_conflict_do_update(
            index_elements=["repository_id", "day", "project", "version"],
            set_={"count": DownloadsRow.count + statement.excluded.count},
        )

    # Looking back

    def repositories(self) -> dict[int, RepositoryUsage]:
        """By id: what each repository holds; those without files are missing."""
        counted = self._executor.execute(
            select(ProjectRow.repository_id, func.count()).group_by(ProjectRow.repository_id)
        )
        projects: dict[int, int] = {id_: count for id_, count in counted}  # noqa: C416
        files = self._executor.execute(
            select(
                FileRow.repository_id,
                func.count(),
                func.sum(FileRow.size),
                func.max(FileRow.uploaded_at, type_=FileRow.uploaded_at.type),
            ).group_by(FileRow.repository_id)
        )
        found = {
            id_: RepositoryUsage(projects.get(id_, 0), count, int(size), last_upload)
            for id_, count, size, last_upload in files
        }
        empty = {
            id_: RepositoryUsage(count, 0, 0, None)
            for id_, count in projects.items()
            if id_ not in found
        }
        return found | empty

    def downloads_by_day(
        self, since: date, repository: Repository | None, project: str | None = None
    ) -> dict[date, int]:
        """How many downloads each day had, without the days that had none."""
        of_project = [] if project is None else [DownloadsRow.project == project]
        statement = (
            select(DownloadsRow.day, func.sum(DownloadsRow.count))
            .where(
                DownloadsRow.day >= since,
                *_of(DownloadsRow.repository_id, repository),
                *of_project,
            )
            .group_by(DownloadsRow.day)
        )
        return {day: int(count) for day, count in self._executor.execute(statement)}

    def stored_size(self, repository: Repository | None) -> int:
        """Bytes of all files of a repository, or of all repositories."""
        statement = select(func.sum(FileRow.size)).where(*_of(FileRow.repository_id, repository))
        return int(self._executor.execute(statement).scalar_one() or 0)

    def uploads_by_day(
        self, since: datetime, repository: Repository | None
    ) -> dict[date, tuple[int, int]]:
        """How many of the files that are stored came on each day, and their bytes."""
        day = self._day(FileRow.uploaded_at)
        statement = (
            select(day, func.count(), func.sum(FileRow.size))
            .where(FileRow.uploaded_at >= since, *_of(FileRow.repository_id, repository))
            .group_by(day)
        )
        return {
            date.fromisoformat(str(when)): (count, int(size))
            for when, count, size in self._executor.execute(statement)
        }

    def top_projects(
        self, since: date, limit: int, repository: Repository | None
    ) -> list[TopProject]:
        """The most downloaded first."""
        total = func.sum(DownloadsRow.count)
        rows = self._executor.execute(
            select(RepositoryRow.name, DownloadsRow.project, total)
            .join(RepositoryRow, RepositoryRow.id == DownloadsRow.repository_id)
            .where(DownloadsRow.day >= since, *_of(DownloadsRow.repository_id, repository))
            .group_by(RepositoryRow.name, DownloadsRow.project)
            .order_by(desc(total), DownloadsRow.project)
            .limit(limit)
        )
        return [TopProject(name, project, int(count)) for name, project, count in rows]

    def newest_uploads(self, limit: int, repository: Repository | None) -> list[UploadedFile]:
        rows = self._executor.execute(
            select(
                RepositoryRow.name,
                ProjectRow.normalized_name,
                ReleaseRow.version,
                FileRow.filename,
                FileRow.size,
                FileRow.uploaded_at,
                FileRow.uploaded_by,
            )
            .join_from(FileRow, ReleaseRow, ReleaseRow.id == FileRow.release_id)
            .join(ProjectRow, ProjectRow.id == ReleaseRow.project_id)
            .join(RepositoryRow, RepositoryRow.id == FileRow.repository_id)
            .where(*_of(FileRow.repository_id, repository))
            .order_by(FileRow.uploaded_at.desc(), FileRow.id.desc())
            .limit(limit)
        )
        return [UploadedFile(*row) for row in rows]

    def downloads_of_versions(
        self, repository: Repository, project: str, since: date
    ) -> dict[str, int]:
        """By version, without those that nobody downloaded."""
        rows = self._executor.execute(
            select(DownloadsRow.version, func.sum(DownloadsRow.count))
            .where(
                DownloadsRow.repository_id == repository.id,
                DownloadsRow.project == project,
                DownloadsRow.day >= since,
            )
            .group_by(DownloadsRow.version)
        )
        return {version: int(count) for version, count in rows}

    def _day(self, moment: Any) -> ColumnElement[Any]:
        """In UTC. SQLite keeps no zones and has no dates, so it is the text of one there."""
        if self._executor.dialect.name == "sqlite":
            return func.date(moment)
        return cast(func.timezone("UTC", moment), Date)


def _of(column: Any, repository: Repository | None) -> list[ColumnElement[bool]]:
    return [] if repository is None else [column == repository.id]
