"""Decides which releases of a project are kept, without asking or changing anything."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pypi_repo.domain.lifecycle.retention import (
    VERSION_KINDS,
    RetentionRule,
    VersionKind,
    version_kind,
    window,
)
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.values.durations import Age
from pypi_repo.domain.versions import version_order

_ALWAYS_KEPT_FOR = timedelta(hours=24)
_NOUNS: Mapping[VersionKind, tuple[str, str]] = {
    "finals": ("final release", "final releases"),
    "pre": ("pre-release", "pre-releases"),
    "dev": ("developmental release", "developmental releases"),
    "local": ("local version", "local versions"),
}


class ReleaseState(NamedTuple):
    """What decides about a release. It has at least one file.

    version: the version as the release spells it.
    files: the number of files.
    size: the size of the files together, in bytes.
    here_since: when its newest file was uploaded or, if that is later, when the release came to
        this repository by another way, such as a promotion.
    is_yanked: whether all files are yanked.
    pinned: why no rule may delete it; None if it is not pinned.
    downloaded_on: the last day on which it was downloaded, in UTC; None if there is none.
    """

    version: str
    files: int
    size: int
    here_since: datetime
    is_yanked: bool = False
    pinned: str | None = None
    downloaded_on: date | None = None


class Verdict(NamedTuple):
    """Whether a release is kept.

    reason: why, as a phrase.
    rule: the rule that is about it; None if there is none.
    """

    release: ReleaseState
    is_kept: bool
    reason: str
    rule: RetentionRule | None


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is decided, and what is known then.

    now: the time.
    recorded_since: the first day on which downloads from the repository were recorded; None if
        there never were any.
    recorded_until: the last such day.
    """

    now: datetime
    recorded_since: date | None
    recorded_until: date | None


def plan(
    project: NormalizedName,
    releases: Collection[ReleaseState],
    rules: Sequence[RetentionRule],
    moment: Moment,
) -> list[Verdict]:
    """Returns the verdicts on all releases of a project, the oldest version first.

    What the rule about a release keeps is kept. So is, whatever the rules say, the last final
    release that is not yanked, what is here for less than 24 hours, and what is pinned. Without
    such a final release, it is the last release of any kind that is not yanked. If some of what is
    not kept is deleted, the verdicts on the others stay as they are.

    rules: the rules of the repository, in their order. The first about a release decides.
    """
    deciding = {
        kind: next((rule for rule in rules if rule.concerns(project, kind)), None)
        for kind in VERSION_KINDS
    }
    verdicts = [
        _verdict(standing, standing.kind and deciding[standing.kind], moment)
        for standing in _standings(releases)
    ]
    verdicts.reverse()
    return verdicts


class _Standing(NamedTuple):
    """A release among the others of its project.

    version, kind: None for what is no version (PEP 440).
    newer: how many releases of its kind are newer and not yanked.
    is_current: whether it is what an installer chooses that may choose anything: the last final
        release that is not yanked, or the last release of all where there is no such final one.
    """

    release: ReleaseState
    version: Version | None
    kind: VersionKind | None
    newer: int = 0
    is_current: bool = False


def _standings(releases: Collection[ReleaseState]) -> Iterator[_Standing]:
    """Yields the releases, the newest first."""
    ordered = sorted(
        ((version_order(release.version), release) for release in releases),
        key=lambda found: found[0],
        reverse=True,
    )
    offered = [
        (version_kind(version), release)
        for (is_version, version), release in ordered
        if is_version and not release.is_yanked
    ]
    finals = (release for kind, release in offered if kind == "finals")
    current = next(finals, offered[0][1] if offered else None)
    counted: Counter[VersionKind] = Counter()
    for (is_version, version), release in ordered:
        if not is_version:
            yield _Standing(release, None, None)
            continue
        kind = version_kind(version)
        yield _Standing(release, version, kind, counted[kind], release is current)
        counted[kind] += not release.is_yanked


def _verdict(standing: _Standing, rule: RetentionRule | None, moment: Moment) -> Verdict:
    release, version, kind, *_ = standing
    if version is None or kind is None:
        return Verdict(release, True, "not a version that could be compared", None)
    if rule is None:
        return Verdict(release, True, "no rule is about it", None)
    if always := _always_kept(standing, moment):
        return Verdict(release, True, always, rule)
    lost = []
    for is_kept, reason in _terms(standing, version, kind, rule, moment):
        if is_kept:
            return Verdict(release, True, reason, rule)
        lost.append(reason)
    return Verdict(release, False, ", ".join(lost), rule)


def _always_kept(standing: _Standing, moment: Moment) -> str | None:
    """Returns why a release is kept whatever the rules say; None if it is not."""
    release = standing.release
    if release.pinned is not None:
        return f"pinned: {release.pinned}" if release.pinned else "pinned"
    if moment.now - release.here_since < _ALWAYS_KEPT_FOR:
        return "here for less than 24 hours"
    if standing.is_current:
        what = "final release" if standing.kind == "finals" else "release"
        return f"the last {what} that is not yanked"
    return None


def _terms(
    standing: _Standing, version: Version, kind: VersionKind, rule: RetentionRule, moment: Moment
) -> Iterator[tuple[bool, str]]:
    """Yields for each term of a rule whether it keeps a release, and what is to be said of it."""
    release = standing.release
    if rule.keep_last is not None:
        yield _is_among_last(standing, kind, rule.keep_last)
    if rule.keep_younger is not None:
        is_young = moment.now - release.here_since < _window(rule.keep_younger)
        yield is_young, f"{'' if is_young else 'not '}younger than {_said(rule.keep_younger)}"
    if rule.keep_downloaded is not None:
        yield _is_used(release, rule.keep_downloaded, moment)
    if rule.keep_matching is not None:
        is_in = _specifier(rule.keep_matching).contains(version, prereleases=True)
        yield is_in, f"{'matches' if is_in else 'does not match'} {rule.keep_matching}"


def _is_among_last(standing: _Standing, kind: VersionKind, number: int) -> tuple[bool, str]:
    one, several = _NOUNS[kind]
    if number == 0:
        return False, f"a {one}"
    last = f"last {one}" if number == 1 else f"last {number:,} {several}"
    if standing.release.is_yanked:
        return False, f"yanked, so not counted among the {last}"
    if standing.newer < number:
        return True, f"among the {last}"
    return False, f"not among the {last}"


def _is_used(release: ReleaseState, within: str, moment: Moment) -> tuple[bool, str]:
    """That nobody downloaded it says nothing before somebody could have for the whole time.

    Nor does it if nothing at all was downloaded, because then nothing may have been recorded: the
    server was off, or an old backup was restored.
    """
    begin = moment.now - _window(within)
    if release.downloaded_on is not None and release.downloaded_on >= begin.date():
        return True, f"downloaded within {_said(within)}"
    if release.here_since > begin:
        return True, f"here for less than {_said(within)}"
    if moment.recorded_since is None or moment.recorded_since >= begin.date():
        return True, f"downloads are recorded for less than {_said(within)}"
    if moment.recorded_until is None or moment.recorded_until < begin.date():
        return True, f"no download of anything was recorded for {_said(within)}"
    return False, f"not downloaded for {_said(within)}"


_window = lru_cache(1000)(window)


@lru_cache(1000)
def _said(duration: str) -> str:
    return str(Age(duration))


@lru_cache(1000)
def _specifier(text: str) -> SpecifierSet:
    return SpecifierSet(text)
