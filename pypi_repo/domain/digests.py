"""Digests of file contents, computed while the content is received."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of the content of a file, in lower-case hexadecimal.

    blake2_256: BLAKE2b with a digest of 32 bytes, which the legacy upload API uses.
    """

    sha256: str
    blake2_256: str
    md5: str


class DigestingCounter:
    """Computes the size and the digests of a file from its chunks."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._blake2 = hashlib.blake2b(digest_size=32)
        # Old clients state only an MD5 and mirrors ask for it; it protects nothing here, which
        # is also what lets FIPS builds of OpenSSL compute it.
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """Adds the next chunk."""
        self.size += len(chunk)
        self._sha256.update(chunk)
        self._blake2.update(chunk)
        self._md5.update(chunk)

    def digests(self) -> Digests:
        """Returns the digests of all chunks so far."""
        return Digests(
            sha256=self._sha256.hexdigest(),
            blake2_256=self._blake2.hexdigest(),
            md5=self._md5.hexdigest(),
        )
