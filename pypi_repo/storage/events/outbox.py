"""Statements about entries of the journal that webhooks are yet to be told of."""

from sqlalchemy import exists, select, update

from pypi_repo.domain.journal import JournalEntry
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import journal

_COLUMNS = tuple(journal.c[name] for name in JournalEntry.__slots__)


class Outbox:
    """Reads and unmarks entries that are marked as `pending`."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def is_empty(self) -> bool:
        """Returns whether no entry is marked."""
        asked = select(exists().where(journal.c.pending))
        return not self._executor.execute(asked).scalar_one()

    def take(self, limit: int) -> list[JournalEntry]:
        """Unmarks the first entries, and returns them in their order.

        Whoever takes some at the same time waits for the end of this transaction. Within a
        repository, the order is that in which the changes were made, because a change holds the
        lock of its repository until its commit.
        """
        rows = self._executor.execute(
            select(*_COLUMNS)
            .where(journal.c.pending)
            .order_by(journal.c.id)
            .limit(limit)
            .with_for_update()
        )
        taken = [JournalEntry(**row._mapping) for row in rows]
        if taken:
            ids = [entry.id for entry in taken]
            self._executor.execute(
                update(journal).where(journal.c.id.in_(ids)).values(pending=False)
            )
        return taken
