"""The index of one repository, as the simple API shows it."""

from dataclasses import replace
from typing import Protocol

from pypi_repo.domain.access import Actor, Permission
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Project, ProjectList, ProjectPage, Repository, Versioned
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database


class Index(Protocol):
    """The index that a `SimpleIndexApp` shows. Implement it to filter or merge indexes."""

    def check_access(self, actor: Actor) -> None:
        """Checks whether the actor may read the index.

        Raises AuthenticationRequired, PermissionDenied or UnknownRepository.
        """
        ...

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        """Returns the root page. Raises the same errors as `check_access`."""
        ...

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        """Returns the page of a project.

        project: the normalized name.

        Raises UnknownProject, and the same errors as `check_access`.
        """
        ...


class SimpleIndex:
    """The Index of a repository, straight from the database: never a stale page."""

    def __init__(self, repository: str, database: Database, gate: Gate) -> None:
        self._repository = repository
        self._catalog = Catalog(database)
        self._gate = gate

    def check_access(self, actor: Actor) -> None:
        self._readable(actor)

    def is_public(self) -> bool:
        """Whether everybody may read; also false for a repository that does not exist."""
        found = self._catalog.repository(self._repository)
        return found is not None and found.public

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        repository = self._readable(actor)
        whole = Versioned(
            key=("list", repository.id, repository.serial),
            serial=repository.serial,
            public=repository.public,
            load=lambda: self._load_list(repository),
        )
        if self._gate.treats_projects_alike(actor, Permission.READ, repository):
            return whole
        return self._readable_part(whole, actor, repository)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        repository, located = self._gate.project(
            actor, Permission.READ, self._catalog, self._repository, project
        )
        return Versioned(
            key=("project", located.id, located.serial),
            serial=located.serial,
            public=repository.public,
            load=lambda: self._load_page(located),
        )

    def _readable_part(
        self, whole: Versioned[ProjectList], actor: Actor, repository: Repository
    ) -> Versioned[ProjectList]:
        """Who may not read a project must not see its name."""
        page = whole.load()
        names = [project.normalized_name for project in page.projects]
        hidden = self._gate.hidden(actor, Permission.READ, repository, names)
        shown = tuple(project for project in page.projects if project.normalized_name not in hidden)
        return replace(whole, key=(whole.key, hidden), load=lambda: replace(page, projects=shown))

    def _readable(self, actor: Actor) -> Repository:
        return self._gate.repository(actor, Permission.READ, self._catalog, self._repository)

    def _load_list(self, repository: Repository) -> ProjectList:
        projects = self._catalog.listed_projects(repository)
        return ProjectList(serial=repository.serial, projects=projects)

    def _load_page(self, project: Project) -> ProjectPage:
        releases = self._catalog.releases(project.id)
        # PEP 792: a quarantined project offers nothing.
        shown = [] if project.status == "quarantined" else releases
        return ProjectPage(
            name=project.normalized_name,
            status=project.status,
            status_reason=project.status_reason,
            serial=project.serial,
            versions=tuple(dict.fromkeys(version for version, _file in shown)),
            files=tuple(file for _version, file in shown if file is not None),
        )
