"""Reads the journal."""

from pypi_repo.domain.access import OPERATOR, Actor, require_administrator
from pypi_repo.domain.journal import EVERYTHING, JournalEntry, JournalFilter
from pypi_repo.storage.database import Database
from pypi_repo.storage.journal import Journal


class Activity:
    """What happened, for any administrator. Who calls without an actor is the operator."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(
        self,
        wanted: JournalFilter = EVERYTHING,
        *,
        limit: int | None = None,
        before: int | None = None,
        actor: Actor = OPERATOR,
    ) -> list[JournalEntry]:
        """Newest first; at most `limit`, of those older than the entry with the id `before`.

        Raises PermissionDenied.
        """
        require_administrator(actor)
        with self._database.read() as connection:
            return Journal(connection).entries(wanted, limit, before)

    def actions(self, *, actor: Actor = OPERATOR) -> list[str]:
        """Every kind of action that was recorded so far. Raises PermissionDenied."""
        require_administrator(actor)
        with self._database.read() as connection:
            return Journal(connection).actions()
