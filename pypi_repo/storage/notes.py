"""Statements about what is to be shown once."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select

from pypi_repo.storage.tables import NoteRow


class NoteShelf:
    """Runs on a connection that a service opened; the service also commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def clear(self, now: datetime, *, leaving: int) -> None:
        """Deletes what has expired, and the oldest of what would be more than `leaving`."""
        surplus = select(NoteRow.place).order_by(NoteRow.expires_at.desc()).offset(leaving)
        self._connection.execute(
            delete(NoteRow).where(or_(NoteRow.expires_at <= now, NoteRow.place.in_(surplus)))
        )

    def add(self, place: str, sealed: str, expires_at: datetime) -> None:
        self._connection.execute(
            insert(NoteRow).values(place=place, sealed=sealed, expires_at=expires_at)
        )

    def take(self, place: str, now: datetime) -> str | None:
        """What was there, for nobody else any more; None where nothing is."""
        return self._connection.execute(
            delete(NoteRow)
            .where(NoteRow.place == place, NoteRow.expires_at > now)
            .returning(NoteRow.sealed)
        ).scalar_one_or_none()
