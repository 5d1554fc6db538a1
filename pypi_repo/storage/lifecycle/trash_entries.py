"""Statements about what is in the trash, which can come back or is deleted for good."""

from collections.abc import Collection, Sequence
from datetime import datetime

from packaging.utils import NormalizedName
from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from pypi_repo.domain.lifecycle.trash import GivenStatus, TakenName, TrashEntry, strictest
from pypi_repo.domain.records import Repository
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.lifecycle_tables import (
    staged_files,
    stages,
    trash,
    trashed_files,
    trashed_releases,
)
from pypi_repo.storage.database.rows import LARGEST_ID, lookup
from pypi_repo.storage.database.tables import (
    files,
    projects,
    provenances,
    releases,
    repositories,
)
from pypi_repo.storage.lifecycle.trash import OF_A_FILE, OF_A_RELEASE

_AT_ONCE = 500
_ITS_RELEASE = trashed_releases.c.id == trashed_files.c.release_id


def _has_the_name(table: Table) -> ColumnElement[bool]:
    """Whether a file of another table has the name of a trashed one, or is the same wheel."""
    return and_(
        table.c.repository_id == trashed_files.c.repository_id,
        or_(
            table.c.filename == trashed_files.c.filename,
            and_(table.c.identity == trashed_files.c.identity, table.c.identity != ""),
        ),
    )


class TrashEntries:
    """Reads the entries of the trash, puts them back and deletes them."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def entry(self, repository: Repository, id_: int) -> TrashEntry | None:
        """Returns one entry, or None."""
        found = self._entries(trash.c.id == id_, trash.c.repository_id == repository.id)
        return found[0] if found else None

    def entries(
        self,
        repository: Repository,
        hidden: Collection[NormalizedName] = (),
        *,
        before: int = LARGEST_ID,
        limit: int | None = None,
    ) -> list[TrashEntry]:
        """Returns the entries of a repository, the newest first.

        hidden: the projects whose entries are left out.
        before: the id of an entry; only older entries are returned.
        limit: the largest number of entries; None for all.
        """
        wanted = [
            trash.c.repository_id == repository.id,
            trash.c.id < before,
            trash.c.project.not_in(hidden),
        ]
        if limit is None:
            return self._entries(*wanted)
        newest = select(trash.c.id).where(*wanted).order_by(trash.c.id.desc()).limit(limit)
        return self._entries(trash.c.id.in_(newest.scalar_subquery()))

    def has(self, repository: Repository, project: NormalizedName) -> bool:
        """Returns whether something of a project is in the trash."""
        of_it = exists().where(
            trash.c.repository_id == repository.id, trash.c.project == lookup(project)
        )
        return bool(self._executor.execute(select(of_it)).scalar_one())

    def projects(self, repository: Repository) -> list[NormalizedName]:
        """Returns the projects of which something is in the trash."""
        statement = select(trash.c.project).where(trash.c.repository_id == repository.id)
        return list(self._executor.execute(statement.distinct()).scalars())

    def repositories_with_kept_enough(self, now: datetime) -> list[str]:
        """Returns the names of the repositories with entries that are kept no longer, sorted."""
        with_some = select(trash.c.repository_id).where(trash.c.kept_until < now)
        statement = select(repositories.c.name).where(repositories.c.id.in_(with_some))
        return list(self._executor.execute(statement.order_by(repositories.c.name)).scalars())

    def kept_enough(self, repository: Repository, now: datetime, limit: int) -> list[TrashEntry]:
        """Returns entries that are kept no longer, at most `limit`."""
        oldest = (
            select(trash.c.id)
            .where(trash.c.repository_id == repository.id, trash.c.kept_until < now)
            .order_by(trash.c.id)
            .limit(limit)
        )
        return self._entries(trash.c.id.in_(oldest.scalar_subquery()))

    def _entries(self, *wanted: ColumnElement[bool]) -> list[TrashEntry]:
        columns = (
            trash.c.id,
            trash.c.action,
            trash.c.project,
            trash.c.version,
            trash.c.filename,
            trash.c.deleted_at,
            trash.c.deleted_by,
            trash.c.deleted_by_kind,
            trash.c.kept_until,
        )
        statement = (
            select(
                *columns,
                func.count(trashed_files.c.id).label("files"),
                func.coalesce(
                    func.sum(trashed_files.c.size + trashed_files.c.size_beside), 0
                ).label("size"),
            )
            .outerjoin_from(trash, trashed_releases, trashed_releases.c.trash_id == trash.c.id)
            .outerjoin(trashed_files, _ITS_RELEASE)
            .where(*wanted)
            .group_by(trash.c.id)
            .order_by(trash.c.id.desc())
        )
        return [
            TrashEntry(**{**row._mapping, "size": int(row.size)})
            for row in self._executor.execute(statement)
        ]

    def taken_names(self, entry: TrashEntry) -> list[TakenName]:
        """Returns the files with other content that stand in the way of those of an entry."""
        statement = (
            select(trashed_files.c.filename, files.c.filename, projects.c.normalized_name)
            .join_from(trashed_files, trashed_releases, _ITS_RELEASE)
            .join(files, _has_the_name(files))
            .join(releases, releases.c.id == files.c.release_id)
            .join(projects, projects.c.id == releases.c.project_id)
            .where(
                trashed_releases.c.trash_id == entry.id,
                files.c.sha256 != trashed_files.c.sha256,
            )
            .order_by(trashed_files.c.filename, files.c.filename)
        )
        return [TakenName(*row) for row in self._executor.execute(statement)]

    def reserved_name(self, entry: TrashEntry, now: datetime) -> tuple[str, str] | None:
        """Returns the first name of a file of an entry that an open stage has reserved.

        Returns the name and who has opened the stage, or None.
        """
        statement = (
            select(staged_files.c.filename, stages.c.opened_by)
            .join_from(trashed_files, trashed_releases, _ITS_RELEASE)
            .join(staged_files, _has_the_name(staged_files))
            .join(stages, stages.c.id == staged_files.c.stage_id)
            .where(trashed_releases.c.trash_id == entry.id, stages.c.expires_at > now)
            .order_by(staged_files.c.filename)
            .limit(1)
        )
        row = self._executor.execute(statement).first()
        return None if row is None else (row[0], row[1])

    def last_status(self, entry: TrashEntry, repository: Repository) -> GivenStatus | None:
        """Returns the status that the project had when it was deleted, by this entry or later.

        If it was deleted several times since, this is the strictest one. It is None if the project
        was not deleted since, as far as the trash knows.
        """
        statement = (
            select(trash.c.status, trash.c.status_reason)
            .where(
                trash.c.repository_id == repository.id,
                trash.c.project == entry.project,
                trash.c.id >= entry.id,
                trash.c.version.is_(None),
                trash.c.filename.is_(None),
            )
            .order_by(trash.c.id.desc())
        )
        return strictest(GivenStatus(*row) for row in self._executor.execute(statement))

    def put_back(
        self,
        entry: TrashEntry,
        repository: Repository,
        at: datetime,
        status: GivenStatus | None = None,
    ) -> int:
        """Moves the files of an entry to the index, with their project and their releases.

        Files whose content is there under their name are dropped; nothing else may be there under
        one of the names.

        at: the present moment, at which the releases arrive.
        status: that of the project if it was not there; None for the one that it had at the time of
            the entry.

        Returns the id of the project, which is new if it was not there.
        """
        project_id = self._project_of(entry, repository, status)
        self._drop_what_is_there(entry)
        self._note_arrival(entry, project_id, at)
        self._put_back_releases(entry, project_id, at)
        self._put_back_files(entry, project_id)
        self.delete([entry])
        return project_id

    def delete(self, entries: Sequence[TrashEntry]) -> None:
        """Deletes entries with what is in them."""
        for first in range(0, len(entries), _AT_ONCE):
            ids = [entry.id for entry in entries[first : first + _AT_ONCE]]
            self._executor.execute(delete(trash).where(trash.c.id.in_(ids)))

    def _project_of(
        self, entry: TrashEntry, repository: Repository, status: GivenStatus | None
    ) -> int:
        is_it = and_(
            projects.c.repository_id == repository.id,
            projects.c.normalized_name == entry.project,
        )
        columns = {
            "repository_id": trash.c.repository_id,
            "name": trash.c.project_name,
            "normalized_name": trash.c.project,
            "status": literal(status.status) if status else trash.c.status,
            "status_reason": literal(status.reason) if status else trash.c.status_reason,
            "serial": literal(0),
            "created_at": trash.c.project_created_at,
        }
        self._executor.execute(
            insert(projects).from_select(
                [*columns],
                select(*columns.values()).where(trash.c.id == entry.id, ~exists().where(is_it)),
            )
        )
        return int(self._executor.execute(select(projects.c.id).where(is_it)).scalar_one())

    def _note_arrival(self, entry: TrashEntry, project_id: int, at: datetime) -> None:
        """Notes it in the releases that are there and get files."""
        getting = (
            select(trashed_releases.c.canonical_version)
            .join_from(trashed_files, trashed_releases, _ITS_RELEASE)
            .where(trashed_releases.c.trash_id == entry.id)
        )
        self._executor.execute(
            update(releases)
            .where(releases.c.project_id == project_id, releases.c.canonical_version.in_(getting))
            .values(arrived_at=at)
        )

    def _put_back_releases(self, entry: TrashEntry, project_id: int, at: datetime) -> None:
        present = exists().where(
            releases.c.project_id == project_id,
            releases.c.canonical_version == trashed_releases.c.canonical_version,
        )
        self._executor.execute(
            insert(releases).from_select(
                ["project_id", "arrived_at", *OF_A_RELEASE],
                select(
                    literal(project_id),
                    literal(at, releases.c.arrived_at.type),
                    *(trashed_releases.c[name] for name in OF_A_RELEASE),
                )
                .where(trashed_releases.c.trash_id == entry.id, ~present)
                .order_by(trashed_releases.c.id),
            )
        )

    def _drop_what_is_there(self, entry: TrashEntry) -> None:
        its_releases = select(trashed_releases.c.id).where(trashed_releases.c.trash_id == entry.id)
        is_there = exists().where(_has_the_name(files)).correlate(trashed_files)
        self._executor.execute(
            delete(trashed_files).where(trashed_files.c.release_id.in_(its_releases), is_there)
        )

    def _put_back_files(self, entry: TrashEntry, project_id: int) -> None:
        of_entry = trashed_releases.c.trash_id == entry.id
        self._executor.execute(
            insert(files).from_select(
                ["repository_id", "release_id", *OF_A_FILE],
                select(
                    trashed_files.c.repository_id,
                    releases.c.id,
                    *(trashed_files.c[name] for name in OF_A_FILE),
                )
                .join_from(trashed_files, trashed_releases, _ITS_RELEASE)
                .join(
                    releases,
                    and_(
                        releases.c.project_id == project_id,
                        releases.c.canonical_version == trashed_releases.c.canonical_version,
                    ),
                )
                .where(of_entry)
                .order_by(trashed_files.c.id),
            )
        )
        self._executor.execute(
            insert(provenances).from_select(
                ["file_id", "document"],
                select(files.c.id, trashed_files.c.provenance)
                .join_from(trashed_files, trashed_releases, _ITS_RELEASE)
                .join(
                    files,
                    and_(
                        files.c.repository_id == trashed_files.c.repository_id,
                        files.c.filename == trashed_files.c.filename,
                    ),
                )
                .where(of_entry, trashed_files.c.provenance.is_not(None)),
            )
        )
