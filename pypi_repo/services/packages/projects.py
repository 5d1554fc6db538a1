"""The life of what was uploaded: status, yanks and deletions, always journalled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.errors import InvalidSetting, unknown_release
from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    FoundProject,
    Project,
    ProjectStatus,
    ProjectSummary,
    Repository,
)
from pypi_repo.domain.text import require_text
from pypi_repo.domain.versions import version_or_none
from pypi_repo.services.gate import Gate, first_shown
from pypi_repo.services.lifecycle.deletion import delete_file, delete_project, delete_release
from pypi_repo.services.packages.project_change import ProjectChange, why_yanked, yank_action
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lists import Lists


class Projects:
    """Manages projects, releases and files, as far as the policy allows the actor.

    All methods raise UnknownRepository if there is no repository with the name, and
    PermissionDenied if the actor may not manage it.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    def all(self, repository: str) -> list[Project]:
        """Returns all projects of a repository, sorted by name."""
        catalog = Catalog(self._database)
        managed = self._repository(catalog, repository)
        hidden = self._hidden(catalog, managed)
        return [found for found in catalog.projects(managed) if found.normalized_name not in hidden]

    def search(
        self,
        repository: str,
        text: str = "",
        *,
        after: str = "",
        limit: int = 50,
    ) -> list[ProjectSummary]:
        """Returns the projects whose normalized name contains a text, sorted by name.

        text: the text; an empty text matches all projects.
        after: a normalized name; only projects that follow it are returned.
        limit: the largest number of projects to return.
        """
        managed = self._repository(Catalog(self._database), repository)
        lists = Lists(self._database)
        return first_shown(
            limit,
            lambda number: lists.projects_after(managed, normalize(text), after, number),
            lambda found: self._gate.allows(
                self._actor, Permission.MANAGE, managed, found.normalized_name
            ),
        )

    def page(self, repository: str, request: ListRequest) -> ListPage[ProjectSummary]:
        """Returns one page of the projects whose normalized name contains a text.

        request: the page to return. Projects can be sorted by `name`, `releases`, `files`, `size`
            or `uploaded`.
        """
        catalog = Catalog(self._database)
        managed = self._repository(catalog, repository)
        wanted = replace(request, text=normalize(request.text))
        hidden = self._hidden(catalog, managed)
        return Lists(self._database).projects(managed, wanted, hidden)

    def anywhere(self, text: str, *, limit: int = 50) -> list[FoundProject]:
        """Returns the projects whose normalized name contains a text, of all repositories.

        The projects are sorted by name. Projects that the actor may not manage are left out.

        limit: the largest number of projects to return.
        """
        managed = {
            found.name: found
            for found in Catalog(self._database).repositories()
            if self._gate.allows(self._actor, Permission.MANAGE, found)
        }
        lists = Lists(self._database)
        return first_shown(
            limit,
            lambda number: lists.projects_anywhere(list(managed.values()), normalize(text), number),
            lambda found: self._gate.allows(
                self._actor,
                Permission.MANAGE,
                managed[found.repository],
                found.normalized_name,
            ),
        )

    def get(self, repository: str, project: str) -> tuple[Project, list[DistributionFile]]:
        """Returns a project and its files.

        Raises UnknownProject.
        """
        catalog = Catalog(self._database)
        _repository, found = self._project(catalog, repository, project)
        return found, [file for _version, file in catalog.releases(found.id) if file]

    def project(self, repository: str, project: str) -> Project:
        """Returns a project, without its files.

        Raises UnknownProject.
        """
        _repository, found = self._project(Catalog(self._database), repository, project)
        return found

    def release(self, repository: str, project: str, version: str) -> list[DistributionFile]:
        """Returns the files of a release, in the order of their upload.

        version: the version, in any spelling (PEP 440).

        Raises UnknownProject or UnknownRelease.
        """
        catalog, wanted = Catalog(self._database), version_or_none(version)
        _repository, found = self._project(catalog, repository, project)
        files = None if wanted is None else catalog.release_files(found, wanted)
        if files is None:
            raise unknown_release(found.name, version)
        return files

    def file(self, repository: str, filename: str) -> DistributionFile:
        """Returns a file.

        Raises UnknownFile.
        """
        _repository, _project, file = self._file(Catalog(self._database), repository, filename)
        return file

    def set_status(
        self,
        repository: str,
        project: str,
        status: ProjectStatus,
        reason: str = "",
    ) -> None:
        """Sets the status of a project (PEP 792).

        reason: the reason, which the index shows; may be empty.

        Raises UnknownProject, or InvalidSetting for an unknown status.
        """
        if status not in PROJECT_STATUSES:
            raise InvalidSetting(f"A status is one of {', '.join(PROJECT_STATUSES)}.")
        require_text(reason)
        with self._change(repository, project) as change:
            change.set_status(status, reason)

    def delete(self, repository: str, project: str) -> int | None:
        """Deletes a project with all its releases and files.

        The names of the files cannot be used again, unless the repository allows it. The name of
        the project stays with the repository: none of its sources supplies it, unless the name is
        given up.

        Returns the id in the trash with which this can be undone, or None without a trash.

        Raises UnknownProject.
        """
        with self._change(repository, project) as change:
            return delete_project(change)

    def yank_release(
        self,
        repository: str,
        project: str,
        version: str,
        reason: str | None,
    ) -> None:
        """Yanks all files of a release (PEP 592), or makes them available again.

        reason: the reason, which may be empty; None to undo the yank.

        Raises UnknownProject, UnknownRelease, or InvalidSetting for a reason that cannot be stored.
        """
        require_text(reason or "")
        with self._change(repository, project) as change:
            change.catalog.yank_release(change.release_id(version), reason)
            change.record(
                yank_action(reason, "release"), version=version, detail=why_yanked(reason)
            )

    def delete_release(self, repository: str, project: str, version: str) -> int | None:
        """Deletes a release with all its files.

        The names of the files cannot be used again, unless the repository allows it.

        Returns the id in the trash with which this can be undone, or None without a trash.

        Raises UnknownProject or UnknownRelease.
        """
        with self._change(repository, project) as change:
            return delete_release(change, version)

    def yank_file(self, repository: str, filename: str, reason: str | None) -> None:
        """Yanks a file (PEP 592), or makes it available again.

        reason: the reason, which may be empty; None to undo the yank.

        Raises UnknownFile, or InvalidSetting for a reason that cannot be stored.
        """
        require_text(reason or "")
        with self._file_change(repository, filename) as (change, file):
            change.catalog.yank_file(change.repository, filename, reason)
            change.record(
                yank_action(reason, "file"),
                version=file.version,
                filename=filename,
                detail=why_yanked(reason),
            )

    def delete_file(self, repository: str, filename: str) -> int | None:
        """Deletes a file.

        The name of the file cannot be used again, unless the repository allows it.

        Returns the id in the trash with which this can be undone, or None without a trash.

        Raises UnknownFile.
        """
        with self._file_change(repository, filename) as (change, file):
            return delete_file(change, file)

    def _hidden(self, catalog: Catalog, repository: Repository) -> frozenset[NormalizedName]:
        """The projects that the actor may not manage, though it manages the repository."""
        return self._gate.hidden(
            self._actor,
            Permission.MANAGE,
            repository,
            lambda: (project.normalized_name for project in catalog.projects(repository)),
        )

    def _repository(self, catalog: Catalog, name: str) -> Repository:
        return self._gate.repository(self._actor, Permission.MANAGE, catalog, name)

    def _project(
        self, catalog: Catalog, repository: str, project: str
    ) -> tuple[Repository, Project]:
        return self._gate.project(
            self._actor, Permission.MANAGE, catalog, repository, normalize(project)
        )

    def _file(
        self, catalog: Catalog, repository: str, filename: str
    ) -> tuple[Repository, Project, DistributionFile]:
        return self._gate.file(self._actor, Permission.MANAGE, catalog, repository, filename)

    @contextmanager
    def _change(self, repository: str, project: str) -> Iterator[ProjectChange]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            found = self._project(catalog, repository, project)
            yield ProjectChange(self._gate, connection, catalog, self._actor, *found)

    @contextmanager
    def _file_change(
        self, repository: str, filename: str
    ) -> Iterator[tuple[ProjectChange, DistributionFile]]:
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            managed, project, file = self._file(catalog, repository, filename)
            yield (
                ProjectChange(self._gate, connection, catalog, self._actor, managed, project),
                file,
            )
