"""Finds what a file's URL stands for and opens it."""

import io
import logging
import re
from typing import IO

from pypi_repo.domain.access import Actor, Permission
from pypi_repo.domain.errors import ConfigurationError, ProjectClosed, UnknownFile
from pypi_repo.domain.records import (
    METADATA_SUFFIX,
    SIGNATURE_SUFFIX,
    DistributionFile,
    Repository,
    StoredFile,
    stored_signature_suffix,
)
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.services.gate import Gate, unknown_file
from pypi_repo.services.small_files import LARGEST, SmallFiles
from pypi_repo.services.usage import UsageCounter
from pypi_repo.settings import FilesSentBy, SignedUrls, XSendfile
from pypi_repo.storage.blobs import BlobStore, own_errors
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database

_log = logging.getLogger(__name__)

_PATH = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{60})/([^/]+)\Z", re.ASCII)


class Downloads:
    """Downloads from one repository."""

    def __init__(
        self,
        repository: str,
        database: Database,
        blobs: BlobStore,
        gate: Gate,
        usage: UsageCounter,
        small_files: SmallFiles,
    ) -> None:
        self._small_files = small_files
        self._usage = usage
        self._repository = repository
        self._catalog = Catalog(database)
        self._blobs = blobs
        self._gate = gate

    def find(self, actor: Actor, path: str) -> StoredFile:
        """The file, or the core metadata, at `path`: the digest's parts and the filename.

        Raises AuthenticationRequired, PermissionDenied, UnknownRepository, UnknownFile, or
        ProjectClosed for a quarantined project.
        """
        match = _PATH.match(path)
        sha256, name = ("".join(match.groups()[:3]), match[4]) if match else ("", "")
        filename = name.removesuffix(METADATA_SUFFIX).removesuffix(SIGNATURE_SUFFIX)
        repository, project, file = self._gate.file(
            actor, Permission.READ, self._catalog, self._repository, filename
        )
        if file.digests.sha256 != sha256:
            raise unknown_file(filename, self._repository)
        if project.status == "quarantined" and not self._gate.allows(
            actor, Permission.MANAGE, repository, project.normalized_name
        ):
            raise ProjectClosed(f"Project {project.name!r} is quarantined; ask an administrator.")
        describe = {
            filename: _whole,
            filename + METADATA_SUFFIX: _metadata,
            filename + SIGNATURE_SUFFIX: _signature,
        }
        if name not in describe:
            raise unknown_file(filename, self._repository)
        return describe[name](file, repository)

    def open(self, file: StoredFile) -> tuple[bytes | IO[bytes], int]:
        """The bytes themselves if they are few, or else seekable, and their number.

        Few may come from memory, and are then good whatever has become of the blob store's.

        Raises UnknownFile where the blob store has lost them, or some of them.
        """
        content = self._small_files.get(file.etag)
        if content is not None:
            return content, len(content)
        try:
            stored = self._blobs.open(file.path)
        except FileNotFoundError as error:
            raise self._lost(file) from error
        size = stored.seek(0, io.SEEK_END)
        if file.size not in (None, size):
            stored.close()
            raise self._lost(file)
        stored.seek(0)
        if size > LARGEST:
            return stored, size
        with stored, own_errors():
            content = stored.read()
        self._small_files.put(file.etag, content)
        return content, len(content)

    def require_whole(self, file: StoredFile) -> None:
        """Raises UnknownFile where the blob store has lost the file, or some of it."""
        blob = self._blobs.look(file.path)
        if blob is None or file.size not in (None, blob.size):
            raise self._lost(file)

    def require_sending(self, sent_by: FilesSentBy | None) -> None:
        """Raises ConfigurationError where files of this store cannot be sent so."""
        if isinstance(sent_by, XSendfile) and self._blobs.local_path("") is None:
            raise ConfigurationError("X-Sendfile needs files on this machine's disk.")
        if isinstance(sent_by, SignedUrls) and not self._blobs.signs_urls:
            raise ConfigurationError(
                "This file store signs no URLs; use an object store, or let nginx send the files."
            )

    def local_path(self, file: StoredFile) -> str:
        """Where the file is on this machine's disk."""
        path = self._blobs.local_path(file.path)
        assert path is not None  # noqa: S101 - require_sending looked
        return path

    def signed_url(self, file: StoredFile, expires_in: int) -> str:
        """A URL at which anybody may read the file for so many seconds."""
        return self._blobs.signed_url(file.path, expires_in)

    def count(self, file: StoredFile) -> None:
        """That the file was asked for: whole, or from its beginning."""
        if file.counted_for is not None:
            self._usage.count_download(file.counted_for)

    def _lost(self, file: StoredFile) -> UnknownFile:
        _log.error("The blob %s is missing or cut; run `pypi-repo upkeep verify`.", file.path)
        return UnknownFile(
            f"The content of {file.filename} is missing from the file store; tell the operator."
        )


def _whole(file: DistributionFile, repository: Repository) -> StoredFile:
    return StoredFile(
        path=file.path,
        filename=file.filename,
        size=file.size,
        etag=file.digests.sha256,
        public=repository.public,
        counted_for=DownloadedRelease(repository.id, file.project, file.version),
    )


def _metadata(file: DistributionFile, repository: Repository) -> StoredFile:
    if file.offered_metadata_sha256 is None:
        raise UnknownFile(f"No core metadata is served for {file.filename}.")
    return StoredFile(
        path=file.path + METADATA_SUFFIX,
        filename=file.filename + METADATA_SUFFIX,
        size=None,
        etag=file.offered_metadata_sha256,
        public=repository.public,
    )


def _signature(file: DistributionFile, repository: Repository) -> StoredFile:
    if file.signature_sha256 is None:
        raise UnknownFile(f"There is no signature of {file.filename}.")
    return StoredFile(
        path=file.path + stored_signature_suffix(file.signature_sha256),
        filename=file.filename + SIGNATURE_SUFFIX,
        size=None,
        etag=file.signature_sha256,
        public=repository.public,
    )
