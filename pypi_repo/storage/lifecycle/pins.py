"""Statements about pinned releases."""

from sqlalchemy import select, update

from pypi_repo.domain.records import Project
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import releases


class ReleasePins:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def of(self, project: Project) -> dict[str, str]:
        """Returns the reasons of the pins of a project, by version."""
        pinned = (
            select(releases.c.version, releases.c.pinned)
            .where(releases.c.project_id == project.id, releases.c.pinned.is_not(None))
            .order_by(releases.c.id)
        )
        return {row.version: row.pinned for row in self._executor.execute(pinned)}

    def set(self, release_id: int, reason: str | None) -> bool:
        """Pins a release; None unpins it. Returns False if nothing is changed by that."""
        changed = self._executor.execute(
            update(releases)
            .where(releases.c.id == release_id, releases.c.pinned.is_distinct_from(reason))
            .values(pinned=reason)
            .returning(releases.c.id)
        )
        return changed.first() is not None
