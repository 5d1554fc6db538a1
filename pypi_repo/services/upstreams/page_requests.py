"""Asks upstreams for pages, and keeps what they answer."""

import logging
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec

from pypi_repo.domain.errors import RegistryError, UnreadablePage, UpstreamFailed
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.pages import (
    ACCEPT,
    UpstreamFile,
    UpstreamPage,
    decode,
    encode,
    read_page,
)
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.upstreams.checking import unexpected
from pypi_repo.services.upstreams.circuits import Circuit
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.upstream_pages import PageState, UpstreamPageRows
from pypi_repo.storage.upstreams import Upstreams

_log = logging.getLogger(__name__)

_LARGEST_PAGE = 64 * 1024 * 1024  # bytes
_NOTED_EVERY = timedelta(minutes=1)
_SUBJECT = "upstreams"  # of transactions that may be shared


class PageRequests:
    """Asks upstreams for pages of projects, each at most as often as its failures allow."""

    def __init__(self, database: Database, client: OutboundClient, targets: Targets) -> None:
        self._database = database
        self._client = client
        self._targets = targets
        self._mutex = threading.Lock()
        self._circuits: dict[int, tuple[Upstream, Circuit]] = {}
        self._noted: dict[int, datetime] = {}
        self._outcomes: Counter[tuple[str, ...]] = Counter()

    def outcomes(self) -> dict[tuple[str, ...], int]:
        """Returns how often what came of asking, by the name of the upstream and the outcome."""
        with self._mutex:
            return dict(self._outcomes)

    def count(self, upstream: Upstream, outcome: str) -> None:
        """Counts what came of asking an upstream."""
        with self._mutex:
            self._outcomes[upstream.name, outcome] += 1

    def circuit(self, upstream: Upstream) -> Circuit:
        """Returns what decides whether an upstream is asked. It begins anew with other settings."""
        with self._mutex:
            asked, circuit = self._circuits.get(upstream.id, (None, Circuit()))
            if asked != upstream:
                asked, circuit = self._circuits[upstream.id] = upstream, Circuit()
            return circuit

    def ask(
        self, upstream: Upstream, project: NormalizedName, state: PageState | None
    ) -> PageState:
        """Asks for the page of a project, keeps the answer, and returns what is known then.

        state: what was known before.

        Raises UpstreamFailed, UpstreamRefused or UnreadablePage.
        """
        circuit = self.circuit(upstream)
        if not circuit.lets_ask():
            raise UpstreamFailed(
                f"The upstream {upstream.name!r} does not answer; try again in half a minute.",
                retry_after=30,
            )
        try:
            found = self._exchange(upstream, project, state)
        except UnreadablePage:
            self.count(upstream, "unreadable")
            raise  # of this project alone
        except RegistryError as error:
            circuit.note_failure()
            self.count(upstream, "failed")
            self._note_failure(upstream, error)
            raise
        self._note_answer(upstream, had_failed=circuit.note_answer())
        return found

    def _exchange(
        self, upstream: Upstream, project: NormalizedName, state: PageState | None
    ) -> PageState:
        headers = {"Accept": ACCEPT}
        if state is not None and state.is_found and state.etag is not None:
            headers["If-None-Match"] = state.etag
        url = f"{upstream.url}{project}/"
        with self._client.get(self._targets.of(upstream), url, headers=headers) as answer:
            now = datetime.now(UTC)
            if answer.status == 304 and state is not None and state.is_found:
                self.count(upstream, "unchanged")
                return self._confirmed(upstream, project, state, now)
            if answer.status in (404, 410):
                self.count(upstream, "missing")
                return self._saved(upstream, project, None, None, now)
            if answer.status != 200:
                raise unexpected(upstream, answer)
            page = read_page(
                answer.read_all(_LARGEST_PAGE),
                answer.headers.get("Content-Type", ""),
                answer.url,
                project,
            )
            self.count(upstream, "changed")
            return self._saved(upstream, project, page, answer.headers.get("ETag"), now)

    def _confirmed(
        self, upstream: Upstream, project: NormalizedName, state: PageState, now: datetime
    ) -> PageState:
        self._database.together(
            _SUBJECT,
            lambda connection: UpstreamPageRows(connection).confirm(upstream.id, project, now),
        )
        return state._replace(checked_at=now)

    def _saved(
        self,
        upstream: Upstream,
        project: NormalizedName,
        page: UpstreamPage | None,
        etag: str | None,
        now: datetime,
    ) -> PageState:
        def work(connection: Executor) -> PageState:
            rows = UpstreamPageRows(connection)
            before = rows.document(upstream.id, project)
            if page is None:
                revision = rows.save(upstream.id, project, None, None, now)
                return PageState(revision, now, None, is_found=False)
            document = encode(_with_what_was_known(page, before, now))
            if before is not None and before[1] == document:
                rows.confirm(upstream.id, project, now)
                return PageState(before[0], now, etag, is_found=True)
            revision = rows.save(upstream.id, project, document, etag, now)
            return PageState(revision, now, etag, is_found=True)

        return self._database.together(_SUBJECT, work)

    def _note_answer(self, upstream: Upstream, *, had_failed: bool) -> None:
        now = datetime.now(UTC)
        with self._mutex:
            last = self._noted.get(upstream.id)
            if not had_failed and last is not None and now - last < _NOTED_EVERY:
                return
            self._noted[upstream.id] = now
        with self._database.begin() as connection:
            Upstreams(connection).note_answer(upstream.id, now)

    def _note_failure(self, upstream: Upstream, error: RegistryError) -> None:
        _log.warning("The upstream %s fails: %s", upstream.name, error.for_operator)
        with self._database.begin() as connection:
            Upstreams(connection).note_failure(upstream.id, datetime.now(UTC), error.message)


def _with_what_was_known(
    page: UpstreamPage, before: tuple[int, bytes] | None, now: datetime
) -> UpstreamPage:
    """Returns a page with what its upstream does not say: when files were first seen, and digests.

    before: the page as it was kept.
    """
    if all(file.uploaded_at is not None and not _lacks_something(file) for file in page.files):
        return page
    known = {} if before is None else {file.filename: file for file in decode(before[1]).files}
    return msgspec.structs.replace(
        page, files=tuple(_completed(file, known.get(file.filename), now) for file in page.files)
    )


def _completed(file: UpstreamFile, known: UpstreamFile | None, now: datetime) -> UpstreamFile:
    is_same = known is not None and is_same_file(known, file)
    if file.uploaded_at is None:
        seen = known.first_seen if is_same and known is not None else None
        file = msgspec.structs.replace(file, first_seen=seen or now)
    if is_same and known is not None and "sha256" in known.hashes and _lacks_something(file):
        found = (known.metadata_hashes or {}).get("sha256")
        file = with_found(file, known.hashes["sha256"], found)
    return file


def _lacks_something(file: UpstreamFile) -> bool:
    """Returns whether an upstream says less of a file than is found out when it is fetched."""
    is_wheel = file.kind == "bdist_wheel"
    return "sha256" not in file.hashes or (
        is_wheel and "sha256" not in (file.metadata_hashes or {})
    )


def is_same_file(known: UpstreamFile, file: UpstreamFile) -> bool:
    """Returns whether nothing tells two files of one name apart, of which one may have a digest."""
    said = {name: digest for name, digest in known.hashes.items() if name in file.hashes}
    return (
        known.filename == file.filename
        and known.url == file.url
        and file.size in (None, known.size)
        and all(file.hashes[name] == digest for name, digest in said.items())
    )


def with_found(file: UpstreamFile, sha256: str, metadata_sha256: str | None) -> UpstreamFile:
    """Returns a file with what was found out when it was fetched.

    metadata_sha256: the SHA-256 of its core metadata, or None.
    """
    metadata_hashes = file.metadata_hashes
    if metadata_sha256 is not None:
        metadata_hashes = {**(metadata_hashes or {}), "sha256": metadata_sha256}
    return msgspec.structs.replace(
        file, hashes={**file.hashes, "sha256": sha256}, metadata_hashes=metadata_hashes
    )
