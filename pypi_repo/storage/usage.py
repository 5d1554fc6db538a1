"""Statements about downloads, the last use of accounts, and stored sizes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, desc, func, not_, or_, select, update

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.domain.usage import DownloadCount, RepositoryUsage, TopProject, UploadedFile
from pypi_repo.storage.database.engines.both import day_of, insert_into
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.lifecycle_tables import (
    staged_files,
    trash,
    trashed_files,
    trashed_releases,
)
from pypi_repo.storage.database.tables import (
    downloads,
    files,
    projects,
    releases,
    repositories,
    tokens,
    users,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is counted.

    repositories: the repositories.
    hidden: the normalized names of the projects that are not counted, by the id of the repository.
    """

    repositories: Sequence[Repository]
    hidden: Mapping[int, Collection[NormalizedName]] = field(default_factory=dict)

    def of_projects(self, repository: Any, project: Any) -> list[ColumnElement[bool]]:
        """Returns conditions on the columns of the repository's id and the project's name."""
        return [
            repository.in_([found.id for found in self.repositories]),
            *(
                not_(and_(repository == id_, project.in_(names)))
                for id_, names in self.hidden.items()
            ),
        ]

    def of_files(self) -> list[ColumnElement[bool]]:
        """Returns conditions on the table of files."""
        hidden = [
            and_(projects.c.repository_id == id_, projects.c.normalized_name.in_(names))
            for id_, names in self.hidden.items()
        ]
        in_scope: list[ColumnElement[bool]] = [
            files.c.repository_id.in_([found.id for found in self.repositories])
        ]
        if not hidden:
            return in_scope
        of_hidden = select(releases.c.id).join(projects).where(or_(*hidden))
        return [*in_scope, files.c.release_id.not_in(of_hidden)]


class Usage:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    # Counting

    def add_downloads(self, counts: Iterable[DownloadCount]) -> None:
        """Adds to the counts of downloads, except for repositories that were deleted."""
        present = set(self._executor.execute(select(repositories.c.id)).scalars())
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
        """Sets the last use of users by id, unless a later time is known."""
        self._note_use(users, moments)

    def note_use_of_tokens(self, moments: Mapping[int, datetime]) -> None:
        """Sets the last use of tokens by id, unless a later time is known."""
        self._note_use(tokens, moments)

    def _note_use(self, table: Table, moments: Mapping[int, datetime]) -> None:
        if moments:
            self._executor.execute(
                update(table)
                .where(
                    table.c.id == bindparam("which"),
                    table.c.last_used_at.is_(None) | (table.c.last_used_at < bindparam("moment")),
                )
                .values(last_used_at=bindparam("moment")),
                [{"which": id_, "moment": moment} for id_, moment in moments.items()],
            )

    def _upsert(self) -> Any:
        statement = insert_into(self._executor.dialect, downloads)
        return statement.on_conflict_do_update(
            index_elements=["repository_id", "day", "project", "version"],
            set_={"count": downloads.c.count + statement.excluded.count},
        )

    # Looking back

    def repositories(self, scope: Scope) -> dict[int, RepositoryUsage]:
        """Returns what each repository contains, by id. Empty repositories are missing."""
        counted = self._executor.execute(
            select(projects.c.repository_id, func.count())
            .where(*scope.of_projects(projects.c.repository_id, projects.c.normalized_name))
            .group_by(projects.c.repository_id)
        )
        found = {id_: RepositoryUsage(number, 0, 0, None) for id_, number in counted}
        summed = self._executor.execute(
            select(
                files.c.repository_id,
                func.count(),
                func.sum(files.c.size),
                func.max(files.c.uploaded_at, type_=files.c.uploaded_at.type),
            )
            .where(*scope.of_files())
            .group_by(files.c.repository_id)
        )
        for id_, number, size, last_upload in summed:
            of_projects = found.get(id_, RepositoryUsage()).projects
            found[id_] = RepositoryUsage(of_projects, number, int(size), last_upload)
        in_trash = self._executor.execute(
            select(trash.c.repository_id, func.sum(trashed_files.c.size))
            .join_from(trash, trashed_releases, trashed_releases.c.trash_id == trash.c.id)
            .join(trashed_files, trashed_files.c.release_id == trashed_releases.c.id)
            .where(*scope.of_projects(trash.c.repository_id, trash.c.project))
            .group_by(trash.c.repository_id)
        )
        for id_, size in in_trash:
            found[id_] = replace(found.get(id_, RepositoryUsage()), size_of_trash=int(size))
        in_stages = self._executor.execute(
            select(staged_files.c.repository_id, func.sum(staged_files.c.size))
            .where(*scope.of_projects(staged_files.c.repository_id, staged_files.c.project))
            .group_by(staged_files.c.repository_id)
        )
        for id_, size in in_stages:
            found[id_] = replace(found.get(id_, RepositoryUsage()), size_of_stages=int(size))
        return found

    def downloads_by_day(
        self, since: date, scope: Scope, project: str | None = None
    ) -> dict[date, int]:
        """Returns the number of downloads by day, without days that had none."""
        of_project = [] if project is None else [downloads.c.project == project]
        statement = (
            select(downloads.c.day, func.sum(downloads.c.count))
            .where(
                downloads.c.day >= since,
                *scope.of_projects(downloads.c.repository_id, downloads.c.project),
                *of_project,
            )
            .group_by(downloads.c.day)
        )
        return {day: int(count) for day, count in self._executor.execute(statement)}

    def downloaded_projects(self, repository: Repository) -> list[NormalizedName]:
        """Returns the projects of which downloads were counted, whether they still exist or not."""
        statement = select(downloads.c.project).where(downloads.c.repository_id == repository.id)
        return list(self._executor.execute(statement.distinct()).scalars())

    def stored_size(self, scope: Scope) -> int:
        """Returns the size of all files in bytes."""
        statement = select(func.sum(files.c.size)).where(*scope.of_files())
        return int(self._executor.execute(statement).scalar_one() or 0)

    def uploads_by_day(self, since: datetime, scope: Scope) -> dict[date, tuple[int, int]]:
        """Returns how many stored files were uploaded on each day, and their bytes."""
        day = day_of(self._executor.dialect, files.c.uploaded_at)
        statement = (
            select(day, func.count(), func.sum(files.c.size))
            .where(files.c.uploaded_at >= since, *scope.of_files())
            .group_by(day)
        )
        return {
            date.fromisoformat(str(when)): (count, int(size))
            for when, count, size in self._executor.execute(statement)
        }

    def top_projects(
        self, since: date, limit: int, repository: Repository | None
    ) -> list[TopProject]:
        """Returns the projects with the most downloads."""
        total = func.sum(downloads.c.count)
        rows = self._executor.execute(
            select(repositories.c.name, downloads.c.project, total)
            .join(repositories, repositories.c.id == downloads.c.repository_id)
            .where(downloads.c.day >= since, *_of(downloads.c.repository_id, repository))
            .group_by(repositories.c.name, downloads.c.project)
            .order_by(desc(total), downloads.c.project)
            .limit(limit)
        )
        return [TopProject(name, project, int(count)) for name, project, count in rows]

    def newest_uploads(self, limit: int, repository: Repository | None) -> list[UploadedFile]:
        """Returns the files that were uploaded last."""
        rows = self._executor.execute(
            select(
                repositories.c.name,
                projects.c.normalized_name,
                releases.c.version,
                files.c.filename,
                files.c.size,
                files.c.uploaded_at,
                files.c.uploaded_by,
            )
            .join_from(files, releases, releases.c.id == files.c.release_id)
            .join(projects, projects.c.id == releases.c.project_id)
            .join(repositories, repositories.c.id == files.c.repository_id)
            .where(*_of(files.c.repository_id, repository))
            .order_by(files.c.uploaded_at.desc(), files.c.id.desc())
            .limit(limit)
        )
        return [UploadedFile(*row) for row in rows]

    def downloads_of_versions(
        self, repository: Repository, project: str, since: date
    ) -> dict[str, int]:
        """Returns the number of downloads by version, without versions that had none."""
        rows = self._executor.execute(
            select(downloads.c.version, func.sum(downloads.c.count))
            .where(
                downloads.c.repository_id == repository.id,
                downloads.c.project == project,
                downloads.c.day >= since,
            )
            .group_by(downloads.c.version)
        )
        return {version: int(count) for version, count in rows}

    def downloads_of_releases(self, repository: Repository, since: date) -> list[DownloadCount]:
        """Returns the number of downloads of each release on each day."""
        rows = self._executor.execute(
            select(
                downloads.c.repository_id,
                downloads.c.project,
                downloads.c.version,
                downloads.c.day,
                downloads.c.count,
            ).where(downloads.c.repository_id == repository.id, downloads.c.day >= since)
        )
        return [DownloadCount(*row) for row in rows]


def _of(column: Any, repository: Repository | None) -> list[ColumnElement[bool]]:
    return [] if repository is None else [column == repository.id]
