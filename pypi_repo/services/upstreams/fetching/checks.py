"""Checks that what was fetched is what the upstream's page names."""

import hashlib

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.settings import format_size


class WrongContent(UpstreamFailed):
    """An upstream sends something else than its page names."""


class Checks:
    """Computes the size and the digests of a file while it arrives, and compares them.

    limit: the largest size for a file whose size is not known, in bytes.
    """

    def __init__(self, file: UpstreamFile, limit: int) -> None:
        self._file = file
        self._largest = limit
        self._limit = limit if file.size is None else file.size
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._others = {
            name: hashlib.new(name, usedforsecurity=False)
            for name in file.hashes.keys() & hashlib.algorithms_available
            if name != "sha256"
        }

    @property
    def can_tell(self) -> bool:
        """Whether a digest is known, so that any other content is noticed."""
        return "sha256" in self._file.hashes or bool(self._others)

    @property
    def sha256(self) -> str:
        """The SHA-256 of what has arrived."""
        return self._sha256.hexdigest()

    def update(self, chunk: bytes) -> None:
        """Adds the next chunk.

        Raises WrongContent if it is too much.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            if self._file.size is None:
                raise _too_large(self._file, self._largest)
            raise _wrong(self._file, f"it has more than the {self._limit} bytes that its page says")
        self._sha256.update(chunk)
        for other in self._others.values():
            other.update(chunk)

    def require_possible(self) -> None:
        """Raises WrongContent for a file that is larger than files may be."""
        if self._file.size is not None and self._file.size > self._largest:
            raise _too_large(self._file, self._largest)

    def require_size(self, size: int) -> None:
        """Raises WrongContent unless the file may have this size."""
        if self._file.size is not None and size != self._file.size:
            raise _wrong(self._file, f"it has {size} bytes, and its page says {self._file.size}")
        if size > self._largest:
            raise _too_large(self._file, self._largest)

    def finish(self) -> None:
        """Raises WrongContent unless what has arrived is the whole and right file."""
        self.require_size(self.size)
        digests = {"sha256": self._sha256, **self._others}
        for name, expected in self._file.hashes.items():
            if name in digests and digests[name].hexdigest() != expected:
                raise _wrong(self._file, f"its {name} is {digests[name].hexdigest()}")


def _too_large(file: UpstreamFile, limit: int) -> WrongContent:
    return WrongContent(
        f"{file.filename} is larger than the {format_size(limit)} that a file may have here; an "
        "administrator can raise the limit.",
        detail=file.place,
    )


def _wrong(file: UpstreamFile, what: str) -> WrongContent:
    return WrongContent(
        f"The upstream sends something else as {file.filename} than its page names; nothing of it "
        "was kept. Tell an administrator.",
        detail=f"{file.place}: {what}",
    )
