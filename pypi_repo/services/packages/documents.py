"""The parsed core metadata of stored files."""

import threading
from typing import TYPE_CHECKING

from pypi_repo.domain.errors import InvalidMetadata, UnknownFile
from pypi_repo.domain.metadata.raw_metadata import Document
from pypi_repo.domain.records import DistributionFile
from pypi_repo.domain.stored_files import METADATA_SUFFIX
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.storage.blobs.store import BlobStore

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_BUDGET = 16 * 1024 * 1024  # bytes of documents, of which all parts are kept
_BESIDE_THE_DOCUMENT = 4096  # bytes that one takes for its key and its place


class Documents:
    """Parses core metadata, and keeps the results that were used last."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._kept: LRUCache[RawMetadata] = LRUCache(_BUDGET)
        self._mutex = threading.Lock()

    def fields(self, file: DistributionFile) -> "RawMetadata":
        """Returns the core metadata of a file; no fields if it has none that can be parsed.

        Raises UnknownFile if the metadata is missing from the file store.
        """
        digest = file.metadata_sha256
        if digest is None:
            return {}
        with self._mutex:
            fields = self._kept.get(digest)
        if fields is not None:
            return fields
        content = self.content(file)
        with self._mutex:  # one after the other: many may ask for a new one at once
            fields = self._kept.get(digest)
            if fields is None:
                fields = _parsed(content)
                self._kept.put(digest, fields, len(content) + _BESIDE_THE_DOCUMENT)
        return fields

    def content(self, file: DistributionFile) -> bytes:
        """Returns the core metadata of a file that has some, as they are stored.

        Raises UnknownFile if they are missing from the file store.
        """
        try:
            with self._blobs.open(file.path + METADATA_SUFFIX) as document:
                return document.read()
        except FileNotFoundError as error:
            raise UnknownFile(
                f"The metadata of {file.filename} are missing from the file store; tell the "
                "operator."
            ) from error


def _parsed(content: bytes) -> "RawMetadata":
    try:
        return Document(content).parsed[0]
    except (InvalidMetadata, ValueError, LookupError):
        # Stored by a version that took what is refused today.
        return {}
