"""Takes files of upstreams out of the file store. They come back when somebody asks for them."""

from collections.abc import Container

from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheKey
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.stored_files import StoredFiles
from pypi_repo.storage.upstreams import Upstreams

_PAGE = 100  # rows


class Caches:
    """The cached files of all upstreams."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def trim_all(self) -> list[CachedFile]:
        """Drops what is too much for the `cache_size` of each upstream, and returns it."""
        return [file for each in Upstreams(self._database).all() for file in self.trim(each)]

    def trim(self, upstream: Upstream, spared: Container[CacheKey] = ()) -> list[CachedFile]:
        """Drops what was used longest ago until the rest fits into `cache_size`, and returns it.

        Nothing of an upstream that is offline is dropped, because it could not come back.

        spared: the keys of files that stay.
        """
        if upstream.cache_size is None or upstream.offline:
            return []
        excess = CachedFiles(self._database).size(upstream.id) - upstream.cache_size
        dropped: list[CachedFile] = []
        while excess > 0:
            oldest = [file for file in self._least_used(upstream) if file.key not in spared]
            if not oldest:
                break
            for file in oldest:
                if excess > 0:
                    self.drop(file)
                    dropped.append(file)
                    excess -= file.size_in_all
        return dropped

    def drop(self, file: CachedFile) -> None:
        """Forgets a file, and deletes it unless another upstream or a repository has it, too.

        What is beside a file and is not known by its digest is deleted by the next sweep.
        """
        with self._database.begin() as connection:
            Catalog(connection).lock_repositories()  # or an upload could count on the file
            CachedFiles(connection).drop(file)
            if StoredFiles(connection).refers_to(file.sha256, file.filename):
                return
            for blob in file.blobs():
                self._blobs.delete(blob.path)

    def _least_used(self, upstream: Upstream) -> list[CachedFile]:
        return CachedFiles(self._database).least_used(upstream.id, _PAGE)
