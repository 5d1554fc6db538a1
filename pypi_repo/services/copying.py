"""Copies the blobs of files from one store to another, and reads each one while at it."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.inventory import ExpectedBlob, KeptFile
from pypi_repo.services.progress import Meter
from pypi_repo.storage.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class Lost:
    """A blob that could not be copied; `what` is a sentence."""

    file: KeptFile
    blob: ExpectedBlob
    what: str

    def __str__(self) -> str:
        return f"{self.blob.path} ({self.file.repository}): {self.what}"


class Copying:
    """`blobs` and `bytes` are what was copied so far."""

    def __init__(self, source: BlobStore, target: BlobStore) -> None:
        self._source = source
        self._target = target
        self.blobs = 0
        self.bytes = 0

    def copy(self, files: Iterable[KeptFile], meter: Meter) -> list[Lost]:
        """Copies what the target has not yet, and tells what the source has not or not whole.

        files: in the order of their SHA-256, so that the target can be listed folder by folder.
        """
        lost = []
        for folder, together in groupby(files, lambda file: file.digests.sha256[:2]):
            sizes = {blob.path: blob.size for blob in self._target.walk(folder)}
            for file in together:
                end = meter.done + file.size
                for blob in file.blobs():
                    if blob.path in sizes and blob.size in (None, sizes[blob.path]):
                        continue
                    try:
                        sizes[blob.path] = self._copy_one(blob, meter)
                    except _LostError as error:
                        lost.append(Lost(file, blob, str(error)))
                meter.reach(end)
        return lost

    def _copy_one(self, blob: ExpectedBlob, meter: Meter) -> int:
        with self._target.stage() as staged:
            for piece in self._read(blob.path):
                staged.write(piece, sys.maxsize)
                if blob.size is not None:  # the meter does not know what is beside a file
                    meter.add(len(piece))
            if staged.digests().sha256 != blob.sha256:
                raise _LostError("It is damaged: the digest differs.")
            self._target.put(blob.path, staged, {})
            self.blobs += 1
            self.bytes += staged.size
            return staged.size

    def _read(self, path: str) -> Iterator[bytes]:
        try:
            yield from self._source.read(path)
        except FileNotFoundError:
            raise _LostError("It is missing.") from None
        except Unavailable as error:
            self._source.look(path)  # raises where not only this blob cannot be read
            raise _LostError(f"It cannot be read ({error.detail}).") from error


class _LostError(Exception):
    """Says why."""
