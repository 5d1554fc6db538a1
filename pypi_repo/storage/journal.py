"""Statements about the journal."""

from sqlalchemy import select

from pypi_repo.domain.journal import JournalEntry, JournalFilter
from pypi_repo.storage.executor import Executor, ask
from pypi_repo.storage.rows import lookup
from pypi_repo.storage.statements import RECORD
from pypi_repo.storage.tables import journal

_RECORDED = tuple(name for name in JournalEntry.__slots__ if name != "id")
_EXACT = ("actor", "action", "repository", "project", "version", "filename")


class Journal:
    """What happened, in its order."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def record(self, entry: JournalEntry) -> None:
        values = {name: getattr(entry, name) for name in _RECORDED}
        ask(self._executor, RECORD, **values)

    def entries(
        self, wanted: JournalFilter, limit: int | None = None, before: int | None = None
    ) -> list[JournalEntry]:
        """Newest first; at most `limit`, of those older than the entry with the id `before`."""
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
        """Every kind of action that the journal knows."""
        statement = select(journal.c.action).distinct().order_by("action")
        return list(self._executor.execute(statement).scalars())
