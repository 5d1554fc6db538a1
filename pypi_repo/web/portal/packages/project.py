"""A project, as people look at it: its description, releases, files, and how it is managed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    ListedFile,
    Project,
    ProjectDetails,
    Repository,
)
from pypi_repo.domain.versions import version_order
from pypi_repo.web.portal.packages import readme
from pypi_repo.web.portal.packages.connection_settings import install_command
from pypi_repo.web.portal.page import NO_PAGE, Page

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
    def size(self) -> int:
        return sum(file.size or 0 for file in self.files)

    @property
    def yanked(self) -> str:
        """As a badge says it; empty where nothing is."""
        yanked = [file for file in self.files if file.yanked is not None]
        return "" if not yanked else "partly yanked" if len(yanked) < len(self.files) else "yanked"

    @property
    def reasons(self) -> list[str]:
        """Why files of it are yanked, each once."""
        return list(dict.fromkeys(file.yanked for file in self.files if file.yanked))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What every page of a project shows; `details` are None where it has no files."""

    repository: Repository
    project: Project
    files: Sequence[DistributionFile]
    details: ProjectDetails | None

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.details.fields if self.details else {}

    @property
    def releases(self) -> list[_Release]:
        """The newest first."""
        found = self.details.releases if self.details else {}
        versions = sorted(found, key=version_order, reverse=True)
        return [_Release(version, found[version]) for version in versions]


def show(page: Page, repository: str, project: str) -> Response:
    if normalize(project) != project and is_normalized(normalize(project)):
        return page.redirect("repositories", repository, "projects", normalize(project))
    shown = _shown(page, repository, project)
    details, install = shown.details, None
    if details is not None and shown.project.status != "quarantined":
        wanted = f"{shown.project.name}=={details.version}"
        install = install_command(page.repository_url(repository), wanted)
    return page.render(
        "project.html",
        shown=shown,
        newest=shown.releases[:_NEWEST],
        readme_height=details and readme.height(details.fields),
        readme_sandbox=readme.SANDBOX,
        install=install,
    )


def show_readme(page: Page, repository: str, project: str) -> Response:
    details = _details(page, repository, project)
    return readme.document(page, details.name, details.fields)


def show_releases(page: Page, repository: str, project: str) -> Response:
    return page.render(
        "project_releases.html",
        shown=_shown(page, repository, project),
        downloads=page.acting.usage.downloads_of_versions(repository, project, _DAYS),
    )


def show_files(page: Page, repository: str, project: str) -> Response:
    return page.render("project_files.html", shown=_shown(page, repository, project))


def show_management(page: Page, repository: str, project: str) -> Response:
    shown = _shown(page, repository, project)
    return page.render("project_manage.html", shown=shown, statuses=PROJECT_STATUSES)


def _shown(page: Page, repository: str, project: str) -> _Shown:
    if not is_normalized(normalize(project)):
        raise NotFound(NO_PAGE)
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    known, files = page.acting.projects.get(repository, project)
    details = _details(page, repository, project) if files else None
    return _Shown(found, known, files, details)


def _details(page: Page, repository: str, project: str) -> ProjectDetails:
    bound = page.registry.repository(repository)
    version = page.asked("version")
    if not version:
        return bound.source.project_details(page.actor, normalize(project)).load()
    _spelled, content = bound.source.release_details(page.actor, normalize(project), version)
    return content.load()
