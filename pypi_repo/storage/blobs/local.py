"""A blob store in a folder of this machine, whose files survive a power cut."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import IO

from pypi_repo.domain.errors import Unavailable
from pypi_repo.storage.blobs.store import Blob, BlobStore, StagedFile, own_errors
from pypi_repo.storage.folders import FOR_GROUP, give_to_owner, make_folders

STAGING = ".staging"

_MODE = 0o640  # the group may read: that of a proxy that sends the files
_BUFFER = 64 * 1024  # bytes
_SMALL = 1024 * 1024  # bytes


class LocalBlobStore(BlobStore):
    """Stages files on the same file system, syncs them to disk, and renames them into place.

    folder_mode: the permissions of folders that it creates.
    follows_links: False if others may have put links below the folder, which must not lead out of
        it.
    """

    def __init__(
        self, root: str, folder_mode: int = FOR_GROUP, *, follows_links: bool = True
    ) -> None:
        self._root = root
        self._follows_links = follows_links
        self._folder_mode = folder_mode
        self._keep_owner = follows_links  # a backup belongs to whoever makes it
        self._staging = os.path.join(root, STAGING)
        self._durable: set[str] = set()  # the folders whose names are known to be on the disk

    def __str__(self) -> str:
        return self._root

    def stage(self) -> StagedFile:
        return StagedFile(self._staging_file)

    def put(self, path: str, staged: StagedFile, beside: Mapping[str, bytes]) -> None:
        place = self._locate(path)
        with own_errors(), ExitStack() as made:
            files = [
                (made.enter_context(self._stage_small(content)), place + suffix)
                for suffix, content in beside.items()
            ]
            files.append((staged, place))
            descriptors = [file.on_disk().fileno() for file, _place in files]
            if beside:
                for descriptor in descriptors:
                    _begin_writing_out(descriptor)
            for descriptor in descriptors:
                os.fsync(descriptor)
            folder = self._made_folder_of(place)
            for file, final_place in files:
                file.move_to(final_place)
            self._sync_names(folder)

    def adopt(self, path: str, place: str) -> None:
        final_place = self._locate(path)
        with own_errors():
            self._make_readable(place)
            with open(place, "rb") as file:
                os.fsync(file.fileno())
            self._made_folder_of(final_place)
            os.replace(place, final_place)  # a name that a power failure takes can be had again

    def for_cache(self) -> BlobStore:
        from pypi_repo.storage.blobs.unsynced import UnsyncedBlobStore, boot_of_this_machine

        boot = boot_of_this_machine()
        if boot is None:
            return self
        return UnsyncedBlobStore(self._root, self._folder_mode, boot=boot)

    def fetch_folder(self) -> str:
        with own_errors():
            self._make_folders(self._staging)
        return self._staging

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
        return self._look_at(path, self._locate(path))

    def local_path(self, path: str) -> str:
        return os.path.abspath(self._locate(path))

    def walk(self, folder: str = "") -> Iterator[Blob]:
        for place, _folders, names in os.walk(self._locate(folder)):
            relative = os.path.relpath(place, self._root).replace(os.sep, "/")
            for name in names:
                if blob := self.look(name if relative == "." else f"{relative}/{name}"):
                    yield blob

    def _look_at(self, path: str, place: str) -> Blob | None:
        with own_errors():
            try:
                status = os.stat(place)
            except FileNotFoundError:
                return None
        return Blob(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def _make_readable(self, place: str) -> None:
        os.chmod(place, _MODE)
        os.utime(place)  # it may have been begun days ago, and a sweep goes by that

    def _made_folder_of(self, place: str) -> str:
        folder = os.path.abspath(os.path.dirname(place))
        self._durable.difference_update(self._make_folders(folder))
        return folder

    def _make_folders(self, folder: str) -> list[str]:
        return make_folders(folder, self._folder_mode, keep_owner=self._keep_owner)

    def _stage_small(self, content: bytes) -> StagedFile:
        small = self.stage()
        small.write(content, len(content))
        return small

    def _staging_file(self) -> tuple[IO[bytes], str]:
        try:
            file = self._new_file()
        except FileNotFoundError:
            self._make_folders(self._staging)
            _sync_folder(os.path.dirname(self._root))
            file = self._new_file()
        return file, file.name

    def _new_file(self) -> IO[bytes]:
        place = self._locate(f"{STAGING}/{secrets.token_hex(16)}")
        return open(place, "x+b", _BUFFER, opener=self._open_new)

    def _open_new(self, path: str, flags: int) -> int:
        descriptor = os.open(path, flags, _MODE)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != _MODE:  # whatever the umask says
            os.chmod(path, _MODE)
        if self._keep_owner:
            give_to_owner(descriptor, self._staging)
        return descriptor

    def _sync_names(self, folder: str) -> None:
        """Syncs a folder and its parents, up to the root, so that the names in them are durable.

        This happens when the files are in place, so that the file system writes its journal once
        for all of them. A parent that another process created a moment ago may not be durable yet,
        so parents are synced up to one that this store has synced before.
        """
        synced = []
        root = os.path.abspath(self._root)
        while len(folder) >= len(root):
            _sync_folder(folder)
            synced.append(folder)
            if folder in self._durable:
                break
            folder = os.path.dirname(folder)
        self._durable.update(synced[1:])  # the first is of this file alone

    def _locate(self, path: str) -> str:
        place = f"{self._root}/{path}"
        if not self._follows_links and not _is_without_links(self._root, path):
            raise Unavailable(f"{place} is a link or lies behind one; put there what it leads to.")
        return place


def _is_without_links(root: str, path: str) -> bool:
    real = os.path.realpath(root)
    return os.path.realpath(f"{root}/{path}") == os.path.normpath(f"{real}/{path}")


def _open_file(path: str, flags: int) -> int:
    """Opens regular files only. A pipe in a backup from elsewhere would block."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a file", path)
    return descriptor


def _begin_writing_out(descriptor: int) -> None:
    """Lets the system begin to write a small file to disk, and does not wait for it.

    If all files of an upload are on their way when the first is synced, the file system writes its
    journal once for all of them. Where the system cannot be told, the sync does all by itself.

    On Linux, it is told that it may forget the file's pages. It would forget what is on the disk
    already of a large file, which is then read again by the first who downloads it; and beside the
    time that a large file takes, that of the journal does not count.
    """
    if hasattr(os, "posix_fadvise") and os.fstat(descriptor).st_size <= _SMALL:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # folders cannot be opened there, NTFS journals renames by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
