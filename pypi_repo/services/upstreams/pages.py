"""The pages of upstreams: asked for when they are needed, kept while they are fresh."""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.upstreams.errors import UpstreamOffline
from pypi_repo.domain.upstreams.pages import UpstreamFile, UpstreamPage, decode
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.services.upstreams.fetching.errands import Errand, Errands
from pypi_repo.services.upstreams.page_requests import PageRequests
from pypi_repo.services.upstreams.targets import Targets
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_pages import PageState, UpstreamPageRows

_MISSING_FOR = timedelta(minutes=1)  # how long it is remembered that there is no such project
_WAITED_FOR_NEW = 12.0  # seconds; pip gives up after 15
_WAITED_FOR_OLD = 3.0  # seconds, where there is an older page to show
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


class _Asking(Errand):
    """Asks an upstream for a page.

    state: what is known of the page then.
    """

    kept = 1.0  # seconds; whoever comes later finds the state itself

    def __init__(self, ask: Callable[[], PageState]) -> None:
        super().__init__()
        self._ask = ask
        self.state: PageState | None = None

    def work(self) -> None:
        self.state = self._ask()


class UpstreamPages:
    """Asks upstreams for pages of projects, and remembers the answers.

    What was seen is kept in the database, so no other process and no restart asks again. That an
    upstream never had a project is kept there only if somebody says so (`keep_absence`). Otherwise
    only the process that has asked knows it, for a minute.
    """

    def __init__(self, database: Database, client: OutboundClient, targets: Targets) -> None:
        self._database = database
        self._rows = UpstreamPageRows(database)
        self.requests = PageRequests(database, client, targets)
        self._errands = Errands()
        self._mutex = threading.Lock()
        self._states: dict[_Key, PageState] = {}
        self._contents: LRUCache[KnownPage] = LRUCache(_FILES_KEPT)

    def page(self, upstream: Upstream, project: NormalizedName) -> SeenPage | None:
        """Returns the page of a project, or None if the upstream has no such project.

        Raises UpstreamFailed or UpstreamRefused if the upstream cannot say, and UpstreamOffline
        if it is not asked and nothing is known.
        """
        now = datetime.now(UTC)
        key = (upstream.id, upstream.url, project)
        state = self._states.get(key)
        if state is None or not _is_fresh(state, upstream, now):
            state = self._current(upstream, key, now)
        return self._seen(upstream, project, state, now)

    def last_page(self, upstream: Upstream, project: NormalizedName) -> SeenPage | None:
        """Returns the page of a project as it was seen last, however long ago.

        The upstream is only asked if the page was never seen, and it is not kept either that there
        is none.

        Raises the same errors as `page`.
        """
        key = (upstream.id, upstream.url, project)
        state = self._states.get(key) or self._read_state(upstream, key)
        if state is not None and state.is_kept:
            return self._seen(upstream, project, state, datetime.now(UTC))
        return self.page(upstream, project)

    def known(self, upstream: Upstream, project: NormalizedName, *, last: bool) -> PageState | None:
        """Returns the state on which the next page depends, or None if it is not in memory.

        last: whether it is that of `last_page`, and not of `page`.
        """
        state = self._states.get((upstream.id, upstream.url, project))
        if state is None or (last and state.is_kept):
            return state
        return state if _is_fresh(state, upstream, datetime.now(UTC)) else None

    def page_in(
        self, upstream: Upstream, project: NormalizedName, state: PageState
    ) -> SeenPage | None:
        """Returns the page of a project in a state."""
        return self._seen(upstream, project, state, datetime.now(UTC))

    def seen(
        self, upstream: Upstream, projects: Sequence[NormalizedName]
    ) -> Mapping[NormalizedName, SeenPage]:
        """Returns the pages of those of the projects that were seen, as they were seen last.

        The upstream is not asked.
        """
        keys = {project: (upstream.id, upstream.url, project) for project in projects}
        states = {project: self._states.get(key) for project, key in keys.items()}
        unknown = [project for project, state in states.items() if state is None]
        if unknown:
            about_to_wait()
            for project, state in self._rows.states(upstream, unknown).items():
                states[project] = state
                self._remember(keys[project], state)
        now = datetime.now(UTC)
        found = {
            project: self._seen(upstream, project, state, now)
            for project, state in states.items()
            if state is not None
        }
        return {project: seen for project, seen in found.items() if seen is not None}

    def may_have(self, upstream: Upstream, project: NormalizedName) -> bool:
        """Returns whether an upstream may have a project: False if it had none when it was asked.

        The upstream is not asked.
        """
        key = (upstream.id, upstream.url, project)
        state = self._states.get(key) or self._read_state(upstream, key)
        return state is None or state.is_found

    def keep_absence(self, upstream: Upstream, project: NormalizedName) -> None:
        """Keeps in the database that an upstream does not have a project, as others supply it.

        So it is known in all processes, and while the upstream cannot say.
        """
        key = (upstream.id, upstream.url, project)
        state = self._states.get(key)
        if state is None or state.is_found or state.is_kept or self._database.is_joined:
            return
        self._remember(key, state._replace(revision=1))  # so others need not keep it, too
        try:
            self._remember(key, self.requests.keep_absence(upstream, project, state))
        except RegistryError:  # whoever gets the project elsewhere gets it all the same
            self._remember(key, state)

    def absent_for(self, upstream: Upstream, project: NormalizedName) -> int | None:
        """Returns how old it is in seconds that an upstream does not have a project.

        Returns None if that is fresh, and does not only count because the upstream does not answer.
        """
        state = self._states.get((upstream.id, upstream.url, project))
        if state is None or state.is_found:
            return None
        return _stale_for(state, upstream, datetime.now(UTC))

    def look_again(self, upstream: Upstream, project: NormalizedName) -> None:
        """Lets the next call read what other processes have found out meanwhile."""
        self._states.pop((upstream.id, upstream.url, project), None)

    def asks_seldom(self, upstream: Upstream) -> bool:
        """Returns whether an upstream is hardly asked, because it failed several times in a row."""
        return self.requests.circuit(upstream).is_open

    def known_state(self, upstream: Upstream) -> Hashable:
        """Returns a value that changes when the projects do that were asked for and found.

        That one comes while another goes, or instead of one that the database has lost, is noticed
        with the next change only.
        """
        return upstream.id, upstream.url, self._rows.numbers(upstream)

    def known_projects(self, upstream: Upstream) -> list[NormalizedName]:
        """Returns the projects that were asked for and found, sorted."""
        return self._rows.projects(upstream)

    def content(self, seen: SeenPage) -> KnownPage:
        """Returns the content of a page, as it is now."""
        key = (seen.upstream.id, seen.upstream.url, seen.project)
        with self._mutex:
            found = self._contents.get((*key, seen.revision))
        if found is not None:
            return found
        kept = self._rows.document(seen.upstream, seen.project)
        if kept is None:  # the upstream has withdrawn it meanwhile
            return KnownPage(UpstreamPage(name=seen.project))
        revision, document = kept
        content = KnownPage(decode(document))
        self._keep(key, revision, content)
        return content

    def note_found(
        self, upstream: Upstream, file: UpstreamFile, metadata_sha256: str | None
    ) -> None:
        """Completes the page of a file that was fetched, where the upstream says less of it.

        file: the file, with its SHA-256.
        metadata_sha256: the SHA-256 of its core metadata; None if it has none.
        """
        self.requests.complete(upstream, file, metadata_sha256)
        self.look_again(upstream, file.project)

    def close(self) -> None:
        """Ends what is under way."""
        self._errands.close()

    def _current(self, upstream: Upstream, key: _Key, now: datetime) -> PageState:
        """Returns what is known after the upstream was asked, if it has to be.

        Raises the errors of `page`.
        """
        project = key[2]
        state = self._read_state(upstream, key) or self._states.get(key)
        if state is not None and _is_fresh(state, upstream, now):
            return state
        if upstream.offline:
            if state is not None and state.is_kept:
                return state
            raise UpstreamOffline(
                f"Nothing is known of {project!r}, because the upstream {upstream.name!r} is "
                "offline; fetch it before, or ask an administrator."
            )
        is_usable = state is not None and state.is_kept and _may_be_stale(state, upstream, now)
        try:
            return self._asked(upstream, key, state, is_usable=is_usable)
        except RegistryError:
            if state is None or not is_usable:
                raise
            self.requests.count(upstream, "stale")
            return state

    def _asked(
        self, upstream: Upstream, key: _Key, state: PageState | None, *, is_usable: bool
    ) -> PageState:
        def ask() -> PageState:
            found, page = self.requests.ask(upstream, key[2], state)
            if page is not None:
                self._keep(key, found.revision, KnownPage(page))
            self._remember(key, found)
            return found

        # Whoever changes a setting wants to see what comes of it, and not what came before.
        asking = self._errands.join(upstream.id, (upstream, key[2]), lambda: _Asking(ask))
        asking.wait_until(patience=_WAITED_FOR_OLD if is_usable else _WAITED_FOR_NEW)
        assert asking.state is not None  # noqa: S101 - or waiting has raised why
        return asking.state

    def _read_state(self, upstream: Upstream, key: _Key) -> PageState | None:
        about_to_wait()
        state = self._rows.state(upstream, key[2])
        if state is not None:
            self._remember(key, state)
        return state

    def _keep(self, key: _Key, revision: int, content: KnownPage) -> None:
        size = min(len(content.page.files) + 1, _FILES_KEPT // 2)  # a large one is kept, too
        with self._mutex:
            self._contents.put((*key, revision), content, size)

    def _remember(self, key: _Key, state: PageState) -> None:
        if len(self._states) >= _STATES_KEPT:
            self._states.clear()
        self._states[key] = state

    def _seen(
        self, upstream: Upstream, project: NormalizedName, state: PageState, now: datetime
    ) -> SeenPage | None:
        if not state.is_found:
            return None
        return SeenPage(self, upstream, project, state.revision, _stale_for(state, upstream, now))


def _fresh_for(state: PageState, upstream: Upstream) -> timedelta:
    return timedelta(seconds=upstream.fresh_for) if state.is_found else _MISSING_FOR


def _is_fresh(state: PageState, upstream: Upstream, now: datetime) -> bool:
    return now - state.checked_at < _fresh_for(state, upstream)


def _stale_for(state: PageState, upstream: Upstream, now: datetime) -> int | None:
    if upstream.offline or _is_fresh(state, upstream, now):
        return None
    return int((now - state.checked_at).total_seconds())


def _may_be_stale(state: PageState, upstream: Upstream, now: datetime) -> bool:
    if upstream.stale_for is None:
        return True
    longest = _fresh_for(state, upstream) + timedelta(seconds=upstream.stale_for)
    return now - state.checked_at < longest
