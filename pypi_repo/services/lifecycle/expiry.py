"""Ends stages that nobody has published or dropped in time."""

from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.lifecycle.stages import StageRows


def expire_all_stages(database: Database) -> int:
    """Deletes the stages of all repositories that have expired, and returns their number."""
    now, number = datetime.now(UTC), 0
    for repository in sorted({each.repository for each in StageRows(database).expired(now)}):
        with database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(repository)
            number += expire_stages(catalog, repository, now)
    return number


def expire_stages(catalog: Catalog, repository: str, now: datetime) -> int:
    """Deletes the stages of a repository that have expired, and returns their number.

    The transaction must have locked the repository, so that nobody uploads to one meanwhile.
    """
    expired = catalog.stages.expired(now, repository)
    for stage in expired:
        catalog.stages.delete(stage.id)
        catalog.journal.record(
            JournalEntry.by(
                OPERATOR,
                "expire stage",
                repository=repository,
                detail={"stage": stage.id, "files": str(stage.files)},
            )
        )
    return len(expired)
