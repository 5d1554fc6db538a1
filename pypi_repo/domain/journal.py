"""What happened, and who did it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from pypi_repo.domain.access import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One change. `serial` counts the changes of one repository; accounts have none.

    id: grows with time; 0 before it is stored.
    actor_kind: of account, because a user and an administrator may share a name; None for what
        was recorded before kinds were.
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
        """An entry about what `actor` does now; `what` are the other fields."""
        return cls(actor=actor.name, actor_kind=actor.kind.value, action=action, **what)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFilter:
    """Which entries are wanted: those for which everything given here is true.

    actor, action, repository, project, version, filename: exactly so.
    since, until: the first moment that is wanted, and the first that no longer is.
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
