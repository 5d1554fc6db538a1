"""What the file store has of an upstream."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.stored_files import METADATA_SUFFIX, ExpectedBlob, file_path

CacheKey = tuple[int, str, str]
"""The upstream's id, the filename and the SHA-256 of a cached file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFile:
    """A file of an upstream that is in the file store, or what belongs beside it.

    size: the size of the file in bytes; None while only what belongs beside it is there.
    size_beside: the size of what is stored beside it, in bytes.
    metadata_sha256: the SHA-256 of the core metadata that is stored beside it, or None.
    identity: what tells the file from others of its name, if the upstream names no SHA-256.
    used_at: when it was used last, to the hour.
    """

    upstream_id: int
    filename: str
    sha256: str
    project: NormalizedName
    size: int | None
    size_beside: int
    metadata_sha256: str | None
    identity: str | None
    cached_at: datetime
    used_at: datetime

    @property
    def key(self) -> CacheKey:
        """What tells it from all others."""
        return self.upstream_id, self.filename, self.sha256

    @property
    def size_in_all(self) -> int:
        """The size of the file and of what is beside it, in bytes."""
        return (self.size or 0) + self.size_beside

    @property
    def path(self) -> str:
        """The path in the file store."""
        return file_path(self.sha256, self.filename)

    def blobs(self) -> Iterator[ExpectedBlob]:
        """Yields the blobs whose digests are known."""
        if self.size is not None:
            yield ExpectedBlob(self.path, self.sha256, self.size)
        if self.metadata_sha256 is not None:
            suffix = stored_metadata_suffix(self.metadata_sha256)
            yield ExpectedBlob(self.path + suffix, self.metadata_sha256)


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How much the cache of an upstream was used in some time.

    downloads: the downloads of its files.
    fetches: how often one of its files had to be fetched.
    fetched: the bytes that were fetched.
    """

    downloads: int = 0
    fetches: int = 0
    fetched: int = 0

    @property
    def hits(self) -> int:
        """The downloads for which nothing had to be fetched."""
        return max(0, self.downloads - self.fetches)

    def __add__(self, other: "CacheUse") -> "CacheUse":
        return CacheUse(
            self.downloads + other.downloads,
            self.fetches + other.fetches,
            self.fetched + other.fetched,
        )


def stored_metadata_suffix(sha256: str) -> str:
    """Returns what is appended to a file's path for its core metadata, as an upstream has it.

    It need not be that of the own file of equal content, which is taken from the archive.
    """
    return f".{sha256[:16]}{METADATA_SUFFIX}"


def stored_provenance_suffix(upstream_id: int, url: str) -> str:
    """Returns what is appended to a file's path for its provenance, as an upstream has it.

    No digest is known of it, so it is that of this upstream alone.

    url: the URL of the provenance.
    """
    name = hashlib.sha256(f"{upstream_id} {url}".encode()).hexdigest()
    return f".{name[:16]}.provenance"
