"""The blobs that a file needs, for upkeep and backups."""

from collections.abc import Iterator
from dataclasses import dataclass

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.records import METADATA_SUFFIX, file_path, stored_signature_suffix


@dataclass(frozen=True, slots=True)
class ExpectedBlob:
    """A blob that must exist.

    size: the size in bytes; None for blobs that are stored beside a file.
    digests: the digests; None for blobs that are stored beside a file.
    """

    path: str
    sha256: str
    size: int | None = None
    digests: Digests | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file as the database describes it.

    repository: the name of the repository.
    """

    id: int
    repository: str
    filename: str
    size: int
    digests: Digests
    metadata_sha256: str | None
    signature_sha256: str | None

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content."""
        return self.digests.sha256

    def blobs(self) -> Iterator[ExpectedBlob]:
        """Yields the blobs that the file needs."""
        path = file_path(self.digests.sha256, self.filename)
        yield ExpectedBlob(path, self.digests.sha256, self.size, self.digests)
        if self.metadata_sha256 is not None:
            yield ExpectedBlob(path + METADATA_SUFFIX, self.metadata_sha256)
        if self.signature_sha256 is not None:
            suffix = stored_signature_suffix(self.signature_sha256)
            yield ExpectedBlob(path + suffix, self.signature_sha256)
