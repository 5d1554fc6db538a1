"""Keeps database and blob store in step: removes what nothing refers to, finds what is lost."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

from pypi_repo.domain.records import METADATA_SUFFIX, file_path, owner_path
from pypi_repo.storage.blobs import BlobStore
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database

GRACE = timedelta(days=1)
"""How long a blob without a row may belong to an upload that is still under way."""

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Swept:
    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something `verify` found; `what` is a sentence."""

    filename: str
    what: str


class Upkeep:
    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def sweep(self, grace: timedelta = GRACE) -> Swept:
        """Deletes blobs that no file refers to and that were put longer than `grace` ago.

        Such blobs are left by deletions, overwrites and crashed uploads.
        """
        deadline = datetime.now(UTC) - grace
        blobs = size = 0
        for blob in self._blobs.walk():
            if blob.modified < deadline and self._delete_orphan(blob.path):
                blobs, size = blobs + 1, size + blob.size
        return Swept(blobs, size)

    def verify(self) -> Iterator[Problem]:
        """Reads every file and compares it with what the database says of it."""
        with self._database.read() as connection:
            files = list(Catalog(connection).stored_files())
        for sha256, filename, size, metadata_sha256 in files:
            path = file_path(sha256, filename)
            yield from self._check(path, filename, sha256, size)
            if metadata_sha256 is not None:
                name = filename + METADATA_SUFFIX
                yield from self._check(path + METADATA_SUFFIX, name, metadata_sha256, None)

    def _delete_orphan(self, path: str) -> bool:
        """False if it is none. Nothing is published meanwhile, so none becomes a file's blob."""
        *folders, filename = owner_path(path).split("/")
        sha256 = "".join(folders)
        with self._database.read() as connection:
            if Catalog(connection).refers_to(sha256, filename):
                return False
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock_repositories()
            if catalog.refers_to(sha256, filename):
                return False
            self._blobs.delete(path)
        return True

    def _check(self, path: str, filename: str, sha256: str, size: int | None) -> Iterator[Problem]:
        try:
            with self._blobs.open(path) as blob:
                found_size, found_sha256 = _measure(blob)
        except FileNotFoundError:
            yield Problem(filename, "Its content is missing from the file store.")
            return
        if size is not None and found_size != size:
            yield Problem(filename, f"It should have {size} bytes and has {found_size}.")
        elif found_sha256 != sha256:
            yield Problem(filename, "Its content is not what was uploaded: the digest differs.")


def _measure(blob: IO[bytes]) -> tuple[int, str]:
    digest = hashlib.sha256()
    size = 0
    while chunk := blob.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
