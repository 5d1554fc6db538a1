"""Statements about the trust roots that were loaded in the place of installed ones."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from pypi_repo.storage.database.account_tables import trust_roots
from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, within_transaction


@dataclass(frozen=True, slots=True)
class LoadedRoot:
    """A trust root that was loaded.

    document: the trust root (JSON).
    replaced_at: when it was loaded.
    replaced_by: the name of the actor that has loaded it.
    """

    document: str
    replaced_at: datetime
    replaced_by: str


class TrustRootRows:
    """Reads and changes trust roots. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def get(self, name: str) -> LoadedRoot | None:
        """Returns the trust root that was loaded under a name, or None."""
        row = self._executor.execute(
            select(
                trust_roots.c.document, trust_roots.c.replaced_at, trust_roots.c.replaced_by
            ).where(trust_roots.c.name == name)
        ).one_or_none()
        return None if row is None else LoadedRoot(*row)

    def put(self, name: str, root: LoadedRoot) -> None:
        """Loads a trust root, in the place of the one that may be there."""
        connection = within_transaction(self._executor)
        values = {
            "document": root.document,
            "replaced_at": root.replaced_at,
            "replaced_by": root.replaced_by,
        }
        added = insert_into(connection.dialect, trust_roots).values(name=name, **values)
        connection.execute(added.on_conflict_do_update(index_elements=["name"], set_=values))

    def delete(self, name: str) -> bool:
        """Deletes a trust root, and returns whether there was one."""
        deleted = self._executor.execute(
            delete(trust_roots).where(trust_roots.c.name == name).returning(trust_roots.c.name)
        )
        return deleted.one_or_none() is not None
