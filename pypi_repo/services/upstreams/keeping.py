"""Keeps in the file store what was fetched from upstreams, and remembers it in the database."""

import hashlib
import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from pypi_repo.domain.archives.inspection import inspect
from pypi_repo.domain.errors import InvalidArchive, InvalidFilename, InvalidMetadata, RegistryError
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.stored_files import ExpectedBlob, file_path
from pypi_repo.domain.upstreams.cached_file import CachedFile, stored_metadata_suffix
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.seen import with_found
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.validation.profiles import RULES
from pypi_repo.services.operations.caches import Caches
from pypi_repo.services.small_files import LARGEST
from pypi_repo.services.upstreams.fetching.fetches import Stored
from pypi_repo.services.upstreams.fetching.settling import Settling
from pypi_repo.services.upstreams.pages import UpstreamPages
from pypi_repo.settings import MIB, Limits
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.database.database import Database

_log = logging.getLogger(__name__)

_TRIMMED_AFTER = 20  # times in which a whole cache is fetched
_REMEMBERED = 50_000  # files of which it is known that their upstream has sent them
_MOST_WAIT = 200  # documents, of which hardly any has more than some kilobytes
_MOST_BYTES = 16 * MIB  # of all of them


class _Beside(NamedTuple):
    """A document that belongs beside a file."""

    path: str
    content: bytes
    row: CachedFile


class Keeping:
    """Keeps files of upstreams, and what is beside them.

    A row for each says what the file store has, and that this upstream has sent it. If a row is
    missing, because a process was killed between the two steps, the file is fetched once more.

    blobs: the file store, for caches.

    settling: makes durable what was kept, and what a killed process has left.
    """

    def __init__(
        self, database: Database, blobs: BlobStore, pages: UpstreamPages, limits: Limits
    ) -> None:
        self._database, self._blobs, self._pages, self._limits = database, blobs, pages, limits
        self._caches = Caches(database, blobs)
        self.settling = Settling(self._settle)
        self._mutex = threading.Lock()
        self._turn = threading.Lock()
        self._grown: dict[int, int] = {}  # since the cache of an upstream was trimmed last
        # By the ids of upstreams and the paths in the file store: what waits to be kept, and the
        # sizes of what was sent, as far as they are known.
        self._waiting: dict[tuple[int, str], _Beside] = {}
        self._sent: dict[tuple[int, str], int | None] = {}

    def known_digest(self, upstream: Upstream, file: UpstreamFile) -> str | None:
        """Returns the SHA-256 of a file that was fetched, or None.

        It is for a page that does not have it yet, because it was read before that.
        """
        identity = identity_of(upstream, file)
        known = CachedFiles(self._database).identified(upstream.id, file.filename, identity)
        return None if known is None else known.sha256

    def was_sent(self, upstream: Upstream, filename: str, sha256: str, suffix: str = "") -> bool:
        """Returns whether an upstream has sent a file, or what is stored beside it.

        That its page names a digest proves nothing. The file store may have the same content from
        a repository that the reader may not read.

        suffix: what belongs to the path in the file store of what is beside the file.
        """
        path = file_path(sha256, filename) + suffix
        if (upstream.id, path) in self._sent:
            return True
        row = CachedFiles(self._database).get(upstream.id, filename, sha256)
        for blob in () if row is None else row.blobs():
            if blob.path == path:
                self._note_sent(upstream.id, blob)
                return True
        return False

    def size_sent(self, upstream: Upstream, filename: str, sha256: str) -> int | None:
        """Returns the size of a file that an upstream has sent, if it is known."""
        return self._sent.get((upstream.id, file_path(sha256, filename)))

    def stored(self, upstream: Upstream, file: UpstreamFile) -> Stored | None:
        """Returns what the file store has of a file that its upstream has sent, or None."""
        sha256 = file.hashes.get("sha256") or self.known_digest(upstream, file)
        if sha256 is None or not self.was_sent(upstream, file.filename, sha256):
            return None
        blob = self._blobs.look(file_path(sha256, file.filename))
        size = file.size or self.size_sent(upstream, file.filename, sha256)
        if blob is None or size not in (None, blob.size):
            return None
        if blob.size <= LARGEST:  # those are looked at when they are served, too
            content = self.beside(file, sha256, "")
            if content is None or hashlib.sha256(content).hexdigest() != sha256:
                return None
        return Stored(sha256, blob.size)

    def remember(self, upstream: Upstream, file: UpstreamFile, stored: Stored) -> None:
        """Remembers that an upstream has sent a file, which is about to be stored."""
        row = _row(upstream, _named(file, stored), stored.sha256, size=stored.size)
        is_named = "sha256" in file.hashes
        self._remember(row if is_named else replace(row, identity=identity_of(upstream, file)))

    def keep(self, upstream: Upstream, file: UpstreamFile, stored: Stored) -> None:
        """Completes the page of a file that was put into the file store."""
        self.settling.soon()
        self._trim_at_times(upstream, file.filename, stored)
        known, is_named = _named(file, stored), "sha256" in file.hashes
        metadata = None if file.metadata_hashes is not None else self.metadata_in(known)
        if metadata is not None:
            self.keep_metadata(upstream, known, metadata)
        elif not is_named:
            self._complete_page(upstream, known, None)

    def keep_metadata(self, upstream: Upstream, file: UpstreamFile, content: bytes) -> None:
        """Keeps core metadata, and completes the page where it does not have their digest.

        Where it has, they wait for a moment, and are kept with others that come until then.
        """
        sha256, digest = file.hashes.get("sha256"), hashlib.sha256(content).hexdigest()
        if sha256 is None:  # and so there is no place for them
            return
        path = file_path(sha256, file.filename) + stored_metadata_suffix(digest)
        row = replace(_row(upstream, file, sha256, len(content)), metadata_sha256=digest)
        document = _Beside(path, content, row)
        if file.metadata_hashes is None or "sha256" not in file.metadata_hashes:
            self._keep(document)
            self._complete_page(upstream, file, digest)
            return
        with self._mutex:
            self._waiting[upstream.id, path] = document
            sizes = [len(each.content) for each in self._waiting.values()]
        if len(sizes) >= _MOST_WAIT or sum(sizes) >= _MOST_BYTES:
            self._keep_waiting()
        self.settling.soon()

    def keep_beside(
        self, upstream: Upstream, file: UpstreamFile, sha256: str, suffix: str, content: bytes
    ) -> None:
        """Keeps a document beside a file, which need not be there."""
        path = file_path(sha256, file.filename) + suffix
        counted = 0 if self._blobs.exists(path) else len(content)
        self._keep(_Beside(path, content, _row(upstream, file, sha256, counted)))

    def waiting(
        self, upstream: Upstream, file: UpstreamFile, sha256: str, suffix: str
    ) -> bytes | None:
        """Returns what an upstream has just sent and waits to be kept beside a file, or None."""
        path = file_path(sha256, file.filename) + suffix
        document = self._waiting.get((upstream.id, path))
        return None if document is None else document.content

    def beside(self, file: UpstreamFile, sha256: str, suffix: str) -> bytes | None:
        """Returns a document that is kept beside a file, or the file itself; None if there is none.

        suffix: what belongs to the path in the file store of what is beside the file.
        """
        try:
            return b"".join(self._blobs.read(file_path(sha256, file.filename) + suffix))
        except FileNotFoundError:
            return None

    def metadata_in(self, file: UpstreamFile) -> bytes | None:
        """Returns the core metadata in a wheel that is in the file store, or None."""
        sha256 = file.hashes.get("sha256")
        if sha256 is None or file.kind != "bdist_wheel":
            return None
        try:
            name = DistributionFilename.parse(file.filename)
            with self._blobs.open(file_path(sha256, file.filename)) as content:
                return inspect(content, name, RULES["lenient"], self._limits).metadata
        except (InvalidArchive, InvalidFilename, InvalidMetadata, FileNotFoundError):
            return None

    def close(self) -> None:
        """Makes durable what was kept."""
        self.settling.close()

    def _settle(self) -> None:
        self._keep_waiting()
        self._blobs.settle()

    def _keep_waiting(self) -> None:
        """Does no harm if it fails: what was fetched can be had again.

        It is done by one thread at a time, so that each document is kept once. Threads that have
        more to keep wait for it meanwhile.
        """
        with self._turn:
            self._keep_all_that_wait()

    def _keep_all_that_wait(self) -> None:
        with self._mutex:
            documents = dict(self._waiting)
        rows, failures = [], []
        for document in documents.values():
            try:
                self._put(document)
                rows.append(document.row)
            except RegistryError as error:
                failures.append(error)
        if rows:
            self._remember(*rows)
        if failures:
            number, reason = len(failures), failures[0].for_operator
            _log.warning("%s core metadata were fetched and cannot be kept: %s", number, reason)
        with self._mutex:  # until then they are found here
            for key, document in documents.items():
                if self._waiting.get(key) is document:
                    del self._waiting[key]

    def _keep(self, document: _Beside) -> None:
        self._put(document)
        self.settling.soon()
        self._remember(document.row)

    def _put(self, document: _Beside) -> None:
        with self._blobs.stage() as staged:
            staged.write(document.content, len(document.content))
            self._blobs.put(document.path, staged, {})

    def _remember(self, *rows: CachedFile) -> None:
        """Does no harm if it fails: what was fetched is there, and another process fetches it."""
        for row in rows:
            for blob in row.blobs():
                self._note_sent(row.upstream_id, blob)
        try:
            self._database.together(
                "upstreams", lambda connection: CachedFiles(connection).add(rows), lasting=False
            )
        except RegistryError as error:
            names = ", ".join(row.filename for row in rows)
            _log.warning("%s was fetched and cannot be noted: %s", names, error.for_operator)

    def _note_sent(self, upstream_id: int, blob: ExpectedBlob) -> None:
        if len(self._sent) >= _REMEMBERED:
            self._sent.clear()
        self._sent[upstream_id, blob.path] = blob.size

    def _trim_at_times(self, upstream: Upstream, filename: str, newest: Stored) -> None:
        """Trims the cache of an upstream, first and then whenever it has grown by a twentieth.

        filename, newest: a file that stays, because somebody is getting it.
        """
        if upstream.cache_size is None:
            return
        with self._mutex:
            grown = self._grown.get(upstream.id, upstream.cache_size) + newest.size
            is_time = grown * _TRIMMED_AFTER >= upstream.cache_size
            self._grown[upstream.id] = 0 if is_time else grown
        if is_time:
            try:
                self._caches.trim(upstream, {(upstream.id, filename, newest.sha256)})
            except RegistryError as error:
                _log.warning("The cache of %s is too large: %s", upstream.name, error.for_operator)

    def _complete_page(
        self, upstream: Upstream, file: UpstreamFile, metadata_sha256: str | None
    ) -> None:
        try:
            self._pages.note_found(upstream, file, metadata_sha256)
        except RegistryError as error:
            _log.warning("The page of %s stays as it is: %s", file.project, error.for_operator)


def _named(file: UpstreamFile, stored: Stored) -> UpstreamFile:
    """Returns a file with the SHA-256 that it has."""
    return file if "sha256" in file.hashes else with_found(file, stored.sha256, None)


def identity_of(upstream: Upstream, file: UpstreamFile) -> str:
    """Returns what tells a file from others of its name: all that the page says of its content."""
    said = [upstream.id, file.filename, file.size, sorted(file.hashes.items())]
    if not file.hashes:
        said.append(file.url)
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]


def _row(
    upstream: Upstream,
    file: UpstreamFile,
    sha256: str,
    size_beside: int = 0,
    *,
    size: int | None = None,
) -> CachedFile:
    now = datetime.now(UTC)
    return CachedFile(
        upstream_id=upstream.id,
        filename=file.filename,
        sha256=sha256,
        project=file.project,
        size=size,
        size_beside=size_beside,
        metadata_sha256=None,
        identity=None,
        cached_at=now,
        used_at=now.replace(minute=0, second=0, microsecond=0),
    )
