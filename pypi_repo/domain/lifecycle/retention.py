"""Rules that say which releases a repository keeps."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches, name_pattern
from pypi_repo.domain.values.durations import parse_duration

VersionKind = Literal["finals", "pre", "dev", "local"]
"""A kind of versions, which are counted apart.

dev: developmental releases, also those of a pre-release (1.0rc1.dev2). pre: other pre-releases.
local: versions with a local label (1.0+cpu), whatever else they are. finals: all others.
"""

VERSION_KINDS: tuple[VersionKind, ...] = get_args(VersionKind)

MOST_KEPT = 1_000_000
_LONGEST_SPECIFIER = 700  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """What a rule is about, and what it keeps. A release is kept if one of the terms keeps it.

    pattern: a pattern for project names, in the form of `name_pattern`.
    only: the kinds of versions that it is about; empty for all kinds.
    keep_last: how many of the newest versions of each kind are kept; None if none for that reason.
    keep_younger: a duration such as `90d`: what was uploaded within it is kept.
    keep_downloaded: a duration such as `30d`: what was downloaded within it is kept.
    keep_matching: a version specifier (PEP 440): what it contains is kept.
    """

    pattern: str
    only: tuple[VersionKind, ...] = ()
    keep_last: int | None = None
    keep_younger: str | None = None
    keep_downloaded: str | None = None
    keep_matching: str | None = None

    def concerns(self, project: NormalizedName, kind: VersionKind) -> bool:
        """Returns whether the rule is about the versions of a kind of a project."""
        return (not self.only or kind in self.only) and matches(self.pattern, project)

    @property
    def terms(self) -> dict[str, str]:
        """What is kept, by name, without what is not said."""
        values = {
            "keep_last": self.keep_last,
            "keep_younger": self.keep_younger,
            "keep_downloaded": self.keep_downloaded,
            "keep_matching": self.keep_matching,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    def described(self) -> dict[str, str]:
        """Returns all that it says, by name."""
        only = {"only": " ".join(self.only)} if self.only else {}
        return {"pattern": self.pattern, **only, **self.terms}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule(RetentionTerms):
    """A rule of a repository. The first that is about a release decides whether it is kept.

    id: a number that is never used twice; it is also the order of the rules.
    author: who added it.
    previewed_at: when somebody saw what the rules of the repository delete; None if nobody did
        since one of them was added or deleted.
    """

    id: int
    created_at: datetime
    author: str
    previewed_at: datetime | None = None


def retention_terms(
    pattern: str,
    *,
    only: Iterable[str] = (),
    keep_last: int | None = None,
    keep_younger: str | None = None,
    keep_downloaded: str | None = None,
    keep_matching: str | None = None,
) -> RetentionTerms:
    """Returns the terms of a rule in the form in which they are stored and compared.

    Raises InvalidSetting for a term that is not valid, and for a rule that says nothing of what is
    kept: it would delete everything.
    """
    if (keep_last, keep_younger, keep_downloaded, keep_matching) == (None,) * 4:
        raise InvalidSetting(
            "Say what the rule keeps: the last ones, young ones, downloaded ones, or versions that "
            "match a specifier."
        )
    if keep_last is not None and not 0 <= keep_last <= MOST_KEPT:
        raise InvalidSetting(f"The number of versions to keep must be from 0 to {MOST_KEPT:,}.")
    return RetentionTerms(
        pattern=name_pattern(pattern),
        only=_kinds(only),
        keep_last=keep_last,
        keep_younger=None if keep_younger is None else _duration(keep_younger),
        keep_downloaded=None if keep_downloaded is None else _duration(keep_downloaded),
        keep_matching=None if keep_matching is None else _specifier(keep_matching),
    )


def version_kind(version: Version) -> VersionKind:
    """Returns the kind of a version."""
    if version.local is not None:
        return "local"
    if version.is_devrelease:
        return "dev"
    return "pre" if version.is_prerelease else "finals"


def window(duration: str) -> timedelta:
    """Returns how long a duration of a rule is."""
    return timedelta(seconds=parse_duration(duration))


def _kinds(given: Iterable[str]) -> tuple[VersionKind, ...]:
    wanted = set(given)
    if unknown := sorted(wanted.difference(VERSION_KINDS)):
        raise InvalidSetting(
            f"{unknown[0][:80]!r} is no kind of versions; choose among {', '.join(VERSION_KINDS)}."
        )
    return tuple(kind for kind in VERSION_KINDS if kind in wanted)


def _duration(text: str) -> str:
    parse_duration(text)
    return text.strip().lower()


def _specifier(text: str) -> str:
    try:
        specifier = str(SpecifierSet(text if len(text) <= _LONGEST_SPECIFIER else "too long"))
    except InvalidSpecifier:
        specifier = ""
    if not specifier:
        raise InvalidSetting(
            f"{text[:80]!r} is no version specifier; write it like '>=2.0' or '==1.4.*'."
        )
    return specifier
