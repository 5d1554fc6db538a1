"""Changes of what is configured for the sources of a repository."""

from collections.abc import Mapping
from dataclasses import dataclass

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import Conflict
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import Repository
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.upstreams import SourcesOfRepositories


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesChange:
    """A change of what is configured for one repository, within a transaction.

    actor: who makes it.
    """

    actor: Actor
    executor: Executor
    catalog: Catalog
    stored: SourcesOfRepositories
    repository: Repository

    def record(
        self, action: str, detail: Mapping[str, str] | None = None, project: str | None = None
    ) -> None:
        """Records the change in the journal."""
        self.catalog.journal.record(
            JournalEntry.by(
                self.actor,
                action,
                repository=self.repository.name,
                project=project,
                detail=detail,
            )
        )

    def require_no_circle(self, source: Repository) -> None:
        """Raises Conflict if the repository is among the sources of a repository, or is itself it.

        source: the repository that is to be one of its sources.
        """
        waiting, seen = [source.name], set()
        while waiting:
            name = waiting.pop()
            if name == self.repository.name:
                raise Conflict(
                    f"Repository {source.name!r} has {name!r} among its own sources; a repository "
                    "cannot be a source of itself."
                )
            found = None if name in seen else self.catalog.repository(name)
            seen.add(name)
            if found is not None:
                sources = self.stored.of(found).sources
                waiting += [each for each in sources if isinstance(each, str)]
