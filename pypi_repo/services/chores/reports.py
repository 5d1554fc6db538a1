"""Work that a registry does beside requests, and how it went."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoreReport:
    """A chore, and how its last run went.

    name: the name, such as `sweep`.
    what: what the chore does, as a short phrase.
    every: how long after the end of a run the next one is due.
    due_at: when it is due; None if it never ran, so that it is due now.
    started_at: when the last run began; None if there was none.
    ended_at: when the last run ended; None if it has not ended, or its process was killed.
    did: what the last run that succeeded has changed; empty if nothing.
    failure: why the last run failed, as one sentence; None if it did not.
    cause: what has caused it, for the operator. It may name hosts and paths, so clients must not
        see it.
    is_running: whether a process does it at the moment.
    """

    name: str
    what: str
    every: timedelta
    due_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    did: str = ""
    failure: str | None = None
    cause: str = ""
    is_running: bool = False

    @property
    def failure_for_operator(self) -> str | None:
        """The failure and its cause. Clients must not see it."""
        return f"{self.failure} ({self.cause})" if self.cause else self.failure

    @property
    def took(self) -> timedelta | None:
        """How long the last run took; None if it has not ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(self.ended_at - self.started_at, timedelta())
