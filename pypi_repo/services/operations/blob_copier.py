"""Copies the blobs of files from one store to another, and checks their digests."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from pypi_repo.domain.errors import TooLarge, Unavailable
from pypi_repo.domain.stored_files import ExpectedBlob, KeptFile
from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheKey
from pypi_repo.services.operations.progress import Meter
from pypi_repo.settings import MIB
from pypi_repo.storage.blobs.store import BlobStore

_AT_ONCE = 8  # most of the time goes by waiting: for a disk to sync, for an object store to answer
_LARGEST_BESIDE = 256 * MIB  # metadata or a signature, far beyond what an upload may bring
_LOOK = 0.2  # seconds between two looks at how far it is


File = TypeVar("File", KeptFile, CachedFile)


@dataclass(frozen=True, slots=True)
class Lost:
    """A blob that could not be copied.

    what: one sentence that says why.
    """

    file: KeptFile
    blob: ExpectedBlob
    what: str

    def __str__(self) -> str:
        return f"{self.blob.path} ({self.file.repository}): {self.what}"


class BlobCopier:
    """Copies blobs from one store to another.

    blobs: the number of blobs that were copied so far.
    bytes: their size.
    """

    def __init__(self, source: BlobStore, target: BlobStore) -> None:
        self._source = source
        self._target = target
        self.blobs = 0
        self.bytes = 0
        self._bytes_read = 0
        self._stopped = False
        self._counting = threading.Lock()

    def copy_cached(self, files: Iterable[CachedFile], meter: Meter) -> set[CacheKey]:
        """Copies the blobs of cached files that the target lacks, as `copy` does.

        Returns the keys of those that are missing or damaged in the source, which does no harm:
        they can be fetched again.
        """
        return {file.key for file, _blob, _what in self._copy(files, meter)}

    def copy(self, files: Iterable[KeptFile], meter: Meter) -> list[Lost]:
        """Copies the blobs that the target lacks.

        files: the files; those of one table in the order of their SHA-256, so that the target can
            be listed folder by folder.

        Returns the blobs that are missing or damaged in the source.
        """
        return [Lost(*fault) for fault in self._copy(files, meter)]

    def _copy(
        self, files: Iterable[File], meter: Meter
    ) -> "Iterator[tuple[File, ExpectedBlob, str]]":
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for folder, together in groupby(files, lambda file: file.sha256[:2]):
                    yield from self._copy_folder(pool, folder, list(together), meter)
            except BaseException:
                self._stopped = True
                pool.shutdown(cancel_futures=True)
                raise

    def _copy_folder(
        self, pool: Executor, folder: str, files: list[File], meter: Meter
    ) -> list[tuple[File, ExpectedBlob, str]]:
        """Copies the files of one of 256 folders.

        Only the files of one folder are in memory at a time.
        """
        begin, read_before = meter.done, self._bytes_read
        end = begin + sum(file.size or 0 for file in files)
        sizes = {blob.path: blob.size for blob in self._target.walk(folder)}
        missing = {
            blob
            for file in files
            for blob in file.blobs()
            if blob.path not in sizes or blob.size not in (None, sizes[blob.path])
        }
        copies = {pool.submit(self._copy_one, blob): blob for blob in missing}
        waiting = set(copies)
        while waiting:
            _done, waiting = wait(waiting, timeout=_LOOK, return_when=FIRST_COMPLETED)
            meter.reach(min(begin + self._bytes_read - read_before, end))
        meter.reach(end)
        faults = {blob: what for copy, blob in copies.items() if (what := copy.result())}
        return [
            (file, blob, faults[blob]) for file in files for blob in file.blobs() if blob in faults
        ]

    def _copy_one(self, blob: ExpectedBlob) -> str | None:
        """Copies one blob, or returns a sentence that says what is wrong with it in the source."""
        with self._target.stage() as staged:
            limit = _LARGEST_BESIDE if blob.size is None else blob.size
            try:
                for piece in self._read(blob.path):
                    staged.write(piece, limit)
                    if blob.size is not None:  # the meter does not know what is beside a file
                        self._count(read=len(piece))
            except _LostError as error:
                return str(error)
            except TooLarge:
                return "It is damaged: it is larger than it was."
            if staged.digests().sha256 != blob.sha256:
                return "It is damaged: the digest differs."
            self._target.put(blob.path, staged, {})
            self._count(blobs=1, size=staged.size)
        return None

    def _read(self, path: str) -> Iterator[bytes]:
        try:
            for piece in self._source.read(path):
                if self._stopped:
                    raise _LostError("It was not copied.")
                yield piece
        except FileNotFoundError:
            raise _LostError("It is missing.") from None
        except Unavailable as error:
            self._source.look(path)  # raises where not only this blob cannot be read
            raise _LostError(f"It cannot be read ({error.detail}).") from error

    def _count(self, *, read: int = 0, blobs: int = 0, size: int = 0) -> None:
        with self._counting:
            self._bytes_read += read
            self.blobs += blobs
            self.bytes += size


class _LostError(Exception):
    """A blob cannot be read from the source; the message says why."""
