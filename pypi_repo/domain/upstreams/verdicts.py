"""Decides which files of a page from a source a repository offers, and says why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

import msgspec

from pypi_repo.domain.records import DistributionFile, ListedFile, ProjectStatus
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.rules import Rule
from pypi_repo.domain.values.durations import Age

WithheldCode = Literal["denied", "too-young", "no-upload-time"]
"""Why a file is withheld, for programs.

denied: a rule denies it. too-young: the cooldown is not over. no-upload-time: nobody knows when the
cooldown would be over.
"""

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A file that is not offered, and why.

    reason: one sentence for people.
    since: since when it is withheld; None if nobody knows.
    free_at: when it becomes available; None if that is not known, or will never be.
    rule_id: the rule that denies it; None if no rule does.
    """

    file: ListedFile
    reason: str
    since: datetime | None
    free_at: datetime | None
    rule_id: int | None
    code: WithheldCode


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Decides about the files of a project.

    rules: the rules that allow and deny something of the project, in their order.
    exceptions: the rules that exempt something of the project from the cooldown.
    status: the status of the project.
    cooldown: how old files must be; None for any age.
    first_seen: whether a file without an upload time counts as uploaded when it was first seen.
    """

    rules: tuple[Rule, ...]
    exceptions: tuple[Rule, ...]
    status: ProjectStatus
    cooldown: Age | None
    first_seen: bool

    def is_shown(self, file: ListedFile, now: datetime) -> bool:
        """Returns whether a file is offered at a moment."""
        return self._denial(file, now) is None and self._has_age(file, now)

    def verdict(self, file: ListedFile, now: datetime) -> Withheld | None:
        """Returns why a file is not offered at a moment; None if it is offered."""
        rule = self._denial(file, now)
        if rule is None and self._has_age(file, now):
            return None
        later = (moment for moment in self._moments(file) if moment > now)
        free_at = next((moment for moment in later if self.is_shown(file, moment)), None)
        if rule is not None:
            return Withheld(
                file=file,
                reason=_denied(file, rule, free_at),
                since=rule.created_at,
                free_at=free_at,
                rule_id=rule.id,
                code="denied",
            )
        appeared = self._appeared(file)
        return Withheld(
            file=file,
            reason=_too_young(file, appeared, free_at, self.cooldown),
            since=appeared,
            free_at=free_at,
            rule_id=None,
            code="too-young" if appeared else "no-upload-time",
        )

    def changes(self, file: ListedFile) -> Iterator[datetime]:
        """Yields the moments at which a file begins or ceases to be offered, in order."""
        moments = self._moments(file)
        before = bool(moments) and self.is_shown(file, _BEFORE_ALL)
        for moment in moments:
            after = self.is_shown(file, moment)
            if after != before:
                yield moment
            before = after

    def dated(self, file: ListedFile) -> ListedFile:
        """Returns a file as it is listed: with an upload time, if one counts."""
        if file.uploaded_at is None and (appeared := self._appeared(file)):
            return msgspec.structs.replace(cast("UpstreamFile", file), uploaded_at=appeared)
        return file

    def _denial(self, file: ListedFile, now: datetime) -> Rule | None:
        """Returns the rule that denies a file, if the first that is about it does."""
        for rule in self.rules:
            if not rule.is_over(now) and rule.matches(file, self.status):
                return rule if rule.action == "deny" else None
        return None

    def _has_age(self, file: ListedFile, now: datetime) -> bool:
        """Returns whether a file is as old as the cooldown asks for, or need not be."""
        cooldown = self._cooldown_of(file)
        if cooldown is None:
            return True
        appeared = self._appeared(file)
        if appeared is not None and cooldown.is_reached(appeared, now):
            return True
        return any(
            not rule.is_over(now) and rule.matches(file, self.status) for rule in self.exceptions
        )

    def _cooldown_of(self, file: ListedFile) -> Age | None:
        """Returns how old a file must be: what was uploaded to a repository here may be new."""
        return None if isinstance(file, DistributionFile) else self.cooldown

    def _appeared(self, file: ListedFile) -> datetime | None:
        """Returns since when there is a file, as far as the cooldown is concerned."""
        if file.uploaded_at is None and self.first_seen and isinstance(file, UpstreamFile):
            return file.first_seen
        return file.uploaded_at

    def _moments(self, file: ListedFile) -> list[datetime]:
        """Returns when something ends that may decide about a file, in order."""
        found = {
            rule.until
            for rule in (*self.rules, *self.exceptions)
            if rule.until is not None and rule.matches(file, self.status)
        }
        cooldown = self._cooldown_of(file)
        if cooldown is not None and (appeared := self._appeared(file)) is not None:
            reached = cooldown.reached_at(appeared)
            found |= set() if reached is None else {reached}
        return sorted(found)


def _denied(file: ListedFile, rule: Rule, free_at: datetime | None) -> str:
    end = "" if free_at is None else f", and becomes available on {_minute(free_at)}"
    why = f" ({rule.reason})" if rule.reason else ""
    return (
        f"{file.project} {file.version} is denied since {_minute(rule.created_at)} by rule "
        f"{rule.id}, {rule.subject}{why}{end}; choose another version, or ask an administrator."
    )


def _too_young(
    file: ListedFile, appeared: datetime | None, free_at: datetime | None, cooldown: Age | None
) -> str:
    if appeared is None:  # as other versions probably have none either
        return (
            f"{file.project} {file.version} has no upload time, which files must have because of "
            f"the cooldown ({cooldown}); ask an administrator for an exception, or to count from "
            "when files were first seen."
        )
    verb = "was first seen" if file.uploaded_at is None else "was uploaded"
    told = f"{verb} on {_minute(appeared)}"
    if free_at is not None:
        told += f" and becomes available on {_minute(free_at)}"
    return (
        f"{file.project} {file.version} {told} (cooldown: {cooldown}); choose an older version, "
        "or ask an administrator for an exception."
    )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
