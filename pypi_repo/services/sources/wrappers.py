"""Sources that wrap other sources."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import (
    ListedFile,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.services.sources.source import (
    Redirect,
    ServedFile,
    Source,
    overrides,
    require_source,
)

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

WHAT_PAGES_SAY = (
    "project_page",
    "last_page",
    "seen_pages",
    "core_metadata",
    "project_details",
    "release_details",
)
"""The methods of which one that is overridden may show less than the source behind it."""

Content = TypeVar("Content")


class SourceWrapper(Source):
    """Passes everything on to another source.

    Derive a class from it, and override what should differ. Everything asks `check_access` first,
    and nothing is public unless `is_public` says so, so a class that lets fewer actors read
    overrides these two. To leave out projects or files, use `Filtered` instead: it leaves them out
    everywhere.

    source: the source that answers.
    """

    def __init__(self, source: Source) -> None:
        require_source(source)
        self.source = source

    def check_access(self, actor: Actor) -> None:
        self.source.check_access(actor)

    def is_public(self) -> bool:
        return self.source.is_public()

    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        self.check_access(actor)
        return restricted(self.source.project_list(actor), self)

    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        self.check_access(actor)
        return restricted(self.source.project_page(actor, project), self)

    def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        if overrides(self, SourceWrapper, "project_page"):
            return self.project_page(actor, project)
        self.check_access(actor)
        return restricted(self.source.last_page(actor, project), self)

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        if overrides(self, SourceWrapper, "project_page", "last_page"):
            return super().seen_pages(actor, projects)
        self.check_access(actor)
        pages = self.source.seen_pages(actor, projects)
        return {name: page and restricted(page, self) for name, page in pages.items()}

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        if overrides(self, SourceWrapper, *WHAT_PAGES_SAY):
            return super().summaries(actor, projects)
        self.check_access(actor)
        return self.source.summaries(actor, projects)

    def newest_releases(self, actor: Actor, limit: int) -> Sequence[NewestRelease]:
        """Returns those of the source, or none if the class shows something else of it."""
        self.check_access(actor)
        if overrides(self, SourceWrapper, "project_list", *WHAT_PAGES_SAY):
            return ()
        return self.source.newest_releases(actor, limit)

    def may_have(self, project: NormalizedName) -> bool:
        return self.source.may_have(project)

    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        self.check_access(actor)
        return restricted_file(self.source.file(actor, path), self)

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        self.check_access(actor)
        return self.source.provenance(actor, project, version, filename)

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        return self.source.core_metadata(file)

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        self.check_access(actor)
        return restricted(self.source.project_details(actor, project), self)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        self.check_access(actor)
        spelled, details = self.source.release_details(actor, project, version)
        return spelled, restricted(details, self)


def restricted(content: Versioned[Content], front: Source) -> Versioned[Content]:
    """Keeps what is public elsewhere from shared caches if the source in front is not public."""
    if not content.public or front.is_public():
        return content
    return replace(content, public=False)


def restricted_file(file: ServedFile | Redirect, front: Source) -> ServedFile | Redirect:
    """Keeps a file from shared caches if the source in front of its source is not public."""
    if isinstance(file, ServedFile) and file.public and not front.is_public():
        return file.not_public()
    return file
