"""Keeps database and blob store in step: removes what nothing refers to, finds what is lost."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Literal

from pypi_repo.domain.digests import DigestingCounter
from pypi_repo.domain.errors import Conflict, Unavailable
from pypi_repo.domain.inventory import ExpectedBlob, KeptFile
from pypi_repo.domain.records import owner_path
from pypi_repo.services.progress import Listener, Meter, nobody
from pypi_repo.storage.blobs import BlobStore
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database
from pypi_repo.storage.inventory import Inventory

GRACE = timedelta(days=1)
"""How long a blob without a row may belong to an upload that is still under way."""

_PAGE = 500  # rows

Fault = Literal["missing", "unreadable", "wrong-size", "wrong-digest"]


@dataclass(frozen=True, slots=True)
class Swept:
    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A damaged blob: where it is, which repositories offer it, and a sentence of what is wrong."""

    path: str
    repositories: tuple[str, ...]
    fault: Fault
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """All files of one content, after they were read; `bytes` of them together."""

    sha256: str
    files: int
    bytes: int
    problems: tuple[Problem, ...]


class Upkeep:
    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def sweep(self, grace: timedelta = GRACE) -> Swept:
        """Deletes blobs that no file refers to and that were put longer than `grace` ago.

        Such blobs are left by deletions, overwrites and crashed uploads. Safe at any time, beside
        uploads and downloads.

        Raises Conflict where there is no repository: every blob would be deleted, which is what
        the wrong database, or one that is still to be restored, looks like.
        """
        with self._database.read() as connection:
            if not Inventory(connection).has_repositories():
                raise Conflict(
                    "This registry has no repository, so every stored file would be deleted; see "
                    "whether this is the right database."
                )
        deadline = datetime.now(UTC) - grace
        blobs = size = 0
        for blob in self._blobs.walk():
            if blob.modified < deadline and self._delete_orphan(blob.path, deadline):
                blobs, size = blobs + 1, size + blob.size
        return Swept(blobs, size)

    def verify(self, after: str = "", listener: Listener = nobody) -> Iterator[Checked]:
        """Reads every file, with what is kept beside it, and compares it with the database.

        The files come in the order of their SHA-256, and each content is read once. What is
        deleted or overwritten meanwhile is no problem. Nothing is held open in between, so this
        may take days beside uploads.

        after: the `sha256` of what was checked last, to go on from there; any beginning of one
            will do.

        Raises Unavailable where the database or the whole store does not answer.
        """
        with self._database.read() as connection:
            meter = Meter(Inventory(connection).size(after), listener)
        for sha256, together in groupby(self._files(after), lambda file: file.digests.sha256):
            files = list(together)
            size = sum(file.size for file in files)
            end = meter.done + size
            problems = self._problems(files, meter.add)
            if problems:  # its row was read a while ago and may be gone: look again
                with self._database.read() as connection:
                    files = Inventory(connection).files_of(sha256)
                problems = self._problems(files, lambda _size: None)
            meter.reach(end)
            yield Checked(sha256, len(files), size, tuple(problems))

    def _files(self, after: str) -> Iterator[KeptFile]:
        with self._database.read() as connection:
            page = Inventory(connection).files(after, limit=_PAGE)
        while page:
            yield from page
            last = page[-1]
            with self._database.read() as connection:
                page = Inventory(connection).files(last.digests.sha256, last.id, limit=_PAGE)

    def _problems(self, files: Iterable[KeptFile], count: Callable[[int], None]) -> list[Problem]:
        repositories: dict[ExpectedBlob, list[str]] = {}
        for file in files:
            for blob in file.blobs():
                repositories.setdefault(blob, []).append(file.repository)
        problems = []
        for blob, names in repositories.items():
            if found := self._fault(blob, count):
                problems.append(Problem(blob.path, tuple(names), *found))
        return problems

    def _fault(self, blob: ExpectedBlob, count: Callable[[int], None]) -> tuple[Fault, str] | None:
        counter = DigestingCounter()
        try:
            for piece in self._blobs.read(blob.path):
                counter.update(piece)
                if blob.size is not None:  # what is kept beside a file is not counted
                    count(len(piece))
        except FileNotFoundError:
            return "missing", "It is missing from the file store."
        except Unavailable as error:
            self._blobs.look(blob.path)  # raises where not only this blob cannot be read
            return "unreadable", f"It cannot be read ({error.detail})."
        if blob.size not in (None, counter.size):
            return "wrong-size", f"It should have {blob.size} bytes and has {counter.size}."
        digests = counter.digests()
        if digests.sha256 != blob.sha256:
            return "wrong-digest", "Its content is not what was uploaded: the digest differs."
        if blob.digests not in (None, digests):
            return "wrong-digest", "It is whole, but the database has other digests of it."
        return None

    def _delete_orphan(self, path: str, deadline: datetime) -> bool:
        """False if it is none. Nothing is published meanwhile, so none becomes a file's blob."""
        *folders, filename = owner_path(path).split("/")
        sha256 = "".join(folders)
        with self._database.read() as connection:
            if Inventory(connection).refers_to(sha256, filename):
                return False
        with self._database.begin() as connection:
            Catalog(connection).lock_repositories()
            if Inventory(connection).refers_to(sha256, filename):
                return False
            blob = self._blobs.look(path)
            if blob is None or blob.modified >= deadline:  # somebody uploads it again
                return False
            self._blobs.delete(path)
        return True
