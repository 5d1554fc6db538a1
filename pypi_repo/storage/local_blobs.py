"""Blobs in a folder of this machine, written so that they survive a power cut."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import IO, cast

from pypi_repo.domain.errors import Unavailable
from pypi_repo.storage.blobs import Blob, BlobStore, StagedFile, own_errors
from pypi_repo.storage.folders import FOR_GROUP, make_folders

STAGING = ".staging"

_MODE = 0o640  # the group may read: that of a proxy that sends the files


class LocalBlobStore(BlobStore):
    """A folder: staged on the same file system, synced to disk, then renamed into place.

    folder_mode: permissions of the folders that it makes.
    follows_links: False where somebody else may have put links below the folder, which must not
        lead out of it.
    """

    def __init__(
        self, root: str, folder_mode: int = FOR_GROUP, *, follows_links: bool = True
    ) -> None:
        self._root = root
        self._follows_links = follows_links
        self._folder_mode = folder_mode
        self._staging = os.path.join(root, STAGING)

    def __str__(self) -> str:
        return self._root

    def stage(self) -> StagedFile:
        with own_errors():
            try:
                file = self._staging_file()
            except FileNotFoundError:
                make_folders(self._staging, self._folder_mode)
                _sync_folder(os.path.dirname(self._root))
                file = self._staging_file()
        return StagedFile(file, file.name)

    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        folder = os.path.dirname(self._locate(path))
        with own_errors(), ExitStack() as made:
            make_folders(folder, self._folder_mode)
            files = [
                (made.enter_context(self._stage_small(content)), self._locate(path) + suffix)
                for suffix, content in beside.items()
            ]
            files.append((staged, self._locate(path)))
            for file, _place in files:
                _flush_to_disk(file.file)
            for file, place in files:
                os.replace(cast("str", file.path), place)
            # Last, so that the file system's journal is written once for all of them; and all of
            # them, because who made a folder a moment ago may not have come to this line yet.
            while len(folder) >= len(self._root):
                _sync_folder(folder)
                folder = os.path.dirname(folder)

    def open(self, path: str) -> IO[bytes]:
        with own_errors(FileNotFoundError):
            # Closed by the WSGI server, or by the iterator that sends a part of it.
            return open(self._locate(path), "rb", opener=_open_file)

    def exists(self, path: str) -> bool:
        with own_errors():
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

    def _stage_small(self, content: bytes) -> StagedFile:
        small = self.stage()
        small.write(content, len(content))
        return small

    def _staging_file(self) -> IO[bytes]:
        return open(self._locate(f"{STAGING}/{secrets.token_hex(16)}"), "x+b", opener=_open_new)

    def _locate(self, path: str) -> str:
        place = f"{self._root}/{path}"
        if not self._follows_links and not _is_without_links(self._root, path):
            raise Unavailable(f"{place} is a link or lies behind one; put there what it leads to.")
        return place


def _is_without_links(root: str, path: str) -> bool:
    real = os.path.realpath(root)
    return os.path.realpath(f"{root}/{path}") == os.path.normpath(f"{real}/{path}")


def _open_file(path: str, flags: int) -> int:
    """Nothing else: a pipe, in a backup that came from elsewhere, would be waited for."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a file", path)
    return descriptor


def _open_new(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.chmod(path, _MODE)  # whatever the umask says
    return descriptor


def _flush_to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # folders cannot be opened there, NTFS journals renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
