"""The core metadata of stored files, taken apart once for all who ask for them."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pypi_repo.domain.errors import InvalidMetadata, UnknownFile
from pypi_repo.domain.raw_metadata import Document
from pypi_repo.domain.records import METADATA_SUFFIX, DistributionFile
from pypi_repo.storage.blobs import BlobStore

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_BUDGET = 16 * 1024 * 1024  # bytes of documents, of which all parts are kept
_BESIDE_THE_DOCUMENT = 4096  # bytes that one takes for its key and its place


class Documents:
    """Forgets the least recently used when all together exceed a budget."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._size = 0
        self._kept: OrderedDict[str, tuple[RawMetadata, int]] = OrderedDict()
        self._mutex = threading.Lock()

    def fields(self, file: DistributionFile) -> "RawMetadata":
        """What the file's core metadata say, or nothing where it has none that can be parsed.

        Raises UnknownFile where they are missing from the file store.
        """
        digest = file.metadata_sha256
        if digest is None:
            return {}
        with self._mutex:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return self._kept[digest][0]
        content = self._read(file)
        with self._mutex:  # one after the other: many may ask for a new one at once
            if digest not in self._kept:
                self._keep(digest, _parsed(content), len(content) + _BESIDE_THE_DOCUMENT)
            return self._kept[digest][0]

    def _read(self, file: DistributionFile) -> bytes:
        try:
            with self._blobs.open(file.path + METADATA_SUFFIX) as document:
                return document.read()
        except FileNotFoundError as error:
            raise UnknownFile(
                f"The metadata of {file.filename} are missing from the file store; tell the "
                "operator."
            ) from error

    def _keep(self, digest: str, fields: "RawMetadata", size: int) -> None:
        self._kept[digest] = (fields, size)
        self._size += size
        while self._size > _BUDGET and len(self._kept) > 1:
            _digest, (_fields, forgotten) = self._kept.popitem(last=False)
            self._size -= forgotten


def _parsed(content: bytes) -> "RawMetadata":
    try:
        return Document(content).parsed[0]
    except (InvalidMetadata, ValueError, LookupError):
        # Stored by a version that took what is refused today.
        return {}
