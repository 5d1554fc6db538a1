"""Statements about the journal."""

from sqlalchemy import select

from pypi_repo.domain.events.event import event_type
from pypi_repo.domain.journal import JournalEntry, JournalFilter
from pypi_repo.storage.database.executor import Executor, ask, within_transaction
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.statements import RECORD
from pypi_repo.storage.database.tables import journal
from pypi_repo.storage.events.committed import COMMITTED, Committed

_RECORDED = tuple(name for name in JournalEntry.__slots__ if name != "id")
_EXACT = ("actor", "action", "repository", "project", "version", "filename")


class Journal:
    """Writes and reads the journal."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def record(self, entry: JournalEntry) -> None:
        """Adds an entry, which is an event as soon as the transaction is committed.

        It is marked as one that webhooks are yet to be told of.
        """
        values = {name: getattr(entry, name) for name in _RECORDED}
        is_event = event_type(entry) is not None
        id_ = ask(self._executor, RECORD, **values, pending=is_event)
        if is_event:
            transaction = within_transaction(self._executor)
            committed: Committed = transaction.get_execution_options()[COMMITTED]
            committed.note(entry, id_)

    def entries(
        self, wanted: JournalFilter, limit: int | None = None, before: int | None = None
    ) -> list[JournalEntry]:
        """Returns entries, the newest first.

        limit: the largest number of entries; None for all.
        before: the id of an entry; only older entries are returned.
        """
        columns = (journal.c[name] for name in JournalEntry.__slots__)
        statement = select(*columns).order_by(journal.c.id.desc()).limit(limit)
        for name in _EXACT:
            if (value := getattr(wanted, name)) is not None:
                statement = statement.where(journal.c[name] == lookup(value))
        if wanted.since is not None:
            statement = statement.where(journal.c.at >= wanted.since)
        if wanted.until is not None:
            statement = statement.where(journal.c.at < wanted.until)
        if before is not None:
            statement = statement.where(journal.c.id < before)
        return [JournalEntry(**row._mapping) for row in self._executor.execute(statement)]

    def actions(self) -> list[str]:
        """Returns all kinds of actions that the journal contains."""
        statement = select(journal.c.action).distinct().order_by("action")
        return list(self._executor.execute(statement).scalars())
