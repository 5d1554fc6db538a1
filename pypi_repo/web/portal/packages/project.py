"""A project, as people look at it: its description, releases, files, and how it is managed."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import UnknownProject, UnknownRelease, unknown_project
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    ListedFile,
    Project,
    ProjectDetails,
    Repository,
    Versioned,
)
from pypi_repo.domain.versions import version_order
from pypi_repo.services.sources.own_files import OWN_FILES
from pypi_repo.web.pages import readme
from pypi_repo.web.pages.connection_settings import install_command
from pypi_repo.web.pages.page import NO_PAGE
from pypi_repo.web.portal.page import PortalPage
from pypi_repo.web.portal.upstreams import origin

_NEWEST = 4
_DAYS = 30


@dataclass(frozen=True, slots=True)
class _Release:
    """One row of a list of releases; `uploaded_at` is when its last file came."""

    version: str
    files: tuple[ListedFile, ...]

    @property
    def uploaded_at(self) -> datetime | None:
        return max((file.uploaded_at for file in self.files if file.uploaded_at), default=None)

    @property
    def size(self) -> int | None:
        """In bytes; None where that of a file is not known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def yanked(self) -> str:
        """As a badge says it; empty where nothing is."""
        yanked = [file for file in self.files if file.yanked is not None]
        return "" if not yanked else "partly yanked" if len(yanked) < len(self.files) else "yanked"

    @property
    def reasons(self) -> list[str]:
        """Why files of it are yanked, each once."""
        return list(dict.fromkeys(file.yanked for file in self.files if file.yanked))


@dataclass(frozen=True)
class _Shown:
    """What every page of a project shows; `details` are None where it has no files.

    files: those that were uploaded to the repository.
    sources: from where what is shown comes, as the index says it: `own-files`, `upstream:NAME`.
    stale_for: for how many seconds its page should have been asked for again, where it fails.
    """

    repository: Repository
    project: Project
    files: Sequence[DistributionFile]
    details: ProjectDetails | None
    sources: Sequence[str] = (OWN_FILES,)
    stale_for: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether the repository has the project, and so whether it is managed here."""
        return OWN_FILES in self.sources

    @cached_property
    def managed(self) -> Set[str]:
        """The names of the files that can be yanked and deleted here."""
        return {file.filename for file in self.files}

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.details.fields if self.details else {}

    @cached_property
    def releases(self) -> list[_Release]:
        """The newest first."""
        found = self.details.releases if self.details else {}
        versions = sorted(found, key=version_order, reverse=True)
        return [_Release(version, found[version]) for version in versions]


def show(page: PortalPage, repository: str, project: str) -> Response:
    if normalize(project) != project and is_normalized(normalize(project)):
        return page.redirect("repositories", repository, "projects", normalize(project))
    try:
        shown = shown_project(page, repository, project)
    except UnknownProject:
        if not page.acting.repositories.get(repository, Permission.MANAGE).may_have_sources:
            raise
        return origin.show(page, repository, project, 404)
    details, install = shown.details, None
    if details is not None and shown.project.status != "quarantined":
        wanted = f"{shown.project.name}=={details.version}"
        install = install_command(page.repository_url(repository), wanted)
    return page.render(
        "portal/project.html",
        shown=shown,
        newest=shown.releases[:_NEWEST],
        readme_height=details and readme.height(details.fields),
        readme_sandbox=readme.SANDBOX,
        install=install,
    )


def show_readme(page: PortalPage, repository: str, project: str) -> Response:
    details = _versioned(page, repository, project).load()
    return readme.document(page, page.registry.readmes, details.name, details.fields)


def show_releases(page: PortalPage, repository: str, project: str) -> Response:
    return page.render(
        "portal/project_releases.html",
        shown=shown_project(page, repository, project),
        downloads=page.acting.usage.downloads_of_versions(repository, normalize(project), _DAYS),
    )


def show_files(page: PortalPage, repository: str, project: str) -> Response:
    return page.render("portal/project_files.html", shown=shown_project(page, repository, project))


def show_management(page: PortalPage, repository: str, project: str) -> Response:
    shown = shown_project(page, repository, project)
    if not shown.is_own:
        raise unknown_project(shown.project.normalized_name, repository)
    return page.render("portal/project_manage.html", shown=shown, statuses=PROJECT_STATUSES)


def shown_project(page: PortalPage, repository: str, project: str) -> _Shown:
    """The project of the repository, or else what its readers get from its sources."""
    if not is_normalized(normalize(project)):
        raise NotFound(NO_PAGE)
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    try:
        known, files = page.acting.projects.get(repository, project)
    except UnknownProject:
        if not found.may_have_sources:
            raise
        return _from_elsewhere(page, found, project)
    if not files:
        return _Shown(found, known, files, None)
    versioned = _versioned(page, repository, project)
    return _Shown(found, known, files, versioned.load(), versioned.source.split(", "))


def _from_elsewhere(page: PortalPage, repository: Repository, project: str) -> _Shown:
    versioned = _versioned(page, repository.name, project)
    source = page.registry.repository(repository.name).source
    listed = source.project_page(page.actor, normalize(project)).load()
    known = Project(
        id=0,
        name=listed.display_name or listed.name,
        normalized_name=listed.name,
        status=listed.status,
        status_reason=listed.status_reason,
    )
    try:
        details = versioned.load()
    except UnknownRelease:
        details = None
    return _Shown(repository, known, (), details, versioned.source.split(", "), versioned.stale_for)


def _versioned(page: PortalPage, repository: str, project: str) -> Versioned[ProjectDetails]:
    """Raises UnknownProject or UnknownRelease."""
    source, name = page.registry.repository(repository).source, normalize(project)
    version = page.asked("version")
    if not version:
        return source.project_details(page.actor, name)
    _spelled, content = source.release_details(page.actor, name, version)
    return content
