"""Statements about repositories, projects, releases and files."""

from datetime import UTC, datetime
from typing import Any

from packaging.utils import NormalizedName, canonicalize_version
from packaging.version import Version
from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.filenames import DistributionFilename, identity_of, projects_of
from pypi_repo.domain.records import DistributionFile, ListedProject, Project, Repository
from pypi_repo.domain.repository_settings import GivenSettings, RepositorySettings
from pypi_repo.storage.database import statements
from pypi_repo.storage.database.engines.both import lock_tables, writes_alone
from pypi_repo.storage.database.executor import Executor, ask, lock_name, within_transaction
from pypi_repo.storage.database.rows import (
    PROJECT_COLUMNS,
    REPOSITORY_COLUMNS,
    Located,
    LocatedFile,
    file_values,
    lookup,
    setting_values,
    to_file,
    to_project,
    to_repository,
)
from pypi_repo.storage.database.tables import files, projects, provenances, releases, repositories
from pypi_repo.storage.destination import DESTINATION, Destination
from pypi_repo.storage.journal import Journal
from pypi_repo.storage.lifecycle.stages import StageRows
from pypi_repo.storage.lifecycle.trash import Trash


class Catalog:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.journal = Journal(executor)
        self.stages = StageRows(executor)
        self.trash = Trash(executor)

    # Repositories

    def repositories(self) -> list[Repository]:
        """Returns all repositories, sorted by name."""
        rows = self._executor.execute(select(*REPOSITORY_COLUMNS).order_by(repositories.c.name))
        return [to_repository(row) for row in rows]

    def repository(self, name: str) -> Repository | None:
        """Returns the repository with a name, or None."""
        return ask(self._executor, statements.REPOSITORY, name=lookup(name))

    def lock_repository(self, name: str) -> Repository | None:
        """Returns a repository, or None; until the commit, others neither change nor create it."""
        connection, its_name = within_transaction(self._executor), {"name": lookup(name)}
        row = connection.execute(statements.LOCK_REPOSITORY, its_name).one_or_none()
        if row is None:  # perhaps it was deleted, and another one is there already
            lock_name(connection, its_name["name"])
            row = connection.execute(statements.LOCK_REPOSITORY, its_name).one_or_none()
        return None if row is None else to_repository(row)

    def lock(self, name: str) -> None:
        """Keeps others from changing or publishing anything in a repository until the commit."""
        if not writes_alone(within_transaction(self._executor).dialect):
            self.lock_repository(name)

    def lock_repositories(self) -> None:
        """Keeps others from changing or publishing anything until the commit."""
        lock_tables(within_transaction(self._executor), repositories.name)

    def add_repository(
        self, name: str, settings: RepositorySettings, at: datetime
    ) -> Repository | None:
        """Adds a repository.

        Returns None if the name is taken. The transaction cannot be used any more then.
        """
        values = setting_values(settings.settings()) | {"name": name, "serial": 0, "created_at": at}
        lock_name(within_transaction(self._executor), name)
        try:
            row = self._executor.execute(
                insert(repositories).values(values).returning(*REPOSITORY_COLUMNS)
            ).one()
        except IntegrityError:
            return None
        return to_repository(row)

    def change_repository(self, repository: Repository, given: GivenSettings) -> Repository:
        """Changes settings of a repository, also for its sources, and returns the repository."""
        revision = repositories.c.sources_revision
        raised = case((revision > 0, revision + 1), else_=revision)
        changed = self._executor.execute(
            update(repositories)
            .where(repositories.c.id == repository.id)
            .values({**setting_values(given), "sources_revision": raised})
            .returning(*REPOSITORY_COLUMNS)
        )
        return to_repository(changed.one())

    def delete_repository(self, repository: Repository) -> None:
        """Deletes a repository with everything in it."""
        self._executor.execute(delete(repositories).where(repositories.c.id == repository.id))

    def next_serial(self, repository: Repository) -> int:
        """Counts a change of a repository, and returns its serial.

        Serials become visible in their order.
        """
        return ask(self._executor, statements.NEXT_SERIAL, repository_id=repository.id)

    # Projects

    def locate(self, repository: str, project: NormalizedName) -> Located | None:
        """Returns a repository, and a project in it if there is one."""
        names = {"repository": lookup(repository), "project": lookup(project)}
        return ask(self._executor, statements.LOCATE_PROJECT, **names)

    def destination(
        self, repository: str, file: DistributionFilename, sha256: str
    ) -> Destination | None:
        """Returns what exists where a file is to be published; None without the repository."""
        return ask(
            self._executor,
            DESTINATION,
            repository=lookup(repository),
            project=file.project,
            canonical_version=canonicalize_version(file.version),
            kind=file.kind,
            filename=file.filename,
            identity=identity_of(file.filename),
            sha256=sha256,
            now=datetime.now(UTC),
        )

    def projects(self, repository: Repository) -> list[Project]:
        """Returns all projects of a repository, sorted by name."""
        rows = self._executor.execute(
            select(*PROJECT_COLUMNS)
            .where(projects.c.repository_id == repository.id)
            .order_by(projects.c.normalized_name)
        )
        return [to_project(row) for row in rows]

    def listed_projects(self, repository: Repository) -> tuple[ListedProject, ...]:
        """Returns the projects that the index lists, without quarantined ones (PEP 792)."""
        rows = self._executor.execute(
            statements.LISTED_PROJECTS, {"repository_id": repository.id}
        ).all()
        return tuple(
            ListedProject(name=name, normalized_name=NormalizedName(normalized), serial=serial)
            for name, normalized, serial in rows
        )

    def add_project(
        self, repository: Repository, name: str, normalized_name: NormalizedName, at: datetime
    ) -> int:
        """Adds a project, and returns its id."""
        return ask(
            self._executor,
            statements.ADD_PROJECT,
            repository_id=repository.id,
            name=name,
            normalized_name=normalized_name,
            status="active",
            status_reason="",
            serial=0,
            created_at=at,
        )

    def note_publication(self, project_id: int, name: str, serial: int) -> None:
        """Sets the name and the serial of a project after an upload."""
        ask(
            self._executor,
            statements.PROJECT_PUBLISHED,
            project_id=project_id,
            shown_name=name,
            new_serial=serial,
        )

    def change_project(self, project_id: int, **values: Any) -> None:
        """Changes columns of a project."""
        self._executor.execute(update(projects).where(projects.c.id == project_id).values(**values))

    def delete_project(self, project: Project) -> None:
        """Deletes a project with everything in it."""
        self._executor.execute(delete(projects).where(projects.c.id == project.id))

    # Releases

    def release_id(self, project_id: int, version: Version) -> int | None:
        """Returns the id of a release in any spelling: 1.0, 1.0.0 and v1.0 are one release."""
        names = {"project_id": project_id, "canonical_version": canonicalize_version(version)}
        return self._executor.execute(statements.RELEASE, names).scalar_one_or_none()

    def version_of_release(self, project: Project, version: Version) -> str | None:
        """Returns the spelling of the version of a release, or None if there is no release."""
        names = {"project_id": project.id, "canonical_version": canonicalize_version(version)}
        return ask(self._executor, statements.VERSION_OF_RELEASE, **names)

    def add_release(self, project_id: int, version: str, summary: str, at: datetime) -> int:
        """Adds a release, and returns its id."""
        return ask(
            self._executor,
            statements.ADD_RELEASE,
            project_id=project_id,
            version=version,
            canonical_version=canonicalize_version(version),
            created_at=at,
            summary=summary,
            arrived_at=datetime.now(UTC),
        )

    def change_release(self, release_id: int, **values: Any) -> None:
        """Changes columns of a release."""
        self._executor.execute(update(releases).where(releases.c.id == release_id).values(**values))

    def delete_release(self, release_id: int) -> None:
        """Deletes a release with its files."""
        self._executor.execute(delete(releases).where(releases.c.id == release_id))

    # Files

    def locate_file(self, repository: str, filename: str) -> LocatedFile | None:
        """Returns a repository, and a file with its project if there is one."""
        project = next(iter(projects_of(filename)), "")
        names = {"repository": lookup(repository), "filename": lookup(filename), "project": project}
        return ask(self._executor, statements.LOCATE_FILE, **names)

    def releases(self, project_id: int) -> list[tuple[str, DistributionFile | None]]:
        """Returns all files with their versions, in the order of upload.

        The file is None for an empty release.
        """
        rows = self._executor.execute(statements.RELEASES, {"project_id": project_id}).all()
        return [(row[0], to_file(row[1:]) if row[1] else None) for row in rows]

    def release_files(self, project: Project, version: Version) -> list[DistributionFile] | None:
        """Returns the files of a release in the order of upload; None without the release."""
        names = {"project_id": project.id, "canonical_version": canonicalize_version(version)}
        rows = self._executor.execute(statements.FILES_OF_RELEASE, names).all()
        return [to_file(row) for row in rows if row[0]] if rows else None

    def add_file(
        self, repository: Repository, release_id: int, file: DistributionFile, size_beside: int
    ) -> int:
        """Adds a file, and returns its id.

        size_beside: the size of everything that is stored beside the file, in bytes.
        """
        values = file_values(file, size_beside)
        return ask(
            self._executor,
            statements.ADD_FILE,
            repository_id=repository.id,
            release_id=release_id,
            **values,
        )

    def replace_file(
        self,
        repository: Repository,
        release_id: int,
        file: DistributionFile,
        size_beside: int,
        replaced: str,
    ) -> int:
        """Replaces the file with the name `replaced`, and returns its id, which stays the same."""
        replacing = self._executor.execute(
            update(files)
            .where(files.c.repository_id == repository.id, files.c.filename == replaced)
            .values(release_id=release_id, **file_values(file, size_beside))
            .returning(files.c.id)
        )
        return int(replacing.scalar_one())

    def set_provenance(self, file_id: int, document: str | None) -> None:
        """Replaces the provenance of a file; None deletes it."""
        self._executor.execute(statements.FORGET_PROVENANCE, {"file": file_id})
        if document is not None:
            self._executor.execute(insert(provenances).values(file_id=file_id, document=document))

    def provenance(self, repository: Repository, filename: str) -> str | None:
        """Returns the provenance of a file, or None."""
        return self._executor.execute(
            select(provenances.c.document)
            .join(files, files.c.id == provenances.c.file_id)
            .where(files.c.repository_id == repository.id, files.c.filename == filename)
        ).scalar_one_or_none()

    def taken(self, repository: Repository, but_for: str = "") -> int:
        """Returns the bytes that count for the quota: files and what is stored beside them.

        What is in the trash counts if the repository says so.

        but_for: the name of a file that is to be replaced, and is not counted.
        """
        names = {"repository_id": repository.id, "filename": but_for}
        counts_trash = repository.quota_counts_trash
        statement = statements.TAKEN_WITH_TRASH if counts_trash else statements.TAKEN
        return int(self._executor.execute(statement, names).scalar_one() or 0)

    def size_of(self, repository: Repository, filename: str) -> int:
        """Returns the bytes that one file takes, which are 0 for a file that is not there."""
        names = {"repository_id": repository.id, "filename": filename}
        return int(self._executor.execute(statements.SIZE_OF_FILE, names).scalar() or 0)

    def largest_file(self, repository: Repository) -> int:
        """Returns the size of the largest file that an upload may replace, in bytes."""
        names = {"repository_id": repository.id}
        sizes = self._executor.execute(statements.LARGEST_FILES, names).one()
        return max(size or 0 for size in sizes)

    def yank_file(self, repository: Repository, filename: str, reason: str | None) -> None:
        """Yanks a file; None as the reason undoes this."""
        self._executor.execute(
            update(files)
            .where(files.c.repository_id == repository.id, files.c.filename == filename)
            .values(yanked=reason)
        )

    def yank_release(self, release_id: int, reason: str | None) -> None:
        """Yanks all files of a release; None as the reason undoes this."""
        self._executor.execute(
            update(files).where(files.c.release_id == release_id).values(yanked=reason)
        )

    def delete_file(self, repository: Repository, filename: str) -> None:
        """Deletes a file."""
        self._executor.execute(
            delete(files).where(
                files.c.repository_id == repository.id, files.c.filename == filename
            )
        )

    def retire_filename(self, repository: Repository, filename: str) -> None:
        """Remembers the name of a file that is about to be deleted."""
        self._executor.execute(
            statements.retire(files.c.repository_id == repository.id, files.c.filename == filename)
        )

    def retire_filenames(self, project: Project, release_id: int | None = None) -> None:
        """Remembers the names of all files of a project, or of one of its releases."""
        of_project = select(releases.c.id).where(releases.c.project_id == project.id)
        if release_id is not None:
            of_project = of_project.where(releases.c.id == release_id)
        self._executor.execute(statements.retire(files.c.release_id.in_(of_project)))
