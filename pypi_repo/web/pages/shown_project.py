"""A project as people look at it: its releases, and what the metadata of one of them says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pypi_repo.domain.records import ListedFile, Project, ProjectDetails, ProjectPage
from pypi_repo.domain.versions import version_order
from pypi_repo.services.sources.own_files import OWN_FILES

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


@dataclass(frozen=True, slots=True)
class ShownRelease:
    """One row of a list of releases."""

    version: str
    files: tuple[ListedFile, ...]

    @property
    def uploaded_at(self) -> datetime | None:
        """When its last file came; None if that is not known."""
        return max((file.uploaded_at for file in self.files if file.uploaded_at), default=None)

    @property
    def size(self) -> int | None:
        """The size of all its files, in bytes; None if that of one is not known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def yanked(self) -> str:
        """The text of the badge that says what is yanked; empty if nothing is."""
        yanked = [file for file in self.files if file.yanked is not None]
        return "" if not yanked else "partly yanked" if len(yanked) < len(self.files) else "yanked"

    @property
    def reasons(self) -> list[str]:
        """The reasons for which its files are yanked, each once."""
        return list(dict.fromkeys(file.yanked for file in self.files if file.yanked))


@dataclass(frozen=True, kw_only=True)
class ShownProject:
    """What every page of a project shows; `details` are None where it has no files.

    sources: from where what is shown comes, as the index says it: `own-files`, `upstream:NAME`.
    stale_for: for how many seconds its page should have been asked for again, where it fails.
    withheld: why releases are not offered, one sentence for each, those of the newest first.
    """

    project: Project
    details: ProjectDetails | None
    sources: Sequence[str] = (OWN_FILES,)
    stale_for: int | None = None
    withheld: Sequence[str] = ()

    @property
    def is_own(self) -> bool:
        """Whether the repository has the project, and so whether it is managed here."""
        return OWN_FILES in self.sources

    @property
    def fields(self) -> "RawMetadata":
        """The core metadata of the release that is shown; empty if the project has no files."""
        return self.details.fields if self.details else {}

    @cached_property
    def releases(self) -> list[ShownRelease]:
        """The releases, the newest first."""
        found = self.details.releases if self.details else {}
        versions = sorted(found, key=version_order, reverse=True)
        return [ShownRelease(version, found[version]) for version in versions]

    @property
    def shown_release(self) -> ShownRelease | None:
        """The one whose metadata is shown."""
        if self.details is None:
            return None
        version = self.details.version
        return ShownRelease(version, self.details.releases[version])


def project_on(page: ProjectPage) -> Project:
    """Returns what a page of the index says of its project."""
    return Project(
        id=0,
        name=page.display_name or page.name,
        normalized_name=page.name,
        status=page.status,
        status_reason=page.status_reason,
    )
