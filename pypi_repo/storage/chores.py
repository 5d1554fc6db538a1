"""Statements about chores: who does them now, and how they went."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.operation_tables import chores


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoreRow:
    """What is stored of a chore."""

    due_at: datetime
    leased_until: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    did: str
    failure: str | None


class ChoreRows:
    """Each method is a transaction of its own: what it says must be true for other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self) -> Mapping[str, ChoreRow]:
        """Returns what is stored of all chores that were ever due, by their names."""
        rows = self._database.execute(
            select(
                chores.c.name,
                chores.c.due_at,
                chores.c.leased_until,
                chores.c.started_at,
                chores.c.ended_at,
                chores.c.did,
                chores.c.failure,
            )
        )
        return {
            name: ChoreRow(
                due_at=due_at,
                leased_until=leased_until,
                started_at=started_at,
                ended_at=ended_at,
                did=did,
                failure=failure,
            )
            for name, due_at, leased_until, started_at, ended_at, did, failure in rows
        }

    def add(self, name: str, due_at: datetime) -> None:
        """Adds a chore, unless another process has done so."""
        try:
            with self._database.begin() as connection:
                connection.execute(insert(chores).values(name=name, due_at=due_at, did=""))
        except IntegrityError:
            pass

    def take(
        self,
        name: str,
        holder: str,
        now: datetime,
        lease: timedelta,
        latest: datetime,
        *,
        early: bool = False,
    ) -> bool:
        """Leases a chore that is due to a holder, and returns whether it got it.

        Nobody gets a chore that somebody else has, until that lease ends. A lease that is too long
        has ended: the clock of whoever has it was ahead.

        latest: when the chore is due at the latest; if it is due later, a clock was ahead.
        early: whether it is leased even if it is not due.
        """
        due_at, leased_until = chores.c.due_at, chores.c.leased_until
        with self._database.begin() as connection:
            taken = connection.execute(
                update(chores)
                .where(
                    chores.c.name == name,
                    true() if early else or_(due_at <= now, due_at > latest),
                    or_(
                        leased_until.is_(None), leased_until <= now, leased_until > now + 2 * lease
                    ),
                )
                .values(holder=holder, leased_until=now + lease, started_at=now, ended_at=None)
                .returning(chores.c.name)
            )
            return taken.one_or_none() is not None

    def renew(self, name: str, holder: str, until: datetime) -> None:
        """Lets a lease go on."""
        with self._database.begin() as connection:
            connection.execute(
                update(chores)
                .where(chores.c.name == name, chores.c.holder == holder)
                .values(leased_until=until)
            )

    def finish(
        self,
        name: str,
        holder: str,
        now: datetime,
        due_at: datetime,
        *,
        did: str | None,
        failure: str | None,
    ) -> None:
        """Ends a lease.

        did: what the run has changed; None for a failed one.
        """
        with self._database.begin() as connection:
            connection.execute(
                update(chores)
                .where(chores.c.name == name, chores.c.holder == holder)
                .values(
                    holder=None,
                    leased_until=None,
                    ended_at=now,
                    due_at=due_at,
                    did=chores.c.did if did is None else did,
                    failure=failure,
                )
            )
