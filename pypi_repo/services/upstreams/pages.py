"""The pages of upstreams: asked for when they are needed, kept while they are fresh."""

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import monotonic

import msgspec

from pypi_repo.domain.errors import RegistryError, UpstreamFailed
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.errors import UpstreamOffline
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage, decode, encode
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.waiting import Bell, about_to_wait, wait_for
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.services.upstreams.page_requests import PageRequests, is_same_file, with_found
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.upstream_pages import PageState, UpstreamPageRows

_log = logging.getLogger(__name__)

_MISSING_FOR = timedelta(minutes=1)  # how long it is remembered that there is no such project
_TRIED_AGAIN_AFTER = timedelta(seconds=10)
_WAITED_FOR_NEW = 12.0  # seconds; pip gives up after 15
_WAITED_FOR_OLD = 3.0  # seconds, where there is an older page to show
_FRESH_WHEN_BACK = 5  # seconds in which a request that waited without a thread begins again
_FILES_KEPT = 40_000  # in memory, of all pages together
_STATES_KEPT = 50_000

_Key = tuple[int, str, NormalizedName]
_Request = tuple[Upstream, NormalizedName]  # with other settings, it is another request


class KnownPage:
    """A page as it was kept, with its files by their names."""

    def __init__(self, page: UpstreamPage) -> None:
        self.page = page

    @cached_property
    def by_filename(self) -> Mapping[str, UpstreamFile]:
        """The files by their names."""
        return {file.filename: file for file in self.page.files}


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A page of an upstream, whose content is only loaded if it is needed.

    revision: a number that grows with each change of the page.
    stale_for: since how many seconds the page should have been asked for again, while the upstream
        does not answer; None for a page that is fresh.
    """

    pages: "UpstreamPages"
    upstream: Upstream
    project: NormalizedName
    revision: int
    stale_for: int | None

    def load(self) -> KnownPage:
        """Returns the content."""
        return self.pages.content(self)


class UpstreamPages:
    """Asks upstreams for pages of projects, and remembers the answers.

    What was seen is kept in the database, so no other process and no restart asks again. One
    request at a time is under way for a project in a process.
    """

    def __init__(self, database: Database, client: OutboundClient, targets: Targets) -> None:
        self._database = database
        self.requests = PageRequests(database, client, targets)
        self._mutex = threading.Lock()
        self._states: dict[_Key, PageState] = {}
        self._contents: LRUCache[KnownPage] = LRUCache(_FILES_KEPT)
        self._under_way: dict[_Request, _Asking] = {}
        self._tried: dict[_Request, tuple[datetime, BaseException]] = {}

    def asks_seldom(self, upstream: Upstream) -> bool:
        """Returns whether an upstream is hardly asked, because it failed several times in a row."""
        return self.requests.circuit(upstream).is_open

    def page(self, upstream: Upstream, project: NormalizedName) -> SeenPage | None:
        """Returns the page of a project, or None if the upstream has no such project.

        Raises UpstreamFailed or UpstreamRefused if the upstream cannot say, and UpstreamOffline
        if it is not asked and nothing is known.
        """
        key = (upstream.id, upstream.url, project)
        now = datetime.now(UTC)
        state = self._states.get(key)
        if state is not None and _is_fresh(state, upstream, now):
            return self._seen(upstream, project, state, now)
        about_to_wait()
        state = self._read_state(key)
        if state is not None and (upstream.offline or _is_fresh(state, upstream, now)):
            return self._seen(upstream, project, state, now)
        if upstream.offline:
            raise UpstreamOffline(
                f"Nothing is known of {project!r}, because the upstream {upstream.name!r} is "
                "offline; fetch it before, or ask an administrator."
            )
        try:
            state = self._refreshed(upstream, key, state)
        except RegistryError as error:
            if state is None or not state.is_found or not _may_be_stale(state, upstream, now):
                raise
            self.requests.count(upstream, "stale")
            _log.warning("%s is shown as it was: %s", project, error.for_operator)
        return self._seen(upstream, project, state, now)

    def known_projects(self, upstream: Upstream) -> list[NormalizedName]:
        """Returns the projects that were asked for and found, sorted."""
        return UpstreamPageRows(self._database).projects(upstream.id)

    def content(self, seen: SeenPage) -> KnownPage:
        """Returns the content of a page, as it is now."""
        key = (seen.upstream.id, seen.upstream.url, seen.project, seen.revision)
        with self._mutex:
            found = self._contents.get(key)
        if found is not None:
            return found
        kept = UpstreamPageRows(self._database).document(seen.upstream.id, seen.project)
        if kept is None:  # the upstream has withdrawn it meanwhile
            return KnownPage(UpstreamPage(name=seen.project))
        revision, document = kept
        return self._keep_content((*key[:3], revision), decode(document))

    def note_found(
        self, upstream: Upstream, file: UpstreamFile, metadata_sha256: str | None
    ) -> None:
        """Completes the page of a file that was fetched, where the upstream says less of it.

        file: the file, with its SHA-256.
        metadata_sha256: the SHA-256 of its core metadata; None if it has none.
        """

        def work(connection: Executor) -> None:
            rows = UpstreamPageRows(connection)
            kept = rows.document(upstream.id, file.project)
            state = rows.state(upstream.id, file.project)
            if kept is None or state is None:
                return
            page = decode(kept[1])
            files = tuple(
                with_found(each, file.hashes["sha256"], metadata_sha256)
                if is_same_file(file, each)
                else each
                for each in page.files
            )
            document = encode(msgspec.structs.replace(page, files=files))
            rows.save(upstream.id, file.project, document, state.etag, state.checked_at)

        self._database.together("upstreams", work)
        self._states.pop((upstream.id, upstream.url, file.project), None)

    def _read_state(self, key: _Key) -> PageState | None:
        state = UpstreamPageRows(self._database).state(key[0], key[2])
        if state is not None:
            self._remember(key, state)
        return state

    def _remember(self, key: _Key, state: PageState) -> None:
        if len(self._states) >= _STATES_KEPT:
            self._states.clear()
        self._states[key] = state

    def _seen(
        self, upstream: Upstream, project: NormalizedName, state: PageState, now: datetime
    ) -> SeenPage | None:
        if not state.is_found:
            return None
        is_fresh = upstream.offline or _is_fresh(state, upstream, now)
        age = now - state.checked_at
        return SeenPage(
            self, upstream, project, state.revision, None if is_fresh else int(age.total_seconds())
        )

    def _keep_content(
        self, key: tuple[int, str, NormalizedName, int], page: UpstreamPage
    ) -> KnownPage:
        content = KnownPage(page)
        with self._mutex:
            self._contents.put(key, content, len(page.files) + 1)
        return content

    # Asking

    def _refreshed(self, upstream: Upstream, key: _Key, state: PageState | None) -> PageState:
        """Returns the state after the upstream was asked, by this thread or by another one.

        Raises UpstreamFailed or UpstreamRefused, also where the answer takes too long: it is then
        kept for whoever asks next.
        """
        request = upstream, key[2]
        with self._mutex:
            asking = self._under_way.get(request)
            if asking is None:
                self._refuse_another_try(request)
                asking = self._under_way[request] = _Asking()
                threading.Thread(
                    target=self._ask, args=(upstream, key, state, asking), daemon=True
                ).start()
        has_old = state is not None and state.is_found
        try:
            return asking.answer(
                _WAITED_FOR_OLD if has_old else _WAITED_FOR_NEW,
                is_kept=upstream.fresh_for >= _FRESH_WHEN_BACK,
            )
        except FutureTimeout:
            raise UpstreamFailed(
                f"The upstream {upstream.name!r} takes long to answer; try again in a moment.",
                retry_after=5,
            ) from None

    def _refuse_another_try(self, request: _Request) -> None:
        """Raises what the last try has raised, if it was a moment ago."""
        tried = self._tried.get(request)
        if tried is not None and datetime.now(UTC) - tried[0] < _TRIED_AGAIN_AFTER:
            raise tried[1].with_traceback(None)

    def _ask(
        self, upstream: Upstream, key: _Key, state: PageState | None, asking: "_Asking"
    ) -> None:
        error: BaseException | None = None
        request = upstream, key[2]
        try:
            found = self.requests.ask(*request, state)
            self._remember(key, found)
        except BaseException as caught:  # noqa: BLE001 - for the threads that wait for it
            error = caught
        with self._mutex:
            del self._under_way[request]
            if error is not None:
                if len(self._tried) >= _STATES_KEPT:
                    self._tried.clear()
                self._tried[request] = datetime.now(UTC), error
            else:
                self._tried.pop(request, None)
        if error is None:
            asking.future.set_result(found)
        else:
            asking.future.set_exception(error)
        asking.bell.ring()


class _Asking:
    """A request that is under way.

    bell: rings when it is over.
    """

    def __init__(self) -> None:
        self.future = Future[PageState]()
        self.bell = Bell()
        self._began = monotonic()

    def answer(self, seconds: float, *, is_kept: bool) -> PageState:
        """Waits for the answer until so many seconds after the request.

        is_kept: whether what came of it will be known for a while, so that this thread need not be
            the one that waits (see `wait_for`).

        Raises what the request raised, and FutureTimeout.
        """
        rung = self.bell.rung
        left = self._began + seconds - monotonic()
        if is_kept and left > 0 and not self.future.done():
            wait_for(self.bell, rung, left)
        return self.future.result(max(0.0, self._began + seconds - monotonic()))


def _is_fresh(state: PageState, upstream: Upstream, now: datetime) -> bool:
    fresh_for = timedelta(seconds=upstream.fresh_for) if state.is_found else _MISSING_FOR
    return now - state.checked_at < fresh_for


def _may_be_stale(state: PageState, upstream: Upstream, now: datetime) -> bool:
    if upstream.stale_for is None:
        return True
    longest = timedelta(seconds=upstream.fresh_for + upstream.stale_for)
    return now - state.checked_at < longest
