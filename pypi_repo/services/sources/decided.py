"""Decisions that are made again only when something has changed on which they depend."""

import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.services.sources.upstream_source import UpstreamSource
from pypi_repo.services.upstreams.screening import Screen

Result = TypeVar("Result")

_KEPT = 20_000  # of a kilobyte or two


class Premise(NamedTuple):
    """What the answer of an upstream about a project depends on, beside what is configured.

    Answers are equal if their premises are.

    state: what is known of the project.
    selection: what the rules and the cooldown show of its page at present.
    is_found: whether the upstream has the project.
    """

    state: Hashable
    selection: Hashable
    is_found: bool


class Premises:
    """Tells what the answers of an upstream depend on.

    source: what the upstream offers.
    screen: what decides which of it a repository shows.
    """

    def __init__(self, source: UpstreamSource, screen: Screen) -> None:
        self._source = source
        self._screen = screen

    def of(self, project: NormalizedName, *, last: bool) -> Premise | None:
        """Returns the premise of the answer about a project, or None if it is not in memory.

        last: whether the page that was seen last is enough.
        """
        state = self._source.known(project, last=last)
        if state is None:
            return None
        selection = None
        if state.is_found and self._screen.time_matters:
            page = self._source.page_in(project, state)
            selection = self._screen.selection(page, datetime.now(UTC))
        return Premise(state, selection, state.is_found)


class Decided:
    """Keeps those decisions that were used last, of all repositories, together with their premises.

    Threads may share it.
    """

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[Sequence[Premise], Any]] = LRUCache(_KEPT)
        self._mutex = threading.Lock()

    def get_or_decide(
        self,
        key: Hashable,
        premises: Callable[[], Sequence[Premise] | None],
        decide: Callable[[], Result],
        may_keep: Callable[[Result], bool],
    ) -> Result:
        """Returns a decision that was made before on the same premises, or makes it.

        key: identifies what is decided, and what is configured for it.
        premises: a function that returns what else the decision depends on now, or None if that is
            not known.
        may_keep: a function that tells whether a decision depends on nothing but these.
        """
        before = premises()
        with self._mutex:
            kept = self._kept.get(key)
        if kept is not None and kept[0] == before:
            found: Result = kept[1]
            return found
        result = decide()
        # What has changed meanwhile may be in the decision or not.
        if before is not None and premises() == before and may_keep(result):
            with self._mutex:
                self._kept.forget(key)
                self._kept.put(key, (before, result), 1)
        return result
