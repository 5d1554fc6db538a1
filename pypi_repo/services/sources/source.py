"""The contract between what offers packages and what shows them to readers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Self

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    PermissionDenied,
    UnknownFile,
    UnknownProject,
    UnknownRepository,
    UpstreamFailed,
    UpstreamRefused,
    unknown_release,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.pages.summaries import NewestRelease, summary_of
from pypi_repo.domain.records import (
    ListedFile,
    ProjectDetails,
    ProjectList,
    ProjectPage,
    ProjectSummary,
    Versioned,
)
from pypi_repo.domain.releases import preferred_version
from pypi_repo.domain.versions import is_same_version

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


REFUSED = (AuthenticationRequired, PermissionDenied, UnknownRepository)
"""What a source raises for a reader who may not read from it."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """A distribution file, or its core metadata or signature, that clients get from elsewhere.

    project: the normalized name of the project.
    url: the absolute URL to which clients are redirected.
    """

    project: NormalizedName
    url: str


@dataclass(frozen=True, slots=True)
class Arriving:
    """A file, or a part of it, that arrives from elsewhere.

    size: the size of the whole file, in bytes; None if it is not known.
    selected: the part; None for the whole file.
    content: an iterator that brings the content as it arrives. It raises an error at the end unless
        it was all there and right, so that no client takes it for a complete answer.
    """

    size: int | None
    selected: range | None
    content: Iterator[bytes]


class StillElsewhere(Exception):
    """A file has to be fetched from elsewhere before it can be opened."""

    def __init__(self, file: "FileElsewhere") -> None:
        super().__init__()
        self.file = file


class FileElsewhere(ABC):
    """A file that can be had while it arrives.

    size: the size of the file, in bytes; None if it is not known.
    """

    size: int | None

    @abstractmethod
    def whole(self) -> Arriving:
        """Returns the file.

        Raises UnknownFile if it is not there, and UpstreamFailed if it cannot be had.
        """

    @abstractmethod
    def part(self, start: int, stop: int | None) -> Arriving | None:
        """Returns a part of the file, or None if there is no such part.

        The whole file is returned if there are no parts to be had.

        start, stop: which bytes. Without `stop`, they go to the end of the file; a negative `start`
            means the last bytes.

        Raises UnknownFile and UpstreamFailed, as `whole`.
        """


class ServedFile(ABC):
    """A distribution file, or its core metadata or signature, for a reader.

    project: the normalized name of the project.
    filename: the name under which clients save the file, which is the last segment of its path.
    etag: a text that identifies the content, such as its digest; empty if none is known.
    public: whether everybody may read the file, and shared caches may store it.
    """

    project: NormalizedName
    filename: str
    etag: str
    public: bool

    @abstractmethod
    def open(self) -> tuple[IO[bytes], int]:
        """Returns the content as a seekable file at its beginning, and its size in bytes.

        The caller closes the file.

        Raises UnknownFile if the content is lost, Unavailable if it cannot be read at the moment,
        and StillElsewhere if it has to be fetched first.
        """

    @abstractmethod
    def count_download(self) -> None:
        """Counts a download of the file, or of its beginning."""

    def not_public(self) -> Self:
        """Returns the same file, which shared caches may not store."""
        if not self.public:
            return self
        private = copy(self)
        object.__setattr__(private, "public", False)  # some are frozen
        return private


class Source(ABC):
    """Answers everything that readers ask of a repository.

    The simple index, downloads and the JSON API show what a source answers, and nothing else. The
    portal and the management API manage the uploaded files, whatever the source shows of them.

    Implement this class to offer packages from elsewhere. To change what another source offers,
    derive a class from `SourceWrapper` or `Filtered`.

    A method with the argument `actor` is called on each request. It raises AuthenticationRequired,
    PermissionDenied or UnknownRepository if the actor may not read.
    """

    @abstractmethod
    def check_access(self, actor: Actor) -> None:
        """Raises an error unless the actor may read from this source."""

    @abstractmethod
    def is_public(self) -> bool:
        """Returns whether everybody may read, also scripts on other sites (CORS)."""

    @abstractmethod
    def project_list(self, actor: Actor) -> Versioned[ProjectList]:
        """Returns the projects that the actor may see, for the root page of the index."""

    @abstractmethod
    def project_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        """Returns a project with its files.

        Raises UnknownProject.
        """

    def last_page(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectPage]:
        """Returns a project page as it was seen last, which decides about downloads.

        A source that asks somebody else for pages returns what it knows, however old it is, so that
        a file that is here can be downloaded whatever happens elsewhere.

        Raises UnknownProject.
        """
        return self.project_page(actor, project)

    def seen_pages(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, Versioned[ProjectPage] | None]:
        """Returns the pages of several projects as they were seen last, without asking anybody.

        A project is left out if the source does not have it, or nobody has asked for it yet. It is
        None if the actor may not read it: then no other source may supply it.
        """
        self.check_access(actor)
        seen: dict[NormalizedName, Versioned[ProjectPage] | None] = {}
        for project in projects:
            try:
                seen[project] = self.last_page(actor, project)
            except UnknownProject:
                continue
            except REFUSED:
                seen[project] = None
        return seen

    def summaries(
        self, actor: Actor, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, ProjectSummary]:
        """Returns what lists say of several projects, by what was seen of them last.

        It says the same as the project pages. Projects that the actor does not see are left out. By
        default, it is found out from `seen_pages`, and the summaries of metadata are not known.
        """
        pages = self.seen_pages(actor, projects)
        return {name: summary_of(page.load()) for name, page in pages.items() if page is not None}

    def newest_releases(self, actor: Actor, limit: int) -> Sequence[NewestRelease]:
        """Returns the releases that were uploaded last, of those that the actor sees.

        The first is the newest. Releases that are yanked are left out. By default, there are none.

        limit: the largest number of releases.
        """
        self.check_access(actor)
        return ()

    def may_have(self, project: NormalizedName) -> bool:
        """Returns whether the source may have a project, for whomever.

        A source answers without asking anybody else, and False only if it knows.
        """
        return True

    @abstractmethod
    def file(self, actor: Actor, path: str) -> ServedFile | Redirect:
        """Returns the file at a location, or where clients get it.

        path: the `location` of a file on a project page; with `.metadata` or `.asc` appended, its
            core metadata or its signature.

        Raises UnknownFile, or ProjectClosed for a quarantined project.
        """

    def provenance(self, actor: Actor, project: NormalizedName, version: str, filename: str) -> str:
        """Returns the provenance of a file, as JSON (PEP 740).

        version: the version, in any spelling.

        Raises UnknownFile if there is no such file, or if it has no provenance.
        """
        self.check_access(actor)
        raise UnknownFile(f"There is no provenance of {filename[:200]!r} here.")

    def core_metadata(self, file: ListedFile) -> "RawMetadata":
        """Returns the fields of a file's core metadata; no fields if they are unknown.

        file: a file of a project page of this source.

        Raises UpstreamFailed or UpstreamRefused if they cannot be had right now.
        """
        return {}

    def project_details(self, actor: Actor, project: NormalizedName) -> Versioned[ProjectDetails]:
        """Returns a project with its releases, and the core metadata of the preferred one.

        Raises UnknownProject. Loading the result raises UnknownRelease if the project has no
        release.
        """
        return self.details_of(self.project_page(actor, project), None)

    def release_details(
        self, actor: Actor, project: NormalizedName, version: str
    ) -> tuple[str, Versioned[ProjectDetails]]:
        """Returns a version as it is spelled, and the project with this release's metadata.

        version: the version, in any spelling: 1.0, 1.0.0 and v1.0 are one release.

        Raises UnknownProject or UnknownRelease.
        """
        page = self.project_page(actor, project)
        loaded = page.load()
        for spelled in loaded.versions:
            if is_same_version(spelled, version):
                return spelled, self.details_of(replace(page, load=lambda: loaded), spelled)
        raise unknown_release(project, version)

    def details_of(
        self, page: Versioned[ProjectPage], version: str | None
    ) -> Versioned[ProjectDetails]:
        """Returns the details that belong to a project page, so that both show the same files.

        version: the version, as the page spells it.
        """
        return Versioned(
            key=("details", page.key, version),
            serial=page.serial,
            public=page.public,
            load=lambda: self._load_details(page.load(), version),
            source=page.source,
            stale_for=page.stale_for,
        )

    def _load_details(self, page: ProjectPage, version: str | None) -> ProjectDetails:
        found: dict[str, list[ListedFile]] = {spelled: [] for spelled in page.versions}
        for file in page.files:
            found.setdefault(file.version, []).append(file)
        releases = {spelled: tuple(files) for spelled, files in found.items()}
        chosen = _preferred(releases) if version is None else version
        if chosen is None or chosen not in releases:
            raise unknown_release(page.name, version or "")
        details = ProjectDetails(
            name=page.display_name or page.name,
            serial=page.serial,
            version=chosen,
            releases=releases,
            fields={},
        )
        try:
            return replace(details, fields=self.core_metadata_of(releases[chosen]))
        except (UpstreamFailed, UpstreamRefused):
            return replace(details, is_complete=False)

    def core_metadata_of(self, files: Sequence[ListedFile]) -> "RawMetadata":
        """Returns the core metadata of the newest wheel that has some, or of the newest file."""
        newest_first = files[::-1]
        wheels_first = sorted(newest_first, key=lambda file: file.kind != "bdist_wheel")
        for file in wheels_first:
            if fields := self.core_metadata(file):
                return fields
        return {}


def require_source(given: object) -> None:
    """Raises TypeError unless it gets an object of a class that is derived from Source."""
    if not isinstance(given, Source):
        raise TypeError(
            f"A source must be an object of a class that is derived from Source, but is {given!r}."
        )


def overrides(source: Source, base: type, *methods: str) -> bool:
    """Returns whether the class of a source has its own version of one of the methods of `base`."""
    return any(getattr(type(source), name) is not getattr(base, name) for name in methods)


def _preferred(releases: Mapping[str, Sequence[ListedFile]]) -> str | None:
    return preferred_version(
        {version: any(file.yanked is None for file in files) for version, files in releases.items()}
    )
