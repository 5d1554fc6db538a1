"""Backups of a registry, in a folder or an object store.

A backup contains a dump of the database for each time that it was made, and the files of all dumps
once, under the same paths as in the file store. A backup can be restored to another database engine
or another kind of file store.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import Any

from pypi_repo.domain.errors import ConfigurationError, Conflict, InvalidBackup, Unavailable
from pypi_repo.domain.stored_files import ExpectedBlob
from pypi_repo.domain.upstreams.cached_file import CacheKey
from pypi_repo.services.operations.blob_copier import BlobCopier, Lost
from pypi_repo.services.operations.progress import Listener, Meter, nobody
from pypi_repo.services.operations.upkeep import GRACE
from pypi_repo.storage.backup import dump
from pypi_repo.storage.backup.all_rows import AllRows
from pypi_repo.storage.backup.dump import Dump, Header
from pypi_repo.storage.blobs.local import STAGING
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.blobs.urls import open_backup
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database

_DUMPS = "metadata"
_SUFFIX = ".jsonl.gz"
_MARKER = ".restoring"
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class DumpInfo:
    """A dump in a backup: one point in time that can be restored."""

    name: str
    header: Header


@dataclass(frozen=True, slots=True)
class Done:
    """The result of making or restoring a backup.

    dump: the dump that was written or restored.
    blobs: the number of stored files that were copied.
    bytes: their size.
    lost: one sentence for each file that is missing or damaged where it should be copied from.
    """

    dump: DumpInfo
    blobs: int
    bytes: int
    lost: tuple[str, ...]


def dumps(place: str, options: Mapping[str, Any] | None = None) -> list[DumpInfo]:
    """Returns the dumps in a backup, the oldest first.

    place: the backup, as for `Backup.create`.
    options: keyword arguments for the fsspec file system.

    Raises InvalidBackup if there is no backup, or if a dump is damaged.
    """
    store = open_backup(place, options or {})
    found = []
    for name in _names(store):
        with store.open(_dump_path(name)) as file:
            found.append(DumpInfo(name, Dump(file).header))
    return found


class Backup:
    """Makes and restores backups."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def create(
        self,
        place: str,
        options: Mapping[str, Any] | None = None,
        listener: Listener = nobody,
        *,
        with_cache: bool = False,
    ) -> Done:
        """Adds the current state of the registry to a backup.

        Files that the backup already contains are not copied again. The registry can be used in the
        meantime. If the call is interrupted, no dump is added, and the files that were copied need
        not be copied again.

        place: a folder or an fsspec URL.
        options: keyword arguments for the fsspec file system.
        listener: a function that is called repeatedly with the number of bytes that are done,
            and the number of all bytes.
        with_cache: whether to add what was fetched from upstreams. It can be fetched again, so a
            backup contains the upstreams and not their files, by default.

        Raises ConfigurationError if there is nothing to back up, or if the place is inside the file
        store, and Unavailable if files are deleted and swept faster than they can be copied.
        """
        store = self._open(place, options)
        _tidy(store)
        copying = BlobCopier(self._blobs.for_cache(), store)
        lost_before: set[ExpectedBlob] = set()
        for _attempt in range(_ATTEMPTS):
            with store.stage() as staged:
                staged.keep_private()  # hashes of passwords are in it
                with self._database.snapshot() as connection:
                    self._require_anything(connection)
                    header = dump.write(connection, staged, with_cache=with_cache)
                meter = Meter(header.bytes, listener)
                lost = copying.copy(Dump(staged.content()).files(), meter)
                copying.copy_cached(Dump(staged.content()).cached_files(), meter)
                # What is not there may only be deleted and swept away since the snapshot was
                # taken; what a second one misses as well is lost.
                lost_now = {missing.blob for missing in lost}
                if lost_now == lost_before:
                    name = f"{header.created_at:%Y%m%dT%H%M%S.%fZ}"
                    store.put(_dump_path(name), staged, {})
                    return _done(DumpInfo(name, header), copying, lost)
                lost_before = lost_now
        raise Unavailable(
            "Files were deleted and swept away faster than they could be copied; try again while "
            "no sweep runs."
        )

    def restore(
        self,
        place: str,
        options: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        skip_lost: bool = False,
        listener: Listener = nobody,
    ) -> Done:
        """Restores a backup to this registry, which must be empty.

        The files are copied first, and then all rows are added in one transaction. If the call is
        interrupted, no rows are added, and another call continues.

        place: the backup, as for `create`.
        options: keyword arguments for the fsspec file system.
        name: the name of the dump; by default, the newest.
        skip_lost: whether to restore all other files if files of the backup are missing or damaged;
            by default, nothing is restored then.
        listener: a function that is called repeatedly with the number of bytes that are done,
            and the number of all bytes.

        Raises Conflict if this registry is not empty, and InvalidBackup if the backup is damaged,
        incomplete, or made by a newer version.
        """
        store = open_backup(place, options or {})
        name = name or _names(store)[-1]
        with _fetched(store, name) as fetched:
            fetched.check()
            self._require_empty(name)
            self._try(fetched)
            self._mark(name)
            copying = BlobCopier(store, self._blobs)
            meter = Meter(fetched.header.bytes, listener)
            lost = copying.copy(fetched.files(), meter)
            if lost and not skip_lost:
                raise InvalidBackup(
                    f"{len(lost)} files are not in the backup or damaged there, so nothing was "
                    "restored; bring them back, or leave them out.",
                    lost=tuple(map(str, lost)),
                )
            self._load(fetched, lost, copying.copy_cached(fetched.cached_files(), meter))
        self._blobs.delete(_MARKER)
        return _done(DumpInfo(name, fetched.header), copying, lost)

    def _open(self, place: str, options: Mapping[str, Any] | None) -> BlobStore:
        store = open_backup(place, options or {})
        if f"{store}/".startswith(f"{self._blobs}/"):
            raise ConfigurationError(
                "The backup would lie inside the file store, where a sweep would delete it; "
                "choose another folder."
            )
        return store

    def _require_anything(self, connection: Any) -> None:
        if AllRows(connection).are_none():
            raise ConfigurationError(
                f"The registry in {self._database} is empty; see whether this is the right one."
            )

    def _require_empty(self, name: str) -> None:
        """Raises Conflict unless the registry is empty.

        Files of an interrupted restore of the same dump are allowed.
        """
        with self._database.snapshot(guarded=False) as connection:
            self._require_no_rows(connection)
        try:
            begun = b"".join(self._blobs.read(_MARKER)).decode()
        except FileNotFoundError:
            begun = ""
        if begun == name:
            return
        if begun:
            raise Conflict(
                f"A restore of {begun} was interrupted here; restore that dump to finish it, "
                "or empty the file store."
            )
        if any(not blob.path.startswith(f"{STAGING}/") for blob in self._blobs.walk()):
            raise Conflict(
                "The file store holds files already; restore into an empty one, which no other "
                "registry uses."
            )

    def _require_no_rows(self, connection: Any) -> None:
        if not AllRows(connection).are_none():
            raise Conflict(
                f"The registry in {self._database} is not empty; restore into a new database."
            )

    def _mark(self, name: str) -> None:
        with self._blobs.stage() as staged:
            staged.write(name.encode(), len(name))
            self._blobs.put(_MARKER, staged, {})

    def _try(self, fetched: Dump) -> None:
        """Raises InvalidBackup if the rows contradict each other, before any file is copied."""
        with self._database.begin(guarded=False) as connection:
            attempt = connection.begin_nested()
            self._fill(connection, fetched, lost=())
            attempt.rollback()

    def _load(self, fetched: Dump, lost: Iterable[Lost], lost_cached: Collection[CacheKey]) -> None:
        with self._database.begin(guarded=False) as connection:
            self._fill(connection, fetched, lost, lost_cached)

    def _fill(
        self,
        connection: Any,
        fetched: Dump,
        lost: Iterable[Lost],
        lost_cached: Collection[CacheKey] = (),
    ) -> None:
        schema.migrate(connection, fetched.header.revision)
        rows = AllRows(connection)
        rows.lock()
        self._require_no_rows(connection)
        left_out = {(missing.file.table, missing.file.id) for missing in lost}
        fetched.load(connection, left_out, lost_cached)
        schema.migrate(connection, schema.HEAD)
        rows.set_counters(fetched.header.counters)


def _done(info: DumpInfo, copying: BlobCopier, lost: Iterable[Lost]) -> Done:
    return Done(info, copying.blobs, copying.bytes, tuple(map(str, lost)))


def _dump_path(name: str) -> str:
    return f"{_DUMPS}/{name}{_SUFFIX}"


def _names(store: BlobStore) -> list[str]:
    """Returns the names of all dumps, the oldest first."""
    paths = [blob.path for blob in store.walk(_DUMPS) if blob.path.endswith(_SUFFIX)]
    names = [path.removeprefix(f"{_DUMPS}/").removesuffix(_SUFFIX) for path in paths]
    if not names:
        raise InvalidBackup(f"There is no backup in {store}; see whether this is the right place.")
    return sorted(names)


@contextmanager
def _fetched(store: BlobStore, name: str) -> Iterator[Dump]:
    with TemporaryFile() as file:
        try:
            for piece in store.read(_dump_path(name)):
                file.write(piece)
        except FileNotFoundError:
            raise InvalidBackup(
                f"There is no dump {name} in the backup; choose another one."
            ) from None
        yield Dump(file)


def _tidy(store: BlobStore) -> None:
    """Deletes what a backup that was killed has left behind."""
    deadline = datetime.now(UTC) - GRACE
    for blob in store.walk(STAGING):
        if blob.modified < deadline:
            store.delete(blob.path)
