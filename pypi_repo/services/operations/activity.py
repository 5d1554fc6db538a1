"""Reads the journal."""

from dataclasses import replace

from pypi_repo.domain.accounts.access import Actor, require_administrator
from pypi_repo.domain.journal import EVERYTHING, JournalEntry, JournalFilter
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.journal import Journal

_OTHER_REPOSITORY = ("from", "to")


class Activity:
    """Reads the journal, in which every change is recorded.

    All methods raise PermissionDenied unless the actor is the operator or an administrator. Entries
    about repositories and projects are only returned if the policy allows `Permission.AUDIT`.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._gate = gate
        self._database = database

    def entries(
        self,
        wanted: JournalFilter = EVERYTHING,
        *,
        limit: int | None = None,
        before: int | None = None,
    ) -> list[JournalEntry]:
        """Returns entries of the journal, the newest first.

        wanted: which entries to return.
        limit: the largest number of entries to return; None for all.
        before: the id of an entry; only older entries are returned.
        """
        require_administrator(self._actor)
        journal = Journal(self._database)
        audit = Audit(self._gate, self._actor, Catalog(self._database))
        shown: list[JournalEntry] = []
        while limit is None or len(shown) < limit:
            entries = journal.entries(wanted, limit, before)
            shown += (
                _without_hidden(entry, audit)
                for entry in entries
                if audit.shows(entry.repository, entry.project)
            )
            if limit is None or len(entries) < limit:
                break
            before = entries[-1].id
        return shown[:limit]

    def actions(self) -> list[str]:
        """Returns all kinds of actions that the journal contains."""
        require_administrator(self._actor)
        return Journal(self._database).actions()


def _without_hidden(entry: JournalEntry, audit: Audit) -> JournalEntry:
    """Leaves out the other repository of a promotion, if nothing of it may be told."""
    detail = entry.detail or {}
    hidden = {
        name
        for name in _OTHER_REPOSITORY
        if name in detail and not audit.shows(detail[name], entry.project)
    }
    if not hidden:
        return entry
    return replace(entry, detail={name: detail[name] for name in detail.keys() - hidden})
