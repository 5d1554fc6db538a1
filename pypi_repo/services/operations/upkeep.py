"""Deletes stored files that are no longer needed, and finds damaged ones."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Literal

from pypi_repo.domain.digests import DigestingCounter
from pypi_repo.domain.errors import Conflict, Unavailable
from pypi_repo.domain.stored_files import ExpectedBlob, KeptFile, owner_path
from pypi_repo.domain.upstreams.cached_file import CachedFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.services.operations.caches import Caches
from pypi_repo.services.operations.progress import Listener, Meter, nobody
from pypi_repo.services.upstreams.fetching.settling import Settling
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.stored_files import StoredFiles
from pypi_repo.storage.upstream_pages import UpstreamPageRows
from pypi_repo.storage.upstreams import Upstreams

GRACE = timedelta(days=1)
"""How long a blob without a row may belong to an upload that is still under way."""

_PAGE = 500  # rows
_ABSENCES_KEPT = timedelta(days=30)

_Entry = KeptFile | CachedFile

Fault = Literal["missing", "unreadable", "wrong-size", "wrong-digest"]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has deleted.

    blobs: the number of stored files.
    bytes: their size.
    """

    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A damaged or missing stored file.

    path: the path in the file store, and in a backup.
    repositories: the names of the repositories that offer the file; `upstream:NAME` for a file that
        was fetched from an upstream.
    fault: what is wrong, for programs.
    what: one sentence that says what is wrong.
    is_gone: whether the file was deleted, because it is fetched again when somebody asks for it.
    """

    path: str
    repositories: tuple[str, ...]
    fault: Fault
    what: str
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of checking all files with one content.

    sha256: the SHA-256 of the content.
    files: the number of files.
    bytes: the size of the files together.
    problems: what is damaged or missing.
    """

    sha256: str
    files: int
    bytes: int
    problems: tuple[Problem, ...]


class Upkeep:
    """Frees space in the file store, and finds damaged files.

    All methods can be used while the registry is in use.

    blobs: the file store of uploaded files.
    cached: the same one for caches, which has files of upstreams that others do not rely on yet.
    settling: makes durable what was fetched from upstreams.
    """

    def __init__(
        self, database: Database, blobs: BlobStore, cached: BlobStore, settling: Settling
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._cached = cached
        self._settling = settling
        self._caches = Caches(database, cached)

    def sweep(self, grace: timedelta = GRACE) -> Swept:
        """Deletes stored files that no file of the registry refers to, on the index or elsewhere.

        What was deleted for good leaves such files, and so do interrupted uploads. Files of
        upstreams that were used longest ago are deleted first, as far as there are more than the
        `cache_size` of their upstream allows. That an upstream does not have a project is forgotten
        if nobody has asked for it in 30 days.

        grace: files that were stored within this time are kept, because they may belong to an
            upload that is under way.

        Raises Conflict if the registry has no repository. Every stored file would be deleted, and
        this usually means that the database is the wrong one or has not been restored yet.
        """
        if not StoredFiles(self._database).has_repositories():
            raise Conflict(
                "This registry has no repository, so every stored file would be deleted; see "
                "whether this is the right database."
            )
        with self._database.begin() as connection:
            UpstreamPageRows(connection).forget_absences(datetime.now(UTC) - _ABSENCES_KEPT)
        trimmed = self.trim()
        blobs, size = trimmed.blobs, trimmed.bytes
        deadline = datetime.now(UTC) - grace
        for blob in self._cached.walk():
            if blob.modified < deadline and self._delete_orphan(blob.path, deadline):
                blobs, size = blobs + 1, size + blob.size
        self._settling.settle()  # what a killed process has left, now that there is room
        return Swept(blobs, size)

    def settle_soon(self) -> None:
        """Syncs to disk, in a thread of its own, what a killed process has fetched from upstreams.

        It begins two seconds later. If it fails, it is logged and tried again.
        """
        self._settling.soon()

    def trim(self) -> Swept:
        """Deletes files of upstreams that were used longest ago.

        As many are deleted as there are more than the `cache_size` of their upstream allows.
        """
        dropped = self._caches.trim_all()
        return Swept(len(dropped), sum(file.size_in_all for file in dropped))

    def verify(self, after: str = "", listener: Listener = nobody) -> Iterator[Checked]:
        """Compares every stored file, core metadata and signature with the database.

        Damaged files of upstreams are deleted: they are fetched again when somebody asks for them.
        Those of an upstream that is offline stay, and are reported like those of repositories. So
        do files that cannot be read, which may pass.

        Each content is read once, in the order of the SHA-256. Files that are deleted or
        overwritten in the meantime are not reported. No transaction or file stays open between two
        results, so a check may take days.

        after: the `sha256` of the last result of an earlier check, to continue it from there. A
            prefix of a SHA-256 is sufficient.
        listener: a function that is called repeatedly with the number of bytes that are done,
            and the number of all bytes.

        Returns an iterator over the results.

        Raises Unavailable if the database or the whole file store cannot be used.
        """
        in_all = StoredFiles(self._database).size(after)
        meter = Meter(in_all + CachedFiles(self._database).size_after(after), listener)
        upstreams = {each.id: each for each in Upstreams(self._database).all()}
        sorted_files: list[Iterator[_Entry]] = [
            StoredFiles(self._database).files(after),
            self._cached_files(after),
        ]
        entries = merge(*sorted_files, key=attrgetter("sha256"))
        for sha256, together in groupby(entries, attrgetter("sha256")):
            found = list(together)
            files = [each for each in found if isinstance(each, KeptFile)]
            cached = [each for each in found if isinstance(each, CachedFile)]
            size = sum(file.size for file in files) + sum(each.size or 0 for each in cached)
            end = meter.done + size
            problems = self._problems(files, meter.add)
            if problems:  # its row was read a while ago and may be gone: look again
                files = StoredFiles(self._database).files_of(sha256)
                problems = self._problems(files, lambda _size: None)
            mine = {blob.path for file in files for blob in file.blobs()}
            for each in cached:
                upstream = upstreams.get(each.upstream_id)
                problems += self._damaged(each, upstream, mine, meter.add)
            meter.reach(end)
            yield Checked(sha256, len(found), size, tuple(problems))

    def _cached_files(self, after: str) -> Iterator[CachedFile]:
        page = CachedFiles(self._database).after((after, LARGEST_ID, ""), limit=_PAGE)
        while page:
            yield from page
            last = page[-1]
            key = last.sha256, last.upstream_id, last.filename
            page = CachedFiles(self._database).after(key, limit=_PAGE)

    def _damaged(
        self,
        file: CachedFile,
        upstream: Upstream | None,
        looked_at: Container[str],
        count: Callable[[int], None],
    ) -> Iterator[Problem]:
        """Deletes a file of an upstream that is damaged or missing, and yields what was damaged.

        upstream: None if it was deleted meanwhile.
        looked_at: the paths of blobs that belong to files of repositories, too.
        """
        looks = [
            (blob.path, _fault(self._cached, blob, count))
            for blob in file.blobs()
            if blob.path not in looked_at
        ]
        faults = {path: found for path, found in looks if found is not None}
        names = (f"upstream:{upstream.name if upstream else ''}",)
        if upstream is not None and upstream.offline:
            for path, (fault, what) in faults.items():
                yield Problem(path, names, fault, f"{what} Its upstream is offline.")
            return
        is_wrong = any(fault != "unreadable" for fault, _what in faults.values())
        if is_wrong:
            self._caches.drop(file)
        for path, (fault, what) in faults.items():
            if is_wrong and fault != "missing":
                said = f"{what} It was deleted, and is fetched again when it is needed."
                yield Problem(path, names, fault, said, is_gone=True)
            elif fault != "missing":
                yield Problem(path, names, fault, what)

    def _problems(self, files: Iterable[KeptFile], count: Callable[[int], None]) -> list[Problem]:
        repositories: dict[ExpectedBlob, list[str]] = {}
        for file in files:
            for blob in file.blobs():
                repositories.setdefault(blob, []).append(file.repository)
        problems = []
        for blob, names in repositories.items():
            if found := _fault(self._blobs, blob, count):
                problems.append(Problem(blob.path, tuple(names), *found))
        return problems

    def _delete_orphan(self, path: str, deadline: datetime) -> bool:
        """False if it is none. Nothing is published meanwhile, so none becomes a file's blob."""
        *folders, filename = owner_path(path).split("/")
        sha256 = "".join(folders)
        if StoredFiles(self._database).refers_to(sha256, filename):
            return False
        with self._database.begin() as connection:
            Catalog(connection).lock_repositories()
            if StoredFiles(connection).refers_to(sha256, filename):
                return False
            blob = self._cached.look(path)
            if blob is None or blob.modified >= deadline:  # somebody uploads it again
                return False
            self._cached.delete(path)
        return True


def _fault(
    blobs: BlobStore, blob: ExpectedBlob, count: Callable[[int], None]
) -> tuple[Fault, str] | None:
    counter = DigestingCounter()
    try:
        for piece in blobs.read(blob.path):
            counter.update(piece)
            if blob.size is not None:  # what is kept beside a file is not counted
                count(len(piece))
    except FileNotFoundError:
        return "missing", "It is missing from the file store."
    except Unavailable as error:
        blobs.look(blob.path)  # raises where not only this blob cannot be read
        return "unreadable", f"It cannot be read ({error.detail})."
    if blob.size not in (None, counter.size):
        return "wrong-size", f"It should have {blob.size} bytes and has {counter.size}."
    digests = counter.digests()
    if digests.sha256 != blob.sha256:
        return "wrong-digest", "Its content is not what was uploaded: the digest differs."
    if blob.digests not in (None, digests):
        return "wrong-digest", "It is whole, but the database has other digests of it."
    return None
