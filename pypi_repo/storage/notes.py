"""Statements about messages that are shown once."""

from datetime import datetime

from sqlalchemy import delete, insert, or_, select

from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import notes


class NoteRows:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def clear(self, now: datetime, *, leaving: int) -> None:
        """Deletes expired messages, and the oldest ones beyond the number `leaving`."""
        surplus = select(notes.c.place).order_by(notes.c.expires_at.desc()).offset(leaving)
        self._executor.execute(
            delete(notes).where(or_(notes.c.expires_at <= now, notes.c.place.in_(surplus)))
        )

    def add(self, place: str, sealed: str, expires_at: datetime) -> None:
        """Stores an encrypted message."""
        self._executor.execute(
            insert(notes).values(place=place, sealed=sealed, expires_at=expires_at)
        )

    def take(self, place: str, now: datetime) -> str | None:
        """Returns and deletes an encrypted message, or returns None."""
        return self._executor.execute(
            delete(notes)
            .where(notes.c.place == place, notes.c.expires_at > now)
            .returning(notes.c.sealed)
        ).scalar_one_or_none()
