"""A project, as people look at it: its description, releases, files, and how it is managed."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import UnknownProject, UnknownRelease, unknown_project
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    ProjectDetails,
    Repository,
    Versioned,
)
from pypi_repo.web.pages import readme
from pypi_repo.web.pages.connection_settings import pip_command
from pypi_repo.web.pages.page import NO_PAGE
from pypi_repo.web.pages.shown_project import ShownProject, project_on
from pypi_repo.web.portal.page import PortalPage
from pypi_repo.web.portal.upstreams import origin

_NEWEST = 4
_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class _Shown(ShownProject):
    """The same, as it is managed.

    files: those that were uploaded to the repository.
    """

    repository: Repository
    files: Sequence[DistributionFile] = ()

    @cached_property
    def managed(self) -> Set[str]:
        """The names of the files that can be yanked and deleted here."""
        return {file.filename for file in self.files}


def show(page: PortalPage, repository: str, project: str) -> Response:
    if normalize(project) != project and is_normalized(normalize(project)):
        return page.redirect("repositories", repository, "projects", normalize(project))
    try:
        shown = shown_project(page, repository, project)
    except UnknownProject:
        found = page.acting.repositories.get(repository, Permission.MANAGE)
        if found.may_have_sources:
            return origin.show(page, repository, project, 404)
        if not page.acting.trash.has(repository, normalize(project)):
            raise
        return page.render(
            "portal/project_deleted.html", 404, repository=found, project=normalize(project)
        )
    details, install = shown.details, None
    if details is not None and shown.project.status != "quarantined":
        wanted = f"{shown.project.name}=={details.version}"
        install = pip_command(f"{page.repository_url(repository)}simple/", wanted)
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
    shown = shown_project(page, repository, project)
    return page.render(
        "portal/project_releases.html",
        shown=shown,
        pins=page.acting.pins.of(repository, project) if shown.is_own else {},
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
    """Returns the project of the repository, or else what readers get from its sources."""
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
        return _Shown(repository=found, project=known, details=None)
    versioned = _versioned(page, repository, project)
    return _Shown(
        repository=found,
        project=known,
        files=files,
        details=versioned.load(),
        sources=versioned.source.split(", "),
    )


def _from_elsewhere(page: PortalPage, repository: Repository, project: str) -> _Shown:
    versioned = _versioned(page, repository.name, project)
    source = page.registry.repository(repository.name).source
    listed = source.project_page(page.actor, normalize(project)).load()
    try:
        details = versioned.load()
    except UnknownRelease:
        details = None
    return _Shown(
        repository=repository,
        project=project_on(listed),
        details=details,
        sources=versioned.source.split(", "),
        stale_for=versioned.stale_for,
    )


def _versioned(page: PortalPage, repository: str, project: str) -> Versioned[ProjectDetails]:
    """Raises UnknownProject or UnknownRelease."""
    source, name = page.registry.repository(repository).source, normalize(project)
    version = page.asked("version")
    if not version:
        return source.project_details(page.actor, name)
    _spelled, content = source.release_details(page.actor, name, version)
    return content
