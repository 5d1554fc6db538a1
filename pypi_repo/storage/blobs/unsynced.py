"""A blob store in a folder of this machine, for what can be had again after a power cut."""

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.storage.blobs.local import STAGING, LocalBlobStore
from pypi_repo.storage.blobs.store import Blob, StagedFile, own_errors
from pypi_repo.storage.folders import FOR_GROUP, make_folders

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOT = "/proc/sys/kernel/random/boot_id"
_FOLDERS = 3  # in the path of a blob, with digits and letters in their names only
_LONGEST = 255  # bytes of a name


class UnsyncedBlobStore(LocalBlobStore):
    """Has what a LocalBlobStore has, and what has come since and waits to be synced.

    What is put waits in a folder that belongs to this boot of the machine. All processes find it
    there, also when the one that has put it was killed. It gets its place when it was synced, so
    what is in its place is whole whatever has happened, and stays so for those who share it.

    After a power cut or a crash of the system, what was waiting may be torn. Nobody looks at it
    then, because the next boot has another folder, and a sweep deletes it.

    boot: what tells this boot of the machine from all others.
    """

    def __init__(self, root: str, folder_mode: int = FOR_GROUP, *, boot: str) -> None:
        super().__init__(root, folder_mode)
        self._waiting = os.path.join(root, STAGING, f"boot-{boot}")

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
                make_folders(self._waiting, self._folder_mode)
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

    def settle(self) -> None:
        about_to_wait()
        with own_errors(), suppress(FileNotFoundError):
            for entry in os.scandir(self._waiting):
                path = _path(entry.name)
                if path is not None:
                    with suppress(FileNotFoundError):  # another process settles it, too
                        self._settle(path, entry.path)

    def _settle(self, path: str, waiting: str) -> None:
        place = self._locate(path)
        if os.path.exists(place):  # of an upload that came meanwhile
            os.unlink(waiting)
            return
        try:
            with open(waiting, "rb") as file:
                os.fsync(file.fileno())
        except OSError:  # the disk could not take it, and the next one is told another time
            os.unlink(waiting)
            raise
        self._made_folder_of(place)
        os.replace(waiting, place)

    def _waiting_place(self, path: str) -> str | None:
        name = path.replace("/", "-", _FOLDERS)
        if _path(name) != path or len(os.fsencode(name)) > _LONGEST:
            return None
        return os.path.join(self._waiting, name)


def _path(name: str) -> str | None:
    """Returns the path of a blob that waits under a name; None for what is no such name."""
    parts = name.split("-", _FOLDERS)
    return "/".join(parts) if len(parts) > _FOLDERS else None


def boot_of_this_machine() -> str | None:
    """Returns what tells this boot from all others; None where the system does not say it."""
    with suppress(OSError), open(_BOOT, encoding="ascii") as file:
        return file.read().strip() or None
    return None
