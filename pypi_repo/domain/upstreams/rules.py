"""Rules for what a repository takes from its sources."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches, name_pattern
from pypi_repo.domain.records import PROJECT_STATUSES, ListedFile, ProjectStatus
from pypi_repo.domain.text import require_text
from pypi_repo.domain.versions import version_or_none

_LONGEST_TARGET = 700  # characters
_TARGET = re.compile(r"([A-Za-z0-9._*-]+)\s*(.*)", re.ASCII | re.DOTALL)

RuleAction = Literal["allow", "deny", "exempt"]
"""allow: it is offered. deny: it is left out. exempt: no cooldown applies to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of a repository for files that come from its sources.

    Of the rules that allow and deny, the first that matches decides. Those that exempt are
    exceptions from the cooldown.

    id: a number that is never used twice.
    pattern: a pattern for project names, in the form of `name_pattern`.
    specifier: a version specifier (PEP 440); empty for all versions.
    kind: the kind of files that it is about; None for all kinds.
    yanked: whether it is only about yanked files.
    status: the project status (PEP 792) that it is about; None for any.
    reason: why there is this rule; people who miss a file see it.
    author: who made it.
    until: when it ends; None if it does not.
    """

    id: int
    action: RuleAction
    pattern: str
    specifier: str = ""
    kind: FileKind | None = None
    yanked: bool = False
    status: ProjectStatus | None = None
    reason: str = ""
    author: str
    created_at: datetime
    until: datetime | None = None

    def check(self) -> None:
        """Raises InvalidSetting for values that a new rule cannot have."""
        require_text(self.reason)
        if self.action not in ("allow", "deny", "exempt"):
            raise InvalidSetting("A rule allows, denies or exempts; say which.")
        if self.kind not in (None, "sdist", "bdist_wheel"):
            raise InvalidSetting("A kind of files is sdist or bdist_wheel.")
        if self.status is not None and self.status not in PROJECT_STATUSES:
            raise InvalidSetting(f"A status is one of {', '.join(PROJECT_STATUSES)}.")
        if self.action == "exempt" and (not self.reason or self.until is None):
            raise InvalidSetting("An exception needs a reason and a date on which it ends.")
        if self.until is not None and not _is_ahead(self.until, self.created_at):
            raise InvalidSetting(f"The date on which the {self.noun} ends must be in the future.")

    def is_over(self, now: datetime) -> bool:
        """Returns whether the rule has ended."""
        return self.until is not None and self.until <= now

    def concerns(self, project: NormalizedName) -> bool:
        """Returns whether the rule may be about files of a project."""
        return matches(self.pattern, project)

    def matches(self, file: ListedFile, status: ProjectStatus) -> bool:
        """Returns whether the rule is about a file of a project that it concerns.

        status: the status of the project.
        """
        return (
            (self.kind is None or file.kind == self.kind)
            and (not self.yanked or file.yanked is not None)
            and (self.status is None or status == self.status)
            and (not self.specifier or self._contains(file.version))
        )

    def covers(self, other: "Rule") -> bool:
        """Returns whether each file that another rule is about is one that this rule is about.

        Whether it also ends later is not looked at. Specifiers are only compared as texts.
        """
        # What has a version that cannot be compared is denied by the other rule, not allowed here.
        is_about_versions = not self.specifier or (
            self.specifier == other.specifier and (self.action, other.action) != ("allow", "deny")
        )
        return (
            is_about_versions
            # No name has an asterisk, so only one in this pattern matches one in the other.
            and matches(self.pattern, NormalizedName(other.pattern))
            and self.kind in (None, other.kind)
            and (other.yanked or not self.yanked)
            and self.status in (None, other.status)
        )

    def _contains(self, version: str) -> bool:
        """What cannot be compared is denied, and neither allowed nor exempt."""
        found = _contains(self.specifier, version)
        return self.action == "deny" if found is None else found

    @property
    def is_exception(self) -> bool:
        """Whether it is an exception from the cooldown."""
        return self.action == "exempt"

    @property
    def noun(self) -> str:
        """What it is called, for people."""
        return "exception" if self.is_exception else "rule"

    @property
    def target(self) -> str:
        """The pattern and the specifier together, as they are given."""
        return self.pattern + self.specifier

    @property
    def subject(self) -> str:
        """What the rule is about, for people."""
        parts = (self.target, self.kind, "yanked" if self.yanked else None, self.status)
        return " ".join(filter(None, parts))

    def described(self) -> dict[str, str]:
        """Returns what it says, by name, without what it leaves open."""
        values = {
            "action": self.action,
            "target": self.target,
            "kind": self.kind,
            "yanked": "yes" if self.yanked else None,
            "status": self.status,
            "reason": self.reason,
            "until": self.until and self.until.isoformat(),
        }
        return {name: value for name, value in values.items() if value}


def covered_rules(rules: Iterable[Rule], now: datetime) -> dict[int, int]:
    """Returns the rules that decide nothing, because an earlier one decides about the same files.

    rules: the rules of a repository, in their order. Exceptions are not looked at.

    Returns the ids of such rules, each with that of the earlier one.
    """
    found: dict[int, int] = {}
    earlier: dict[str, list[Rule]] = defaultdict(list)  # by what all names have that they match
    for rule in (each for each in rules if not each.is_exception):
        for other in (each for key in _keys(rule.pattern) for each in earlier.get(key, ())):
            ends_later = other.until is None or (
                rule.until is not None and rule.until <= other.until
            )
            if ends_later and not other.is_over(now) and other.covers(rule):
                found[rule.id] = other.id
                break
        earlier[_key(rule.pattern)].append(rule)
    return found


def _key(pattern: str) -> str:
    """Returns how all names that a pattern matches begin, or end (`*-core`) if that says more."""
    beginning, _asterisk, rest = pattern.partition("*")
    end = rest.rpartition("*")[2]
    return beginning if len(beginning) >= len(end) else f"*{end}"


def _keys(name: str) -> Iterator[str]:
    """Yields the keys of all patterns that may match a name."""
    yield from (name[:end] for end in range(len(name) + 1))
    yield from (f"*{name[start:]}" for start in range(len(name)))


def warning_of_rule(rule_id: int, rules: Iterable[Rule], now: datetime) -> str:
    """Returns why a rule decides nothing, as a sentence; empty if it decides something.

    rule_id: the id of one of the rules.
    rules: the rules of a repository, in their order.
    """
    earlier = covered_rules(rules, now).get(rule_id)
    if earlier is None:
        return ""
    return (
        f"It decides nothing, because rule {earlier} comes first and is about all of its files; "
        f"delete rule {earlier} and add it again to have it come later."
    )


def closing_rule(rules: Iterable[Rule], now: datetime) -> Rule | None:
    """Returns the rule that denies all names, if no rule before it allows any.

    rules: the rules of a repository, in their order.
    """
    for rule in rules:
        if not rule.is_exception and not rule.is_over(now):
            if rule.action == "allow":
                return None
            if rule.subject == "*":
                return rule
    return None


def _is_ahead(moment: datetime, now: datetime) -> bool:
    """Not in the year 10000 either, as UTC has it."""
    try:
        return moment.tzinfo is not None and moment.astimezone(UTC) > now
    except OverflowError:
        return False


def parse_target(text: str) -> tuple[str, str]:
    """Returns the pattern and the specifier in a text such as `requests<2.32` or `acme-*`.

    Raises InvalidSetting.
    """
    given = text.strip()
    match = _TARGET.fullmatch(given)
    if match is None or len(given) > _LONGEST_TARGET or not given.isprintable():
        raise InvalidSetting(
            f"{given[:80]!r} is no name with versions; write it like requests, acme-* or "
            "'requests<2.32'."
        )
    try:
        return name_pattern(match[1]), str(SpecifierSet(match[2]))
    except InvalidSpecifier:
        raise InvalidSetting(
            f"{match[2][:80]!r} is no version specifier; write it like <2.32 or ==1.4.*."
        ) from None


@lru_cache(10_000)
def _contains(specifier: str, version: str) -> bool | None:
    """Returns whether a version is in a specifier; None if it is no version (PEP 440)."""
    parsed = version_or_none(version)
    return None if parsed is None else _parsed(specifier).contains(parsed, prereleases=True)


@lru_cache(1000)
def _parsed(specifier: str) -> SpecifierSet:
    return SpecifierSet(specifier)
