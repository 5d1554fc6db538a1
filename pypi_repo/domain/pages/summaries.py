"""What lists say of projects and releases."""

from dataclasses import dataclass
from datetime import datetime

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ListedProject, ProjectPage, ProjectSummary
from pypi_repo.domain.releases import preferred_version


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestRelease:
    """A release as it appears among the newest of a repository.

    name: the name of the project, as it is displayed.
    summary: the summary in the metadata of the release; empty if it is unknown.
    uploaded_at: when the newest of its files was uploaded.
    """

    name: str
    normalized_name: NormalizedName
    version: str
    summary: str
    uploaded_at: datetime


def summary_of(page: ProjectPage) -> ProjectSummary:
    """Returns what a project page says of its project, which is not the summary in metadata."""
    installable = dict.fromkeys(page.versions, False)
    for file in page.files:
        installable[file.version] = installable.get(file.version, False) or file.yanked is None
    uploads = [file.uploaded_at for file in page.files if file.uploaded_at is not None]
    return ProjectSummary(
        name=page.display_name or page.name,
        normalized_name=page.name,
        status=page.status,
        latest=preferred_version(installable),
        summary="",
        releases=len(installable),
        files=len(page.files),
        size=sum(file.size or 0 for file in page.files),
        last_upload=max(uploads, default=None),
    )


def name_alone(project: ListedProject) -> ProjectSummary:
    """Returns the summary of a project of which nothing but the name is known."""
    return ProjectSummary(
        name=project.name,
        normalized_name=project.normalized_name,
        status="active",
        latest=None,
        summary="",
        releases=0,
        files=0,
        size=0,
        last_upload=None,
    )
