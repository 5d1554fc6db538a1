"""Decisions that are made again only when something has changed on which they depend."""

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from pypi_repo.domain.names import NormalizedName
from pypi_repo.services.sources.upstream_source import UpstreamSource
from pypi_repo.services.upstreams.screening import Screen

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

_KEPT = 5000  # decisions of one kind and repository


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


class Decided(Generic[Key, Result]):
    """Keeps decisions together with their premises.

    It belongs to one configuration of the sources of a repository.

    may_keep: a function that tells whether a decision depends on nothing but its key and premises.
    """

    def __init__(self, may_keep: Callable[[Key, Result], bool]) -> None:
        self._may_keep = may_keep
        self._kept: dict[Key, tuple[Sequence[Premise], Result]] = {}

    def get_or_decide(
        self,
        key: Key,
        premises: Callable[[], Sequence[Premise] | None],
        decide: Callable[[], Result],
    ) -> Result:
        """Returns a decision that was made before on the same premises, or makes it.

        premises: a function that returns what the decision depends on now, or None if that is not
            known.
        """
        before = premises()
        kept = self._kept.get(key)
        if kept is not None and kept[0] == before:
            return kept[1]
        result = decide()
        # What has changed meanwhile may be in the decision or not.
        if before is not None and premises() == before and self._may_keep(key, result):
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[key] = before, result
        return result
