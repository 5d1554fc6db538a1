"""The entries of the journal: what was changed, and by whom."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from pypi_repo.domain.accounts.access import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A change that was recorded in the journal.

    id: a number that grows with each entry; 0 before the entry is stored.
    actor: the name of the actor that made the change.
    actor_kind: the kind of the actor, because a user and an administrator may have the same name;
        None for old entries.
    serial: the serial of the repository after the change; None for changes of accounts.
    detail: further information, by name.
    """

    id: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    actor: str
    actor_kind: str | None
    action: str
    repository: str | None = None
    serial: int | None = None
    project: str | None = None
    version: str | None = None
    filename: str | None = None
    detail: dict[str, str] | None = None

    @classmethod
    def by(cls, actor: Actor, action: str, **what: Any) -> Self:
        """Returns a new entry about a change by `actor`.

        what: the values of the other fields.
        """
        return cls(actor=actor.name, actor_kind=actor.kind.value, action=action, **what)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFilter:
    """Which entries of the journal to return: those that match every argument that is not None.

    since: the time from which entries are returned.
    until: the time before which entries are returned.
    """

    actor: str | None = None
    action: str | None = None
    repository: str | None = None
    project: str | None = None
    version: str | None = None
    filename: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = JournalFilter()
