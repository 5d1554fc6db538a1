"""The records of a registry, as frozen values. The storage layer returns rows in no other form."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar, get_args

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.filenames import FileKind, ListedKind
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.repository_settings import RepositorySettings
from pypi_repo.domain.stored_files import METADATA_SUFFIX, file_path, stored_signature_suffix

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

Content = TypeVar("Content", covariant=True)

ProjectStatus = Literal["active", "archived", "quarantined", "deprecated"]
"""The status of a project (PEP 792).

An archived project accepts no uploads. A quarantined project accepts no uploads and offers no
files. A deprecated project is only marked as such.
"""

PROJECT_STATUSES: tuple[ProjectStatus, ...] = get_args(ProjectStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository(RepositorySettings):
    """A repository and its settings.

    serial: a number that grows with each change of the repository's content.
    sources_revision: a number that grows with each change of the settings, of what is configured
        for the sources, of the kept names, and of one of the upstreams; 0 if there never was any.
    """

    id: int
    name: str
    serial: int = 0
    sources_revision: int = 0
    created_at: datetime

    @property
    def may_have_sources(self) -> bool:
        """Whether it may have sources, or keep names from those of others.

        False only if nothing was ever configured for them, and no project was ever deleted.
        """
        return self.sources_revision > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project in a repository.

    name: the name as the metadata of the newest file spells it.
    normalized_name: the name in the normal form of PEP 503.
    status: the status of PEP 792, with the reason in `status_reason`.
    serial: the serial of the repository at the last change of the project.
    """

    id: int
    name: str
    normalized_name: NormalizedName
    status: ProjectStatus = "active"
    status_reason: str = ""
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSummary:
    """A project as it appears in lists.

    latest: the newest version that is neither yanked nor a pre-release. If there is none, a
        pre-release or a yanked version; None if the project has no release.
    summary: the summary in the metadata of the latest release; empty if it is unknown.
    releases: the number of releases.
    files: the number of files.
    size: the size of all files together, in bytes.
    last_upload: when the newest file was uploaded; None if there is no file.
    """

    name: str
    normalized_name: NormalizedName
    status: ProjectStatus
    latest: str | None
    summary: str
    releases: int
    files: int
    size: int
    last_upload: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProject:
    """A project that was found in one of several repositories.

    repository: the name of the repository.
    """

    repository: str
    name: str
    normalized_name: NormalizedName
    status: ProjectStatus


class ListedFile(Protocol):
    """A distribution file as project pages and the JSON API list it, wherever it is stored.

    kind: `sdist`, `bdist_wheel`, or one of the old kinds that other indexes still have, such as
        `bdist_egg`.
    location: an absolute URL, or a path that is appended to the URL of the files.
    size: the size of the file, in bytes; None if it is not known.
    hashes: the hexadecimal digests that installers may check, by the names of hashlib; empty if
        none is known.
    yanked: None, or the reason for which the file is yanked (PEP 592), which may be empty.
    metadata_hashes: digests of the core metadata that installers may use instead of the file
        (PEP 658), which may be empty; None if there is none to use.
    is_signed: whether an OpenPGP signature is beside the file.
    has_provenance: whether the file was uploaded with attestations (PEP 740).
    """

    @property
    def filename(self) -> str: ...
    @property
    def project(self) -> NormalizedName: ...
    @property
    def version(self) -> str: ...
    @property
    def kind(self) -> ListedKind: ...
    @property
    def python_tag(self) -> str: ...
    @property
    def location(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    @property
    def hashes(self) -> Mapping[str, str]: ...
    @property
    def requires_python(self) -> str | None: ...
    @property
    def yanked(self) -> str | None: ...
    @property
    def metadata_hashes(self) -> Mapping[str, str] | None: ...
    @property
    def is_signed(self) -> bool: ...
    @property
    def has_provenance(self) -> bool: ...
    @property
    def uploaded_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalFile:
    """A file that the registry does not store. `ListedFile` describes the fields."""

    filename: str
    project: NormalizedName
    version: str
    kind: FileKind
    python_tag: str
    location: str
    size: int | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    requires_python: str | None = None
    yanked: str | None = None
    metadata_hashes: Mapping[str, str] | None = None
    is_signed: bool = False
    has_provenance: bool = False
    uploaded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionFile:
    """An sdist or wheel that the registry stores, which is a `ListedFile`.

    project: the normalized name of the project.
    size: the size of the file, in bytes.
    digests: the digests of the content.
    requires_python: the Requires-Python of the metadata; None if there is none.
    metadata_sha256: the SHA-256 of the core metadata that is stored beside the file, or None.
    signature_sha256: the SHA-256 of the OpenPGP signature that is stored beside the file, or None.
    has_provenance: whether the file was uploaded with attestations (PEP 740).
    yanked: None, or the reason for which the file is yanked (PEP 592), which may be empty.
    uploaded_by: the name of the actor that uploaded the file.
    uploaded_by_user: whether that was a user. An administrator may have the same name.
    exemption: why the profile of the repository would have refused the file, which was imported as
        it is; None if it would not have.
    workload: the CI job that has uploaded the file without a password; None for other uploads.
    attested: the CI job that the verified attestations of the file name; None if none was verified.
    """

    filename: str
    project: NormalizedName
    version: str
    kind: FileKind
    python_tag: str
    size: int
    digests: Digests
    requires_python: str | None
    metadata_sha256: str | None
    signature_sha256: str | None = None
    has_provenance: bool = False
    yanked: str | None
    uploaded_at: datetime
    uploaded_by: str
    uploaded_by_user: bool = False
    exemption: str | None = None
    workload: CIJob | None = None
    attested: CIJob | None = None

    @property
    def path(self) -> str:
        """The path of the file in the file store, and below the URL for files."""
        return file_path(self.digests.sha256, self.filename)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The paths of everything that is stored of the file."""
        paths = [self.path]
        if self.metadata_sha256 is not None:
            paths.append(self.path + METADATA_SUFFIX)
        if self.signature_sha256 is not None:
            paths.append(self.path + stored_signature_suffix(self.signature_sha256))
        return tuple(paths)

    @property
    def location(self) -> str:
        """The same as `path`."""
        return self.path

    @property
    def hashes(self) -> Mapping[str, str]:
        """The SHA-256, which is what installers are to check."""
        return {"sha256": self.digests.sha256}

    @property
    def metadata_hashes(self) -> Mapping[str, str] | None:
        """The SHA-256 of the core metadata that installers may use instead of the file (PEP 658).

        It is None for sdists, because building an sdist may change its metadata.
        """
        if self.metadata_sha256 is None or self.kind != "bdist_wheel":
            return None
        return {"sha256": self.metadata_sha256}

    @property
    def is_signed(self) -> bool:
        """Whether an OpenPGP signature is stored beside the file."""
        return self.signature_sha256 is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned(Generic[Content]):
    """A version of an index page, whose content is loaded only if it is needed.

    key: identifies the content. Pages with equal keys have equal content, so a rendered page can be
        cached by its key.
    serial: the serial of the content, which mirrors compare. It grows with each change.
    public: whether shared caches may store the page.
    load: a function that returns the content.
    source: what the content comes from, such as `upstream:NAME`; empty if it is not said.
    stale_for: since how many seconds the content should have been asked for again, while an
        upstream does not answer; None if it is fresh.
    """

    key: Hashable
    serial: int
    public: bool
    load: Callable[[], Content]
    source: str = ""
    stale_for: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """The content of a project page of the simple API (PEP 691).

    name: the normalized name of the project.
    status: the status of PEP 792, with the reason in `status_reason`.
    serial: the serial of the repository at the last change of the project.
    versions: all versions (PEP 700), including those without files.
    files: the files of all versions.
    display_name: the name as the newest file of the project spells it; empty if it is not known.

    There are no versions and no files if the project is quarantined.
    """

    name: NormalizedName
    status: ProjectStatus
    status_reason: str
    serial: int
    versions: tuple[str, ...]
    files: tuple[ListedFile, ...]
    display_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedProject:
    """An entry of the root page of the simple API.

    serial: the serial of the repository at the last change of the project.
    """

    name: str
    normalized_name: NormalizedName
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectList:
    """The content of the root page of the simple API (PEP 691).

    serial: the serial of the repository.
    """

    serial: int
    projects: tuple[ListedProject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDetails:
    """A project with all its releases (version -> files) and the metadata of one of them.

    is_complete: whether there is no more metadata to be had; False if it cannot be had right now.
    """

    name: str
    serial: int
    version: str
    releases: Mapping[str, tuple[ListedFile, ...]]
    fields: "RawMetadata"
    is_complete: bool = True
