"""Receives a file from a source, and compares it with what the source says of it."""

import hashlib
from collections.abc import Callable

from pypi_repo.domain.errors import DigestMismatch, Unavailable
from pypi_repo.domain.importing.found import FoundFile
from pypi_repo.services.importing.sources.source import ImportSource
from pypi_repo.storage.blobs.store import StagedFile

_COMPUTED_ANYWAY = ("sha256", "md5")
_COMPARED = frozenset(
    name for name in hashlib.algorithms_guaranteed if not name.startswith("shake")
)  # whose digests have one length each


def receive(
    source: ImportSource,
    file: FoundFile,
    staged: StagedFile,
    limit: int,
    is_stopped: Callable[[], bool],
) -> None:
    """Writes the content of a file to a staged file.

    limit: the largest size, in bytes.
    is_stopped: a function that tells whether to give up.

    Raises DigestMismatch unless the size and all known digests are those that the source says,
    TooLarge, and the errors of the source.
    """
    others = {
        name: hashlib.new(name, usedforsecurity=False)
        for name in file.hashes.keys() & _COMPARED
        if name not in _COMPUTED_ANYWAY
    }
    for chunk in source.read(file):
        if is_stopped():
            raise Unavailable("The import was interrupted; begin it again to go on.")
        staged.write(chunk, limit)
        if file.size is not None and staged.size > file.size:
            break
        for other in others.values():
            other.update(chunk)
    if file.size is not None and staged.size != file.size:
        raise DigestMismatch("It has another size than the source says; have it repaired there.")
    digests = staged.digests()
    computed = {"sha256": digests.sha256, "md5": digests.md5}
    computed |= {name: other.hexdigest() for name, other in others.items()}
    for name, stated in file.hashes.items():
        if computed.get(name, stated) != stated:
            raise DigestMismatch(
                f"Its {name} digest is not the one that the source says; have it repaired there."
            )
