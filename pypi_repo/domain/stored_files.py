"""The blobs that a file needs, and their paths in the file store."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pypi_repo.domain.digests import Digests


def file_path(sha256: str, filename: str) -> str:
    """Returns the path of a file in the file store, and below the URL for files.

    Different content has a different digest and so a different URL, which lets clients cache a file
    for ever. The last segment is the filename, as the simple API requires.
    """
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256[4:]}/{filename}"


_BESIDE = re.compile(r"(\.metadata|\.[0-9a-f]{16}\.(asc|metadata|provenance))\Z")

_SAID_BESIDE = re.compile(r"\.([0-9a-f]{16})\.(?:asc|metadata)\Z")
_SAID = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/")

METADATA_SUFFIX = ".metadata"
"""Appended to a file's path: its core metadata (PEP 658)."""

SIGNATURE_SUFFIX = ".asc"
"""Appended to a file's URL: its OpenPGP signature (PEP 503)."""


def stored_signature_suffix(sha256: str) -> str:
    """Returns what is appended to a file's path in the blob store for its signature.

    Repositories share the blobs of equal files, and must not share what others say of them.
    """
    return f".{sha256[:16]}{SIGNATURE_SUFFIX}"


def owner_path(path: str) -> str:
    """Returns the path of the file that a blob belongs to, by the blob's own path."""
    return _BESIDE.sub("", path)


def named_digest(path: str) -> str:
    """Returns how the SHA-256 of a blob begins, by its path; empty where the path does not say."""
    if beside := _SAID_BESIDE.search(path):
        return beside[1]
    digest = _SAID.match(path)
    return "" if digest is None or owner_path(path) != path else "".join(digest.groups())


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

    table: the name of the table that has its row.
    repository: the name of the repository.
    """

    table: str
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
