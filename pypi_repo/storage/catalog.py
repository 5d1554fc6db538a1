"""Statements about repositories, projects, releases and files."""

from datetime import datetime
from typing import Any

from packaging.utils import NormalizedName, canonicalize_version
from packaging.version import Version
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.filenames import DistributionFilename, identity_of
from pypi_repo.domain.records import (
    DistributionFile,
    ListedProject,
    Project,
    Repository,
)
from pypi_repo.domain.repository_settings import GivenSettings, RepositorySettings
from pypi_repo.storage.destination import DESTINATION, Destination
from pypi_repo.storage.engines import writes_alone
from pypi_repo.storage.executor import Executor, ask
from pypi_repo.storage.journal import Journal
from pypi_repo.storage.rows import (
    PROJECT_COLUMNS,
    REPOSITORY_COLUMNS,
    Located,
    LocatedFile,
    file_values,
    lookup,
    to_file,
    to_project,
    to_repository,
)
from pypi_repo.storage.statements import (
    ADD_FILE,
    ADD_PROJECT,
    ADD_RELEASE,
    FILES_OF_RELEASE,
    FORGET_PROVENANCE,
    LISTED_PROJECTS,
    LOCATE_FILE,
    LOCATE_PROJECT,
    LOCK_REPOSITORY,
    NEXT_SERIAL,
    PROJECT_PUBLISHED,
    RELEASE,
    RELEASES,
    REPOSITORY,
    RETIRE,
    TAKEN,
    VERSION_OF_RELEASE,
)
from pypi_repo.storage.tables import (
    files,
    projects,
    provenances,
    releases,
    repositories,
)


class Catalog:
    """Runs in a transaction that a service opened and commits, or reads without one."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.journal = Journal(executor)

    # Repositories

    def repositories(self) -> list[Repository]:
        rows = self._executor.execute(select(*REPOSITORY_COLUMNS).order_by(repositories.c.name))
        return [to_repository(row) for row in rows]

    def repository(self, name: str) -> Repository | None:
        return ask(self._executor, REPOSITORY, name=lookup(name))

    def lock_repository(self, name: str) -> Repository | None:
        """The repository as it is now, with all other writers to it waiting for this commit."""
        row = self._executor.execute(LOCK_REPOSITORY, {"name": lookup(name)}).one_or_none()
        return None if row is None else to_repository(row)

    def lock(self, name: str) -> None:
        """Lets no other writer change or publish anything in this repository until the commit."""
        if not writes_alone(self._executor.dialect):
            self.lock_repository(name)

    def lock_repositories(self) -> None:
        """Lets no other writer change or publish anything until the commit."""
        if not writes_alone(self._executor.dialect):
            self._executor.execute(text("LOCK TABLE repositories IN EXCLUSIVE MODE"))

    def add_repository(
        self, name: str, settings: RepositorySettings, at: datetime
    ) -> Repository | None:
        """The new repository; None, and a transaction good for nothing, if the name is taken."""
        values = {**settings.settings(), "name": name, "serial": 0, "created_at": at}
        try:
            row = self._executor.execute(
                insert(repositories).values(values).returning(*REPOSITORY_COLUMNS)
            ).one()
        except IntegrityError:
            return None
        return to_repository(row)

    def change_repository(self, repository: Repository, given: GivenSettings) -> None:
        self._executor.execute(
            update(repositories).where(repositories.c.id == repository.id).values(given)
        )

    def delete_repository(self, repository: Repository) -> None:
        self._executor.execute(delete(repositories).where(repositories.c.id == repository.id))

    def next_serial(self, repository: Repository) -> int:
        """Counts one change of the repository; serials become visible in their order."""
        return ask(self._executor, NEXT_SERIAL, repository_id=repository.id)

    # Projects

    def locate(self, repository: str, project: NormalizedName) -> Located | None:
        """The repository, and the project if it is there."""
        names = {"repository": lookup(repository), "project": lookup(project)}
        return ask(self._executor, LOCATE_PROJECT, **names)

    def destination(
        self, repository: str, file: DistributionFilename, blake2_256: str
    ) -> Destination | None:
        """What is there already where a file is to go; None where there is no such repository."""
        return ask(
            self._executor,
            DESTINATION,
            repository=lookup(repository),
            project=file.project,
            canonical_version=canonicalize_version(file.version),
            kind=file.kind,
            filename=file.filename,
            identity=identity_of(file.filename),
            digest=blake2_256,
        )

    def projects(self, repository: Repository) -> list[Project]:
        rows = self._executor.execute(
            select(*PROJECT_COLUMNS)
            .where(projects.c.repository_id == repository.id)
            .order_by(projects.c.normalized_name)
        )
        return [to_project(row) for row in rows]

    def listed_projects(self, repository: Repository) -> tuple[ListedProject, ...]:
        """The projects that the index shows: all but the quarantined (PEP 792)."""
        rows = self._executor.execute(LISTED_PROJECTS, {"repository_id": repository.id}).all()
        return tuple(
            ListedProject(name=name, normalized_name=NormalizedName(normalized), serial=serial)
            for name, normalized, serial in rows
        )

    def add_project(
        self, repository: Repository, name: str, normalized_name: NormalizedName, at: datetime
    ) -> int:
        """The new project's id."""
        return ask(
            self._executor,
            ADD_PROJECT,
            repository_id=repository.id,
            name=name,
            normalized_name=normalized_name,
            status="active",
            status_reason="",
            serial=0,
            created_at=at,
        )

    def note_publication(self, project_id: int, name: str, serial: int) -> None:
        """The name and the serial that a project has since its last upload."""
        ask(
            self._executor,
            PROJECT_PUBLISHED,
            project_id=project_id,
            shown_name=name,
            new_serial=serial,
        )

    def change_project(self, project_id: int, **values: Any) -> None:
        self._executor.execute(update(projects).where(projects.c.id == project_id).values(**values))

    def delete_project(self, project: Project) -> None:
        self._executor.execute(delete(projects).where(projects.c.id == project.id))

    # Releases

    def release_id(self, project_id: int, version: Version) -> int | None:
        """Under any spelling: 1.0, 1.0.0 and v1.0 are one release."""
        names = {"project_id": project_id, "canonical_version": canonicalize_version(version)}
        return self._executor.execute(RELEASE, names).scalar_one_or_none()

    def version_of_release(self, project: Project, version: Version) -> str | None:
        """How the version of a release is spelled, if the project has one that is equal."""
        names = {"project_id": project.id, "canonical_version": canonicalize_version(version)}
        return ask(self._executor, VERSION_OF_RELEASE, **names)

    def add_release(self, project_id: int, version: str, summary: str, at: datetime) -> int:
        """The new release's id."""
        return ask(
            self._executor,
            ADD_RELEASE,
            project_id=project_id,
            version=version,
            canonical_version=canonicalize_version(version),
            created_at=at,
            summary=summary,
        )

    def set_summary(self, release_id: int, summary: str) -> None:
        self._executor.execute(
            update(releases).where(releases.c.id == release_id).values(summary=summary)
        )

    def delete_release(self, release_id: int) -> None:
        self._executor.execute(delete(releases).where(releases.c.id == release_id))

    # Files

    def locate_file(self, repository: str, filename: str) -> LocatedFile | None:
        """The repository, and the file with its project if it is there."""
        names = {"repository": lookup(repository), "filename": lookup(filename)}
        return ask(self._executor, LOCATE_FILE, **names)

    def releases(self, project_id: int) -> list[tuple[str, DistributionFile | None]]:
        """(version, file) for every file, by upload, and (version, None) for empty releases."""
        rows = self._executor.execute(RELEASES, {"project_id": project_id}).all()
        return [(row[0], to_file(row[1:]) if row[1] else None) for row in rows]

    def release_files(self, project: Project, version: Version) -> list[DistributionFile] | None:
        """The files of one release, by upload; None where there is no such release."""
        names = {"project_id": project.id, "canonical_version": canonicalize_version(version)}
        rows = self._executor.execute(FILES_OF_RELEASE, names).all()
        return [to_file(row) for row in rows if row[0]] if rows else None

    def add_file(
        self, repository: Repository, release_id: int, file: DistributionFile, size_beside: int
    ) -> int:
        """The new file's id.

        size_beside: bytes of all that is kept beside it.
        """
        values = file_values(file, size_beside)
        return ask(
            self._executor,
            ADD_FILE,
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
        """Puts `file` in the place of the one named `replaced`, and gives that one's id."""
        replacing = self._executor.execute(
            update(files)
            .where(files.c.repository_id == repository.id, files.c.filename == replaced)
            .values(release_id=release_id, **file_values(file, size_beside))
            .returning(files.c.id)
        )
        return int(replacing.scalar_one())

    def set_provenance(self, file_id: int, document: str | None) -> None:
        """Replaces what an earlier file of this name brought."""
        self._executor.execute(FORGET_PROVENANCE, {"file": file_id})
        if document is not None:
            self._executor.execute(insert(provenances).values(file_id=file_id, document=document))

    def provenance(self, repository: Repository, filename: str) -> str | None:
        return self._executor.execute(
            select(provenances.c.document)
            .join(files, files.c.id == provenances.c.file_id)
            .where(files.c.repository_id == repository.id, files.c.filename == filename)
        ).scalar_one_or_none()

    def taken(self, repository: Repository, but_for: str = "") -> int:
        """Bytes that count against a repository's quota: of its files and all kept beside them.

        but_for: the name of a file that is to be replaced.
        """
        names = {"repository_id": repository.id, "filename": but_for}
        return int(self._executor.execute(TAKEN, names).scalar_one() or 0)

    def largest_file(self, repository: Repository) -> int:
        """Its bytes; 0 where there is none."""
        largest = select(func.max(files.c.size)).where(files.c.repository_id == repository.id)
        return self._executor.execute(largest).scalar_one() or 0

    def yank_file(self, repository: Repository, filename: str, reason: str | None) -> None:
        self._executor.execute(
            update(files)
            .where(files.c.repository_id == repository.id, files.c.filename == filename)
            .values(yanked=reason)
        )

    def yank_release(self, release_id: int, reason: str | None) -> None:
        self._executor.execute(
            update(files).where(files.c.release_id == release_id).values(yanked=reason)
        )

    def delete_file(self, repository: Repository, filename: str) -> None:
        self._executor.execute(
            delete(files).where(
                files.c.repository_id == repository.id, files.c.filename == filename
            )
        )

    def filenames(self, project: Project, release_id: int | None = None) -> list[str]:
        """Of a project, or of one of its releases."""
        statement = (
            select(files.c.filename)
            .join(releases, releases.c.id == files.c.release_id)
            .where(releases.c.project_id == project.id)
            .order_by(files.c.id)
        )
        if release_id is not None:
            statement = statement.where(files.c.release_id == release_id)
        return list(self._executor.execute(statement).scalars())

    def retire_filename(self, repository: Repository, filename: str) -> None:
        """Remembers the name of a file that is about to be deleted."""
        self._executor.execute(RETIRE, {"repository": repository.id, "name": filename})
