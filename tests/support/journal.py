"""The journal as tests read it."""

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.journal import JournalEntry, JournalFilter


def journal_of(registry: Registry, repository: str | None = None) -> list[JournalEntry]:
    """What happened, oldest first: in one repository, or everywhere."""
    return registry.acting_as(OPERATOR).activity.entries(JournalFilter(repository=repository))[::-1]
