"""The files of upstreams, and what is beside them: fetched when they are asked for, and kept."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from pypi_repo.domain.errors import UnknownFile
from pypi_repo.domain.stored_files import METADATA_SUFFIX, file_path
from pypi_repo.domain.upstreams.cached_file import (
    stored_metadata_suffix,
    stored_provenance_suffix,
)
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.outbound.answer import Answer
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.operations.usage import UsageCounter
from pypi_repo.services.sources.source import ServedFile
from pypi_repo.services.sources.stored_file import Downloads
from pypi_repo.services.upstreams.cached import (
    DocumentOfUpstream,
    FetchedDocument,
    FileOfUpstream,
)
from pypi_repo.services.upstreams.fetching.errands import Errands
from pypi_repo.services.upstreams.fetching.fetches import Order, WholeFetch
from pypi_repo.services.upstreams.fetching.parts import (
    DocumentFetch,
    PartFetch,
    require_digests,
    require_object,
)
from pypi_repo.services.upstreams.keeping import Keeping, identity_of
from pypi_repo.services.upstreams.pages import UpstreamPages
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.settings import Limits
from pypi_repo.storage.blobs.store import BlobStore
from pypi_repo.storage.database.database import Database


class UpstreamFiles:
    """Serves the files of all upstreams of a registry.

    What an upstream has sent before is served from the file store, without asking anybody. All
    else is fetched by threads of its own, once for all who want it on this machine. With other
    settings of the upstream, it is another fetch, so that an administrator who has put something
    right need not wait.

    settling: makes durable what was fetched, and what a killed process has left.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        client: OutboundClient,
        targets: Targets,
        downloads: Downloads,
        *,
        pages: UpstreamPages,
        usage: UsageCounter,
        limits: Limits,
    ) -> None:
        self._blobs, self._client, self._targets = blobs, client, targets
        self._downloads, self._usage, self._limits = downloads, usage, limits
        self._errands = Errands()
        self._keeping = Keeping(database, blobs, pages, limits)
        self.settling = self._keeping.settling
        self._results: Counter[str] = Counter()
        self._fetched = 0
        self._mutex = threading.Lock()

    def file(
        self,
        upstream: Upstream,
        file: UpstreamFile,
        *,
        public: bool,
        counted_for: DownloadedRelease,
    ) -> ServedFile:
        """Returns a file of an upstream. It is fetched when it is opened, if it is not here.

        file: the file, as a page of the upstream lists it.
        public: whether everybody may read it.
        counted_for: the release whose downloads are counted.
        """
        sha256 = file.hashes.get("sha256") or self._keeping.known_digest(upstream, file) or ""
        return FileOfUpstream(
            project=file.project,
            path=file_path(sha256, file.filename) if sha256 else "",
            filename=file.filename,
            size=file.size,
            etag=sha256,
            public=public,
            downloads=self._downloads,
            counted_for=counted_for,
            files=self,
            upstream=upstream,
            listed=file,
        )

    def metadata(self, upstream: Upstream, file: UpstreamFile, *, public: bool) -> ServedFile:
        """Returns the core metadata of a file, byte for byte as the upstream has them.

        Where it has none, they are those of the wheel, once that was fetched.

        Raises UnknownFile if there are none, and UpstreamFailed if they cannot be had.
        """
        hashes, sha256 = file.metadata_hashes, file.hashes.get("sha256")
        digest = None if hashes is None else hashes.get("sha256")
        if hashes is None:
            raise UnknownFile(f"No core metadata is served for {file.filename}.")
        if digest is not None and sha256 is not None:
            suffix = stored_metadata_suffix(digest)
            return DocumentOfUpstream(
                project=file.project,
                path=file_path(sha256, file.filename) + suffix,
                filename=file.filename + METADATA_SUFFIX,
                size=None,
                etag=digest,
                public=public,
                downloads=self._downloads,
                was_sent=partial(self.was_sent, upstream, file.filename, sha256, suffix),
                fetched=lambda: (
                    self._keeping.waiting(upstream, file, sha256, suffix)
                    or self._fetched_metadata(upstream, file)
                ),
            )
        content = self._fetched_metadata(upstream, file)
        return FetchedDocument(
            project=file.project,
            filename=file.filename + METADATA_SUFFIX,
            etag=hashlib.sha256(content).hexdigest(),
            public=public,
            content=content,
        )

    def provenance(self, upstream: Upstream, file: UpstreamFile) -> str:
        """Returns the provenance of a file, as JSON (PEP 740).

        Raises UnknownFile if there is none, and UpstreamFailed if it cannot be had.
        """
        what = f"the provenance of {file.filename}"
        if file.provenance is None:
            raise UnknownFile(f"There is no provenance of {file.filename!r} here.")
        sha256 = file.hashes.get("sha256")
        suffix = stored_provenance_suffix(upstream.id, file.provenance)
        if sha256 is not None:
            kept = self._keeping.beside(file, sha256, suffix)
            if kept is not None:
                return kept.decode()

        def keep(content: bytes) -> None:
            require_object(content, what)
            if sha256 is not None:
                self._keeping.keep_beside(upstream, file, sha256, suffix, content)

        return self._document(upstream, file, file.provenance, what, keep).decode()

    # What the files that it returned need

    def whole(
        self, upstream: Upstream, file: UpstreamFile, *, is_ahead: bool = False
    ) -> WholeFetch:
        """Returns the fetch of a whole file, which others may have begun.

        is_ahead: whether it is fetched ahead of need, and so is no download that had to wait.
        """
        name = identity_of(upstream, file)
        return self._errands.join(
            upstream.id,
            (upstream, name),
            lambda: WholeFetch(self._order(upstream, file, is_ahead), name),
        )

    def part(
        self, upstream: Upstream, file: UpstreamFile, start: int, stop: int | None
    ) -> PartFetch:
        """Returns the fetch of a part of a file."""
        return self._errands.join(
            upstream.id,
            (upstream, identity_of(upstream, file), start, stop),
            lambda: PartFetch(self._order(upstream, file), start, stop),
        )

    def require_online(self, upstream: Upstream, file: UpstreamFile) -> None:
        """Raises UnknownFile if nothing may be fetched from an upstream."""
        if upstream.offline:
            raise UnknownFile(
                f"{file.filename} was not fetched while its upstream was still asked, and now it "
                "is offline; choose another version, or tell an administrator."
            )

    def was_sent(self, upstream: Upstream, filename: str, sha256: str, suffix: str = "") -> bool:
        """Returns whether an upstream has sent a file before, or what is stored beside it.

        suffix: what belongs to the path in the file store of what is beside the file.
        """
        return self._keeping.was_sent(upstream, filename, sha256, suffix)

    def size_sent(self, upstream: Upstream, filename: str, sha256: str) -> int | None:
        """Returns the size of a file that an upstream has sent, if it is known."""
        return self._keeping.size_sent(upstream, filename, sha256)

    def is_here(self, upstream: Upstream, file: UpstreamFile) -> bool:
        """Returns whether a file that its upstream has sent is in the file store."""
        return self._keeping.stored(upstream, file) is not None

    # For the registry

    def results(self) -> dict[str, int]:
        """Returns how many fetches were `whole`, a `part`, `failed` or `wrong`."""
        with self._mutex:
            return {word: self._results[word] for word in ("whole", "part", "failed", "wrong")}

    def fetched_bytes(self) -> int:
        """Returns how many bytes of files were fetched."""
        return self._fetched

    def close(self) -> None:
        """Ends what is being fetched. Another fetch goes on where it was."""
        self._errands.close()
        self._keeping.close()

    def _order(self, upstream: Upstream, file: UpstreamFile, is_ahead: bool = False) -> Order:
        return Order(
            upstream=upstream.name,
            file=file,
            ask=partial(self._ask, upstream),
            blobs=self._blobs,
            limit=self._limits.file_size,
            stored=partial(self._keeping.stored, upstream, file),
            when_whole=partial(self._keeping.remember, upstream, file),
            when_stored=partial(self._keeping.keep, upstream, file),
            when_fetched=partial(self._note_fetch, upstream, is_ahead),
        )

    def _ask(self, upstream: Upstream, url: str, headers: Mapping[str, str]) -> Answer:
        return self._client.get(self._targets.of(upstream), url, headers=headers)

    def _note_fetch(self, upstream: Upstream, is_ahead: bool, fetched: int, result: str) -> None:
        with self._mutex:
            self._results[result] += 1
            self._fetched += fetched
        fetches = 1 if result in ("whole", "part") and not is_ahead else 0
        self._usage.note_fetch(upstream.id, fetches, fetched)

    def _fetched_metadata(self, upstream: Upstream, file: UpstreamFile) -> bytes:
        """Returns core metadata from the upstream, or from the wheel if it has none after all."""
        what = f"the core metadata of {file.filename}"

        def keep(content: bytes) -> None:
            require_digests(content, file.metadata_hashes or {}, what)
            self._keeping.keep_metadata(upstream, file, content)

        try:
            return self._document(upstream, file, _with_suffix(file.url), what, keep)
        except UnknownFile:
            if file.kind != "bdist_wheel" or upstream.offline:
                raise
        self.whole(upstream, file).wait_to_end()
        content = self._keeping.metadata_in(file)
        if content is None:
            raise UnknownFile(f"No core metadata is served for {file.filename}.")
        keep(content)
        return content

    def _document(
        self,
        upstream: Upstream,
        file: UpstreamFile,
        url: str,
        what: str,
        keep: Callable[[bytes], None],
    ) -> bytes:
        self.require_online(upstream, file)
        limit = self._limits.metadata_size
        errand = self._errands.join(
            upstream.id,
            (upstream, url),
            lambda: DocumentFetch(url, what, partial(self._ask, upstream), limit, keep),
        )
        return errand.result()


def _with_suffix(url: str) -> str:
    """Returns the URL of the core metadata of the file at a URL (PEP 658)."""
    path, mark, query = url.partition("?")
    return f"{path}{METADATA_SUFFIX}{mark}{query}"
