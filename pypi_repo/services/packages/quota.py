"""Decides whether the quota of a repository has room for files."""

from pypi_repo.domain.errors import TooLarge
from pypi_repo.domain.records import DistributionFile, Repository
from pypi_repo.services.gate import Gate
from pypi_repo.settings import format_size
from pypi_repo.storage.catalog import Catalog


class Room:
    """What the quota of one repository has room for.

    What the repository has is summed up for the first file. Others that are added by the same
    transaction are counted then, because a sum for each of them would take longer with each.
    """

    def __init__(self, gate: Gate, catalog: Catalog) -> None:
        self._gate = gate
        self._catalog = catalog
        self._taken: int | None = None

    def take(self, repository: Repository, size: int, replaced: DistributionFile | None) -> None:
        """Counts a file that is about to be added, after `replaced` is gone.

        What is replaced goes to the trash, which may count for the quota.

        repository: always the same one.
        size: in bytes.

        Raises TooLarge if there is no room for it.
        """
        if repository.quota is None:
            return
        stays = replaced is None or (self._gate.keeps_deleted and repository.quota_counts_trash)
        taken = self._without(repository, "" if replaced is None or stays else replaced.filename)
        if taken + size > repository.quota:
            raise TooLarge(
                f"Repository {repository.name!r} would exceed its quota of "
                f"{format_size(repository.quota)}, which counts signatures and metadata too; "
                "delete files or ask an administrator for more."
            )
        self._taken = taken + size

    def _without(self, repository: Repository, replaced: str) -> int:
        """Returns the bytes that count for the quota, but for a file that is replaced."""
        if self._taken is None:
            return self._catalog.taken(repository, replaced)
        return self._taken - (self._catalog.size_of(repository, replaced) if replaced else 0)
