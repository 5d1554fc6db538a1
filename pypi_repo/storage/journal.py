"""Statements about the journal."""

from sqlalchemy import Connection, insert, select

from pypi_repo.domain.records import JournalEntry
from pypi_repo.storage.tables import JournalRow


class Journal:
    """What happened, in its order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, entry: JournalEntry) -> None:
        self._connection.execute(
            insert(JournalRow).values(
                at=entry.at,
                actor=entry.actor,
                action=entry.action,
                repository=entry.repository,
                serial=entry.serial,
                project=entry.project,
                version=entry.version,
                filename=entry.filename,
                detail=entry.detail,
            )
        )

    def entries(self, repository: str | None = None) -> list[JournalEntry]:
        """All entries, oldest first, or those of one repository."""
        statement = select(
            JournalRow.at,
            JournalRow.actor,
            JournalRow.action,
            JournalRow.repository,
            JournalRow.serial,
            JournalRow.project,
            JournalRow.version,
            JournalRow.filename,
            JournalRow.detail,
        ).order_by(JournalRow.id)
        if repository is not None:
            statement = statement.where(JournalRow.repository == repository)
        return [JournalEntry(**row._mapping) for row in self._connection.execute(statement)]
