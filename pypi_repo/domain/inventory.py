"""Which blobs a file needs: what upkeep looks after and what a backup copies."""

from collections.abc import Iterator
from dataclasses import dataclass

from pypi_repo.domain.digests import Digests
from pypi_repo.domain.records import METADATA_SUFFIX, file_path, stored_signature_suffix


@dataclass(frozen=True, slots=True)
class ExpectedBlob:
    """A blob that must be there.

    size, digests: only known of the file itself, not of what is kept beside it.
    """

    path: str
    sha256: str
    size: int | None = None
    digests: Digests | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """What the database says of a file's content; `repository` is a name."""

    id: int
    repository: str
    filename: str
    size: int
    digests: Digests
    metadata_sha256: str | None
    signature_sha256: str | None

    def blobs(self) -> Iterator[ExpectedBlob]:
        path = file_path(self.digests.sha256, self.filename)
        yield ExpectedBlob(path, self.digests.sha256, self.size, self.digests)
        if self.metadata_sha256 is not None:
            yield ExpectedBlob(path + METADATA_SUFFIX, self.metadata_sha256)
        if self.signature_sha256 is not None:
            suffix = stored_signature_suffix(self.signature_sha256)
            yield ExpectedBlob(path + suffix, self.signature_sha256)
