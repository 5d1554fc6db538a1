"""Deletes at once what was stored of files that are not kept."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.records import DistributionFile
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.stored_files import StoredFiles

_AT_ONCE = 50  # files


def discard_files(database: Database, blobs: BlobStore, files: Sequence[DistributionFile]) -> None:
    """Deletes blobs of files that are in no table any more; see `discard`.

    In short transactions, so that uploads need not wait for long.
    """
    for first in range(0, len(files), _AT_ONCE):
        stored: dict[str, set[str]] = defaultdict(set)
        for each in files[first : first + _AT_ONCE]:
            stored[each.digests.sha256] |= set(each.blobs)
        discard(database, blobs, stored)


def discard(database: Database, blobs: BlobStore, stored: Mapping[str, Collection[str]]) -> None:
    """Deletes blobs of files, unless other files need the same content.

    Nothing can be published in the meantime. What cannot be deleted now is left for a sweep. So is
    everything if the caller's transaction continues, which may not see what others have published.

    stored: the paths of the blobs, by the SHA-256 of the file.
    """
    if database.is_joined or not stored:
        return
    with suppress(RegistryError), database.begin() as connection:
        Catalog(connection).lock_repositories()
        needed = set[str]()
        for sha256 in stored:
            for file in StoredFiles(connection).files_of(sha256):
                needed |= {blob.path for blob in file.blobs()}
            for cached in CachedFiles(connection).of_digest(sha256):
                needed |= {blob.path for blob in cached.blobs()}
        for path in {path for paths in stored.values() for path in paths} - needed:
            blobs.delete(path)
