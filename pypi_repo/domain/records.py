"""What a registry remembers, as frozen values: the only shape in which rows leave the storage."""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, get_args

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.profiles import Profile
from pypi_repo.domain.usage import DownloadedRelease

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

Content = TypeVar("Content", covariant=True)

ProjectStatus = Literal["active", "archived", "quarantined", "deprecated"]
"""PEP 792. Archived: no uploads. Quarantined: no uploads, no files offered."""

PROJECT_STATUSES: tuple[ProjectStatus, ...] = get_args(ProjectStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A named index.

    allow_reuse: whether the names of deleted files can be used again; overwriting implies it.
    max_file_size: bytes; None leaves the registry's own limit.
    quota: bytes of all its files together; None is without end.
    """

    id: int
    name: str
    description: str = ""
    public: bool = False
    allow_overwrite: bool = False
    allow_reuse: bool = False
    max_file_size: int | None = None
    quota: int | None = None
    profile: Profile = "private"
    serial: int = 0
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`name` is spelled as its latest upload spelled it; `serial` is that of its last change."""

    id: int
    name: str
    normalized_name: NormalizedName
    status: ProjectStatus = "active"
    status_reason: str = ""
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSummary:
    """A project as lists for people show it; `size` is in bytes.

    latest: the newest version that is neither yanked nor a pre-release, if there is any such;
        None without any release.
    summary: what the latest release says of itself; empty where that is unknown.
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
    """A project that was searched for in several repositories."""

    repository: str
    name: str
    normalized_name: NormalizedName
    status: ProjectStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionFile:
    """One sdist or wheel.

    yanked: None, or the reason (PEP 592), which may be empty.
    metadata_sha256: of the core metadata kept beside the file, or None.
    signature_sha256: of the OpenPGP signature kept beside the file, or None.
    has_provenance: whether attestations came with it (PEP 740).
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

    @property
    def path(self) -> str:
        return file_path(self.digests.sha256, self.filename)

    @property
    def offered_metadata_sha256(self) -> str | None:
        """Of the core metadata that installers may use instead of the file (PEP 658).

        Only a wheel's are what an installation will find; an sdist's may change when built.
        """
        return self.metadata_sha256 if self.kind == "bdist_wheel" else None


def file_path(sha256: str, filename: str) -> str:
    """Where a file lives, in the blob store and behind the files URL.

    The digest makes the URL of other content another URL, so files can be cached for ever; the
    last segment is exactly the filename, as the simple API demands.
    """
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{filename}"


METADATA_SUFFIX = ".metadata"
"""Appended to a file's path: its core metadata (PEP 658)."""

SIGNATURE_SUFFIX = ".asc"
"""Appended to a file's URL: its OpenPGP signature (PEP 503)."""


def stored_signature_suffix(sha256: str) -> str:
    """Appended to a file's path in the blob store.

    Repositories share the blobs of equal files, and must not share what others say of them.
    """
    return f".{sha256[:16]}{SIGNATURE_SUFFIX}"


def owner_path(path: str) -> str:
    """The path of the file that a blob belongs to, by the blob's own path."""
    return re.sub(r"(\.metadata|\.[0-9a-f]{16}\.asc)\Z", "", path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned(Generic[Content]):
    """A page of the index, named by its state and loaded only where nobody has it yet.

    key: pages of equal key have equal content, so that what was rendered once can be kept.
    serial: what mirrors compare; it grows with each change.
    public: whether shared caches may keep the page.
    """

    key: Hashable
    serial: int
    public: bool
    load: Callable[[], Content]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """Everything the simple API says of one project."""

    name: NormalizedName
    status: ProjectStatus
    status_reason: str
    serial: int
    versions: tuple[str, ...]
    files: tuple[DistributionFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedProject:
    name: str
    normalized_name: NormalizedName
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectList:
    """The root page of the simple API."""

    serial: int
    projects: tuple[ListedProject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDetails:
    """A project with all its releases (version -> files) and the metadata of one of them."""

    name: str
    serial: int
    version: str
    releases: Mapping[str, tuple[DistributionFile, ...]]
    fields: "RawMetadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What a download needs to know; `etag` names these very bytes.

    counted_for: whose downloads grow by one; None for what is kept beside a file.
    """

    path: str
    filename: str
    size: int | None
    etag: str
    public: bool
    counted_for: DownloadedRelease | None = None

    @property
    def is_distribution(self) -> bool:
        """And not something that is kept beside one."""
        return self.counted_for is not None
