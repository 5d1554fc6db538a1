"""The files in the file store of a registry, for readers."""

import io
import logging
from dataclasses import dataclass
from typing import IO

from pypi_repo.domain.errors import ConfigurationError, UnknownFile
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.services.small_files import LARGEST, SmallFiles
from pypi_repo.services.sources.source import ServedFile
from pypi_repo.settings import FilesSentBy, SignedUrls, XSendfile
from pypi_repo.storage.blobs.store import BlobStore, own_errors
from pypi_repo.storage.cached_files import Use

_log = logging.getLogger(__name__)


class Downloads:
    """Opens and counts the stored files of all repositories of a registry."""

    def __init__(self, blobs: BlobStore, usage: UsageCounter, small_files: SmallFiles) -> None:
        self._blobs = blobs
        self._usage = usage
        self._small_files = small_files

    def open(self, file: "StoredFile") -> tuple[IO[bytes], int]:
        """Returns the content and its size, in bytes.

        Small files may come from memory, even if the file store has lost them.

        Raises UnknownFile if the file store has lost the file or a part of it, or if it is small
        and damaged.
        """
        found = self.find(file)
        if found is None:
            raise _lost(file)
        return found

    def find(self, file: "StoredFile") -> tuple[IO[bytes], int] | None:
        """Returns the content and its size, in bytes.

        Returns None if it is not there or not whole, or is small and damaged.
        """
        content = self._small_files.get(file.etag)
        if content is None:
            stored = self._find_stored(file)
            if stored is None or stored[1] > LARGEST:
                return stored
            with stored[0], own_errors():
                content = stored[0].read()
            if not self._small_files.put(file.etag, content):
                _log.error("The blob %s is damaged.", file.path)
                return None
        return io.BytesIO(content), len(content)

    def _find_stored(self, file: "StoredFile") -> tuple[IO[bytes], int] | None:
        try:
            stored = self._blobs.open(file.path)
        except FileNotFoundError:
            return None
        size = stored.seek(0, io.SEEK_END)
        if file.size not in (None, size):
            stored.close()
            return None
        stored.seek(0)
        return stored, size

    def has(self, file: "StoredFile") -> bool:
        """Returns whether the file store has the whole file, where other programs find it."""
        self._blobs.settle_one(file.path)
        blob = self._blobs.look(file.path)
        return blob is not None and file.size in (None, blob.size)

    def require_sending(self, sent_by: FilesSentBy | None) -> None:
        """Raises ConfigurationError if files of this store cannot be sent in this way."""
        if isinstance(sent_by, XSendfile) and self._blobs.local_path("") is None:
            raise ConfigurationError("X-Sendfile needs files on this machine's disk.")
        if isinstance(sent_by, SignedUrls) and not self._blobs.signs_urls:
            raise ConfigurationError(
                "This file store signs no URLs; use an object store, or let nginx send the files."
            )

    def local_path(self, file: "StoredFile") -> str:
        """Returns the path of the file on the disk of this machine."""
        path = self._blobs.local_path(file.path)
        assert path is not None  # noqa: S101 - require_sending looked
        return path

    def signed_url(self, file: "StoredFile", expires_in: int) -> str:
        """Returns a URL at which everybody can read the file.

        expires_in: how long the URL is valid, in seconds.
        """
        return self._blobs.signed_url(file.path, expires_in)

    def count(self, release: DownloadedRelease, cached: Use | None = None) -> None:
        """Counts a download of a release.

        cached: the file, if it is one of an upstream.
        """
        self._usage.count_download(release, cached)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile(ServedFile):
    """A distribution file, its core metadata or its signature.

    path: the path in the file store.
    size: the size of a distribution file, in bytes; None for what is stored beside one.
    counted_for: the release whose downloads are counted; None for what is stored beside a file.
    """

    project: NormalizedName
    path: str
    filename: str
    size: int | None
    etag: str
    public: bool
    downloads: Downloads
    counted_for: DownloadedRelease | None = None

    @property
    def is_distribution(self) -> bool:
        """Whether it is a distribution file, and not something that is stored beside one."""
        return self.counted_for is not None

    def open(self) -> tuple[IO[bytes], int]:
        return self.downloads.open(self)

    def require_sendable(self, sent_by: FilesSentBy) -> None:
        """Raises UnknownFile if another server could not send the file, because it is lost.

        Whoever gets a signed URL is told so by the object store itself.
        """
        if not isinstance(sent_by, SignedUrls) and not self.downloads.has(self):
            raise _lost(self)

    def count_download(self) -> None:
        if self.counted_for is not None:
            self.downloads.count(self.counted_for)


def _lost(file: StoredFile) -> UnknownFile:
    _log.error("The blob %s is missing or cut; run `pypi-repo upkeep verify`.", file.path)
    return UnknownFile(
        f"The content of {file.filename} is missing from the file store; tell the operator."
    )
