"""Statements that put into the trash what is deleted or overwritten."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, literal, select

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.lifecycle_tables import trash, trashed_files, trashed_releases
from pypi_repo.storage.database.metadata import columns_of_a_file
from pypi_repo.storage.database.tables import (
    files,
    projects,
    provenances,
    releases,
)

OF_A_RELEASE = ("version", "canonical_version", "created_at", "summary", "pinned")
OF_A_FILE = tuple(column.name for column in columns_of_a_file())
"""The columns that come back, of a release and of a file."""


class Trash:
    """Copies what is about to be deleted to the trash, one entry for each act.

    In its methods, `action` is what is done, as the journal calls it, and `days` is for how many
    days the entry is kept.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def keep_project(self, project: Project, action: str, by: Actor, days: int) -> int:
        """Copies a project with all its releases and files, and returns the id of the entry."""
        entry = self._open(projects.c.id == project.id, action, by, days)
        self._copy(entry, releases.c.project_id == project.id)
        return entry

    def keep_release(
        self, project: Project, release_id: int, action: str, by: Actor, days: int
    ) -> int:
        """Copies a release with its files, and returns the id of the entry."""
        spelling = select(releases.c.version).where(releases.c.id == release_id).scalar_subquery()
        entry = self._open(projects.c.id == project.id, action, by, days, version=spelling)
        self._copy(entry, releases.c.id == release_id)
        return entry

    def keep_file(
        self, repository: Repository, file: DistributionFile, action: str, by: Actor, days: int
    ) -> int:
        """Copies a file, and what is known of its release; returns the id of the entry."""
        its_row = and_(files.c.repository_id == repository.id, files.c.filename == file.filename)
        its_release = select(files.c.release_id).where(its_row).scalar_subquery()
        its_project = select(releases.c.project_id).where(releases.c.id == its_release)
        what = {"version": literal(file.version), "filename": literal(file.filename)}
        entry = self._open(projects.c.id == its_project.scalar_subquery(), action, by, days, **what)
        self._copy(entry, releases.c.id == its_release, its_row)
        return entry

    def _open(
        self, of_project: ColumnElement[bool], action: str, by: Actor, days: int, **what: Any
    ) -> int:
        """Adds an entry without files.

        what: expressions for the version and the filename, as far as only they are deleted.
        """
        now = datetime.now(UTC)
        values = {
            "repository_id": projects.c.repository_id,
            "action": literal(action),
            "project": projects.c.normalized_name,
            "project_name": projects.c.name,
            "status": projects.c.status,
            "status_reason": projects.c.status_reason,
            "project_created_at": projects.c.created_at,
            "deleted_at": literal(now, trash.c.deleted_at.type),
            "kept_until": literal(now + timedelta(days=days), trash.c.kept_until.type),
            "deleted_by": literal(by.name),
            "deleted_by_kind": literal(by.kind.value),
            **what,
        }
        added = self._executor.execute(
            insert(trash)
            .from_select([*values], select(*values.values()).where(of_project))
            .returning(trash.c.id)
        )
        return int(added.scalar_one())

    def _copy(
        self, entry: int, of_releases: ColumnElement[bool], *of_files: ColumnElement[bool]
    ) -> None:
        """Adds releases and their files to an entry, in the order in which they were added."""
        self._executor.execute(
            insert(trashed_releases).from_select(
                ["trash_id", *OF_A_RELEASE],
                select(literal(entry), *(releases.c[name] for name in OF_A_RELEASE))
                .where(of_releases)
                .order_by(releases.c.id),
            )
        )
        self._executor.execute(
            insert(trashed_files).from_select(
                ["repository_id", "release_id", *OF_A_FILE, "provenance"],
                select(
                    files.c.repository_id,
                    trashed_releases.c.id,
                    *(files.c[name] for name in OF_A_FILE),
                    provenances.c.document,
                )
                .join_from(files, releases, releases.c.id == files.c.release_id)
                .join(
                    trashed_releases,
                    and_(
                        trashed_releases.c.trash_id == entry,
                        trashed_releases.c.canonical_version == releases.c.canonical_version,
                    ),
                )
                .outerjoin(provenances, provenances.c.file_id == files.c.id)
                .where(of_releases, *of_files)
                .order_by(files.c.id),
            )
        )
