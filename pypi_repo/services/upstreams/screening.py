"""Leaves out what a repository does not offer of what its sources have."""

import threading
from bisect import bisect_right
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Self

from pypi_repo.domain.records import ListedFile, ProjectPage, Repository, Versioned
from pypi_repo.domain.upstreams.rules import Rule
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.upstreams.verdicts import Verdicts, Withheld
from pypi_repo.domain.values.durations import Age
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.services.lru_cache import LRUCache

_REMEMBERED = 50_000  # moments at which pages change, of all pages together


class Screen:
    """Shows of the pages of a source what the rules and the cooldown of a repository admit.

    It remembers when pages change, so it is made once for what it is made of.

    rules: the rules of the repository, in their order.
    age: how old files must be; None for any age.
    is_enforced: whether files that are younger are withheld.
    first_seen: whether a file without an upload time counts as uploaded when it was first seen.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        age: Age | None = None,
        is_enforced: bool = False,
        first_seen: bool = False,
    ) -> None:
        self._rules, self._exceptions = _parted(rules)
        self._age = age
        self._enforced = age if is_enforced else None
        self._first_seen = first_seen
        self._timelines: LRUCache[_Timeline] = LRUCache(_REMEMBERED)
        self._mutex = threading.Lock()

    @classmethod
    def of(
        cls, repository: Repository, sources: RepositorySources, upstream: Upstream | None
    ) -> Self:
        """Returns the screen between a repository and one of its sources.

        sources: what is configured for the sources of the repository.
        upstream: the source; None if it is another repository. The cooldown of the repository holds
            for what comes from elsewhere by way of that, too, in addition to the one there.
        """
        age, mode = repository.cooldown, repository.cooldown_mode
        if upstream is not None:
            age = upstream.cooldown if age is None else age
            mode = upstream.cooldown_mode if mode is None else mode
        return cls(
            sources.rules,
            age=None if age is None else Age(age),
            is_enforced=mode == "enforce",
            first_seen=upstream is not None and upstream.first_seen,
        )

    @cached_property
    def identity(self) -> str:
        """What two screens have in common if and only if they decide alike."""
        made_of = (*self._rules, *self._exceptions), str(self._age), self._enforced is None
        return sha256(repr((made_of, self._first_seen)).encode()).hexdigest()

    @property
    def is_open(self) -> bool:
        """Whether it shows every page as it is."""
        denies = any(rule.action == "deny" for rule in self._rules)
        return not denies and self._enforced is None and not self._first_seen

    def selection(self, page: Versioned[ProjectPage], now: datetime) -> Hashable:
        """Returns a value that is different whenever what is shown of a page is different.

        For one page, it changes with time exactly when what is shown does. The page is loaded only
        if time matters and the page is new to this screen.
        """
        if not self.time_matters:
            return None
        with self._mutex:
            timeline = self._timelines.get(page.key)
        if timeline is None or timeline.is_over(now):
            about_to_wait()
            timeline = _Timeline.of(self._changes(page.load()), now)
            with self._mutex:
                self._timelines.put(page.key, timeline, timeline.size)
        return timeline.last_change(now)

    def shown(self, page: ProjectPage, now: datetime) -> ProjectPage:
        """Returns a page without the files that are withheld, and without versions that had others.

        Files without an upload time get the time at which they were first seen, if it counts.
        """
        if self.is_open:
            return page
        verdicts = self._verdicts(page)
        files = tuple(verdicts.dated(file) for file in page.files if verdicts.is_shown(file, now))
        left_out = {file.version for file in page.files} - {file.version for file in files}
        versions = tuple(version for version in page.versions if version not in left_out)
        return replace(page, files=files, versions=versions)

    def withheld(self, page: ProjectPage, now: datetime) -> tuple[Withheld, ...]:
        """Returns why files of a page are not shown, in the order of the page."""
        return () if self.is_open else _withheld(self._verdicts(page), page, now)

    def verdict(self, page: ProjectPage, file: ListedFile, now: datetime) -> Withheld | None:
        """Returns why a file of a page is not shown; None if it is."""
        return None if self.is_open else self._verdicts(page).verdict(file, now)

    def would_withhold(
        self, page: ProjectPage, now: datetime, cooldown: Age | None = None
    ) -> tuple[Withheld, ...]:
        """Returns what only a cooldown would withhold if it were enforced.

        cooldown: the cooldown; None for the one that is configured.
        """
        verdicts = replace(self._verdicts(page), cooldown=cooldown or self._age)
        return tuple(each for each in _withheld(verdicts, page, now) if each.code != "denied")

    @cached_property
    def time_matters(self) -> bool:
        """Whether what is shown of a page can change by itself."""
        cooldown = self._enforced
        ending = self._rules if cooldown is None else (*self._rules, *self._exceptions)
        ages = cooldown is not None and not cooldown.is_fixed
        return not self.is_open and (ages or any(rule.until is not None for rule in ending))

    def _verdicts(self, page: ProjectPage) -> Verdicts:
        return Verdicts(
            rules=tuple(rule for rule in self._rules if rule.concerns(page.name)),
            exceptions=tuple(rule for rule in self._exceptions if rule.concerns(page.name)),
            status=page.status,
            cooldown=self._enforced,
            first_seen=self._first_seen,
        )

    def _changes(self, page: ProjectPage) -> set[datetime]:
        verdicts = self._verdicts(page)
        return {change for file in page.files for change in verdicts.changes(file)}


@dataclass(frozen=True, slots=True)
class _Timeline:
    """When what is shown of a page changes.

    last: the last change before the timeline was made; None if there was none.
    coming: those after it, in order.
    """

    last: datetime | None
    coming: tuple[datetime, ...]

    @classmethod
    def of(cls, changes: Iterable[datetime], now: datetime) -> "_Timeline":
        in_order = sorted(changes)
        past = bisect_right(in_order, now)
        return cls(in_order[past - 1] if past else None, tuple(in_order[past:]))

    @property
    def size(self) -> int:
        return 1 + len(self.coming)

    def is_over(self, now: datetime) -> bool:
        """Returns whether it cannot tell of a moment, because the clock was set back."""
        return self.last is not None and now < self.last

    def last_change(self, now: datetime) -> datetime | None:
        passed = bisect_right(self.coming, now)
        return self.coming[passed - 1] if passed else self.last


def _parted(rules: Iterable[Rule]) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Returns the rules that allow and deny, and the exceptions from the cooldown."""
    known = tuple(rules)
    return (
        tuple(rule for rule in known if rule.action != "exempt"),
        tuple(rule for rule in known if rule.action == "exempt"),
    )


def _withheld(verdicts: Verdicts, page: ProjectPage, now: datetime) -> tuple[Withheld, ...]:
    return tuple(found for file in page.files if (found := verdicts.verdict(file, now)))
