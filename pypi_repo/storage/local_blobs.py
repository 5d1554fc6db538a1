"""Blobs in a folder of this machine, written so that they survive a power cut."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, cast

from pypi_repo.storage.blobs import Blob, BlobStore, StagedFile, own_errors

STAGING = ".staging"

_MODE = 0o640  # the group may read: that of a proxy that sends the files


class LocalBlobStore(BlobStore):
    """A folder: staged on the same file system, synced to disk, then renamed into place."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._staging = os.path.join(root, STAGING)

    def __str__(self) -> str:
        return self._root

    def stage(self) -> StagedFile:
        with own_errors():
            try:
                file = self._staging_file()
            except FileNotFoundError:
                os.makedirs(self._staging, exist_ok=True)
                file = self._staging_file()
        return StagedFile(file, file.name)

    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        assert staged.path is not None  # noqa: S101 - told to the type checker
        target = self._locate(path)
        folder = os.path.dirname(target)
        with own_errors():
            _make_durable_folder(folder)
            for suffix, content in beside.items():
                with self.stage() as small:
                    small.write(content, len(content))
                    _flush_to_disk(small.file)
                    os.replace(cast("str", small.path), target + suffix)
            _flush_to_disk(staged.file)
            os.replace(staged.path, target)
            _sync_folder(folder)

    def open(self, path: str) -> IO[bytes]:
        with own_errors(FileNotFoundError):
            # Closed by the WSGI server, or by the iterator that sends a part of it.
            return open(self._locate(path), "rb")

    def exists(self, path: str) -> bool:
        return os.path.exists(self._locate(path))

    def delete(self, path: str) -> None:
        with own_errors(), suppress(FileNotFoundError):
            os.unlink(self._locate(path))

    def look(self, path: str) -> Blob | None:
        with own_errors():
            try:
                status = os.stat(self._locate(path))
            except FileNotFoundError:
                return None
        return Blob(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def local_path(self, path: str) -> str:
        return os.path.abspath(self._locate(path))

    def walk(self, folder: str = "") -> Iterator[Blob]:
        for place, _folders, names in os.walk(self._locate(folder)):
            relative = os.path.relpath(place, self._root).replace(os.sep, "/")
            for name in names:
                if blob := self.look(name if relative == "." else f"{relative}/{name}"):
                    yield blob

    def _staging_file(self) -> IO[bytes]:
        place = os.path.join(self._staging, secrets.token_hex(16))
        return open(place, "x+b", opener=_open_new)

    def _locate(self, path: str) -> str:
        return f"{self._root}/{path}"


def _open_new(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.chmod(path, _MODE)  # whatever the umask says
    return descriptor


def _flush_to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _make_durable_folder(folder: str) -> None:
    """Like os.makedirs, with every new entry synced in the folder that holds it."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_durable_folder(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder)
    _sync_folder(os.path.dirname(folder))


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # folders cannot be opened there, NTFS journals renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
