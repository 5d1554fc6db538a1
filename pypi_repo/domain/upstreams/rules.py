"""Rules for what a repository takes from its sources."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.filenames import FileKind
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.patterns import matches, name_pattern
from pypi_repo.domain.records import ListedFile, ProjectStatus
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
