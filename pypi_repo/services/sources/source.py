"""The contract between whatever offers packages and everything that shows them to readers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

from pypi_repo.domain.access import Actor
from pypi_repo.domain.errors import UnknownFile, UnknownRelease
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import (
    ListedFile,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    Versioned,
)
from pypi_repo.domain.releases import preferred_version
from pypi_repo.domain.versions import version_or_none

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


class ServedFile(ABC):
    """A distribution file, or what is kept beside one, as a source gives it to a reader.

    project: whose file it is.
    filename: under which clients save it; the last part of its path.
    etag: names these very bytes, such as their digest.
    public: whether everybody may have it, and shared caches may keep it.
    url: an absolute URL to which clients are redirected; None where the content comes from `open`.
    """

    project: NormalizedName
    filename: str
    etag: str
    public: bool

    @property
    def url(self) -> str | None:
        return None

    @abstractmethod
    def open(self) -> tuple[IO[bytes], int]:
        """The content, which is seekable and at its beginning, and its size in bytes.

        The caller closes it. Raises UnknownFile where the content is gone, and Unavailable where it
        cannot be had now.
        """

    @abstractmethod
    def count_download(self) -> None:
        """Notes that a reader got the file, or its beginning."""


class Source(ABC):
    """Everything that readers ask of a repository.

    The simple index, downloads, the JSON API and the portal show what a source answers and nothing
    else. Implement it to offer packages from elsewhere; extend `SourceWrapper` or `Filtered` to
    change what another source offers.

    Each method is asked for an actor, on each request. All of them raise AuthenticationRequired,
    PermissionDenied or UnknownRepository where the actor may not read.
    """

    @abstractmethod
    def check_access(self, actor: Actor) -> None:
        """Raises unless the actor may read here at all."""

    @abstractmethod
    def is_public(self) -> bool:
        """Whether everybody may read, so that pages of other sites may read along (CORS)."""

    @abstractmethod
    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        """The projects of which the actor may know, for the root page of the index."""

    @abstractmethod
    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        """A project with its files. Raises UnknownProject."""

    @abstractmethod
    def file(self, actor: Actor, path: str) -> ServedFile:
        """The file at the `location` that a project page gives it.

        path: the `location`, or that with `.metadata` or `.asc` appended for the core metadata or
            the signature of the file.

        Raises UnknownFile, or ProjectClosed for a quarantined project.
        """

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        """The provenance object of a file, as JSON (PEP 740).

        version: in any spelling.

        Raises UnknownFile where there is no such file, or none was uploaded with it.
        """
        self.check_access(actor)
        raise UnknownFile(f"There is no provenance of {filename[:200]!r} here.")

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        """The fields of a listed file's core metadata; empty where they are not known."""
        return {}

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        """A project with all its releases, and the core metadata of the one most people want.

        Raises UnknownProject; loading raises UnknownRelease where the project has none.
        """
        return self.details_of(self.project_page(actor, project), None)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        """How a version is spelled here, and the project with the core metadata of its release.

        version: in any spelling: 1.0, 1.0.0 and v1.0 are one release.

        Raises UnknownProject or UnknownRelease.
        """
        page = self.project_page(actor, project)
        wanted = version_or_none(version)
        for spelled in page.load().versions:
            if version_or_none(spelled) == wanted is not None:
                return spelled, self.details_of(page, spelled)
        raise unknown_release(project, version)

    def details_of(
        self, page: Versioned[ProjectPage], version: str | None
    ) -> Versioned[ProjectDetails]:
        """The details that belong to a project page, so that both show the same files.

        version: as the page spells it.
        """
        return Versioned(
            key=("details", page.key, version),
            serial=page.serial,
            public=page.public,
            load=lambda: self._load_details(page.load(), version),
        )

    def _load_details(self, page: ProjectPage, version: str | None) -> ProjectDetails:
        found: dict[str, list[ListedFile]] = {spelled: [] for spelled in page.versions}
        for file in page.files:
            found[file.version].append(file)
        releases = {spelled: tuple(files) for spelled, files in found.items()}
        chosen = _preferred(releases) if version is None else version
        if chosen is None or chosen not in releases:
            raise unknown_release(page.name, version or "")
        return ProjectDetails(
            name=page.display_name or page.name,
            serial=page.serial,
            version=chosen,
            releases=releases,
            fields=self._core_metadata_of(releases[chosen]),
        )

    def _core_metadata_of(self, files: Sequence[ListedFile]) -> "RawMetadata":
        """Of the newest wheel that has some, or else of the newest file."""
        newest_first = files[::-1]
        wheels_first = sorted(newest_first, key=lambda file: file.kind != "bdist_wheel")
        for file in wheels_first:
            if fields := self.core_metadata(file):
                return fields
        return {}


def unknown_release(project: str, version: str) -> UnknownRelease:
    """The error for a version that a project does not have."""
    return UnknownRelease(f"{project} has no release {version[:80]!r} here; check the version.")


def _preferred(releases: Mapping[str, Sequence[ListedFile]]) -> str | None:
    return preferred_version(
        {version: any(file.yanked is None for file in files) for version, files in releases.items()}
    )
