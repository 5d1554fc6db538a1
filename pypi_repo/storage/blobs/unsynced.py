"""A blob store in a folder of this machine, for what can be had again after a power cut."""

import errno
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from pypi_repo.domain.errors import OutOfSpace, Unavailable
from pypi_repo.domain.stored_files import named_digest
from pypi_repo.storage.blobs.local import STAGING, LocalBlobStore
from pypi_repo.storage.blobs.store import Blob, StagedFile, own_errors
from pypi_repo.storage.folders import FOR_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedRandom

if sys.platform != "win32":  # where no boot is told, so nothing waits
    import fcntl

_BOOT = "/proc/sys/kernel/random/boot_id"
_FOLDERS = 3  # in the path of a blob, with digits and letters in their names only
_LONGEST = 255  # bytes of a name
_PREFIX = "boot-"
_LEFT_AFTER = 24 * 60 * 60  # seconds: a machine that shares the folder has another boot


class UnsyncedBlobStore(LocalBlobStore):
    """Has what a LocalBlobStore has, and what has come since and waits to be synced.

    What is put waits in a folder that belongs to this boot of the machine. All processes find it
    there, also when the one that has put it was killed. It gets its place when it was synced and
    still is what its path says, so what is in its place is whole for all who share it.

    After a power cut or a crash of the system, what was waiting may be torn. Nobody looks at it
    then, because the next boot has another folder, and a sweep deletes it.

    boot: what tells this boot of the machine from all others.
    """

    def __init__(self, root: str, folder_mode: int = FOR_GROUP, *, boot: str) -> None:
        super().__init__(root, folder_mode)
        self._waiting = os.path.join(root, STAGING, f"{_PREFIX}{boot}")

    def put(self, path: str, staged: StagedFile, beside: "Mapping[str, bytes]") -> None:
        waiting = self._waiting_place(path)
        if beside or waiting is None or LocalBlobStore.exists(self, path):
            super().put(path, staged, beside)
            return
        with own_errors():
            staged.on_disk()
            self.fetch_folder()
            staged.move_to(waiting)

    def adopt(self, path: str, place: str) -> None:
        waiting = self._waiting_place(path)
        if waiting is None or LocalBlobStore.exists(self, path):  # which is not what it should be
            super().adopt(path, place)
            return
        with own_errors():
            self._make_readable(place)
            os.replace(place, waiting)

    def fetch_folder(self) -> str:
        with own_errors():
            if not os.path.isdir(self._waiting):
                self._make_folders(self._waiting)
        return self._waiting

    def open(self, path: str) -> IO[bytes]:
        with suppress(FileNotFoundError):
            return super().open(path)
        if (waiting := self._waiting_place(path)) is not None:
            with suppress(FileNotFoundError), own_errors(FileNotFoundError):
                return open(waiting, "rb")
        return super().open(path)  # where it may be since a moment

    def exists(self, path: str) -> bool:
        return self.look(path) is not None

    def look(self, path: str) -> Blob | None:
        found = super().look(path)
        if found is None and (waiting := self._waiting_place(path)) is not None:
            found = self._look_at(path, waiting) or super().look(path)
        return found

    def delete(self, path: str) -> None:
        if (waiting := self._waiting_place(path)) is not None:
            with own_errors(), suppress(FileNotFoundError):
                os.unlink(waiting)
        super().delete(path)

    def walk(self, folder: str = "") -> Iterator[Blob]:
        mine = f"{os.path.relpath(self._waiting, self._root)}/".replace(os.sep, "/")
        for blob in super().walk(folder):
            path = _path(blob.path.removeprefix(mine)) if blob.path.startswith(mine) else None
            yield blob if path is None else replace(blob, path=path)

    def settle(self) -> None:
        failures = []
        with own_errors():
            names = _names_in(self._waiting)
        for path in filter(None, map(_path, names)):
            try:
                self.settle_one(path)
            except (OutOfSpace, Unavailable) as error:
                failures.append(error)
        self._remove_former_folders()
        if failures:
            raise failures[0]

    def settle_one(self, path: str) -> None:
        waiting = self._waiting_place(path)
        if waiting is None:
            return
        # What is not there has its place, or another process deletes or settles it just now.
        with own_errors(), suppress(FileNotFoundError), open(waiting, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
            if os.path.samestat(os.stat(waiting), os.fstat(file.fileno())):
                self._settle(path, waiting, file)

    def _settle(self, path: str, waiting: str, file: "BufferedRandom") -> None:
        place = self._locate(path)
        if os.path.exists(place):  # of an upload that came meanwhile
            os.unlink(waiting)
            return
        try:
            os.fsync(file.fileno())
            # An error of the disk may have been told before, to somebody who has died since.
            if not hashlib.file_digest(file, "sha256").hexdigest().startswith(named_digest(path)):
                raise OSError(errno.EIO, "Not what was fetched", waiting)
        except OSError:  # the disk could not take it, and the next one may not be told
            os.unlink(waiting)
            raise
        self._made_folder_of(place)
        os.replace(waiting, place)

    def _remove_former_folders(self) -> None:
        """Removes the folders of former boots that a sweep has emptied."""
        staging, mine = os.path.split(self._waiting)
        with own_errors():
            for name in _names_in(staging):
                folder = os.path.join(staging, name)
                with suppress(OSError):  # it is not empty, or another process was faster
                    is_former = name.startswith(_PREFIX) and name != mine
                    if is_former and os.stat(folder).st_mtime < time.time() - _LEFT_AFTER:
                        os.rmdir(folder)

    def _waiting_place(self, path: str) -> str | None:
        name = path.replace("/", "-", _FOLDERS)
        if _path(name) != path or len(os.fsencode(name)) > _LONGEST:
            return None
        return os.path.join(self._waiting, name)


def _names_in(folder: str) -> list[str]:
    """Returns the names in a folder, which need not be there."""
    with suppress(FileNotFoundError):
        return os.listdir(folder)
    return []


def _path(name: str) -> str | None:
    """Returns the path of a blob that waits under a name; None for what is no such name."""
    parts = name.split("-", _FOLDERS)
    return "/".join(parts) if len(parts) > _FOLDERS else None


def boot_of_this_machine() -> str | None:
    """Returns what tells this boot from all others; None where the system does not say it."""
    with suppress(OSError), open(_BOOT, encoding="ascii") as file:
        return file.read().strip() or None
    return None
