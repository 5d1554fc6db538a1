"""The files of upstreams: fetched when somebody asks for them, and kept in the file store."""

import sys

from pypi_repo.domain.errors import UnknownFile, UpstreamFailed
from pypi_repo.domain.records import METADATA_SUFFIX
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.sources.source import ServedFile
from pypi_repo.services.sources.stored_file import Downloads, StoredFile
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.database.database import Database


class UpstreamFiles:
    """Fetches files of upstreams, and keeps them."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        client: OutboundClient,
        targets: Targets,
        downloads: Downloads,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._client = client
        self._targets = targets
        self._downloads = downloads

    def file(
        self,
        upstream: Upstream,
        file: UpstreamFile,
        *,
        public: bool,
        counted_for: DownloadedRelease,
    ) -> ServedFile:
        """Returns a file."""
        sha256 = file.hashes.get("sha256", "")
        if not self._blobs.exists(file.location):
            self._fetch(upstream, file.url, file.location, sha256)
        return StoredFile(
            project=file.project,
            path=file.location,
            filename=file.filename,
            size=file.size,
            etag=sha256,
            public=public,
            downloads=self._downloads,
            counted_for=counted_for,
        )

    def metadata(self, upstream: Upstream, file: UpstreamFile, *, public: bool) -> ServedFile:
        """Returns the core metadata of a file."""
        if file.metadata_hashes is None:
            raise UnknownFile(f"No core metadata is served for {file.filename}.")
        sha256 = file.metadata_hashes.get("sha256", "")
        path = file.location + METADATA_SUFFIX
        if not self._blobs.exists(path):
            self._fetch(upstream, file.url + METADATA_SUFFIX, path, sha256)
        return StoredFile(
            project=file.project,
            path=path,
            filename=file.filename + METADATA_SUFFIX,
            size=None,
            etag=sha256,
            public=public,
            downloads=self._downloads,
        )

    def provenance(self, upstream: Upstream, file: UpstreamFile) -> str:
        """Returns the provenance of a file."""
        raise UnknownFile(f"There is no provenance of {file.filename} here.")

    def _fetch(self, upstream: Upstream, url: str, path: str, sha256: str) -> None:
        headers = {"Accept-Encoding": "identity"}
        with (
            self._client.get(self._targets.of(upstream), url, headers=headers) as answer,
            self._blobs.stage() as staged,
        ):
            while chunk := answer.read(65536):
                staged.write(chunk, sys.maxsize)
            if answer.status != 200 or staged.digests().sha256 != sha256:
                raise UpstreamFailed("The upstream sent another file; tell an administrator.")
            self._blobs.put(path, staged, {})
