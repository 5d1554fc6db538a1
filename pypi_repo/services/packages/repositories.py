"""Creates, lists, changes and deletes repositories."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Unpack

from pypi_repo.domain.accounts.access import Actor, Permission
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.records import Repository
from pypi_repo.domain.repository_settings import (
    GivenSettings,
    RepositorySettings,
    normalized_settings,
)
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.services.upstreams.configuring.management import require_unused
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstreams import SourcesOfRepositories


class Repositories:
    """Manages repositories, as far as the policy allows the actor to see and manage them."""

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    def create(self, name: str, **given: Unpack[GivenSettings]) -> Repository:
        """Creates a repository, which by default is private and protected against overwriting.

        given: settings, which are fields of `RepositorySettings`.

        Raises InvalidName, InvalidSetting, NameTaken or PermissionDenied, and ConfigurationError
        for a profile whose optional packages are not installed.
        """
        now = datetime.now(UTC)
        planned = Repository(
            id=0, name=repository_name(name), created_at=now, **normalized_settings(given)
        )
        planned.check()
        self._gate.require(self._actor, Permission.MANAGE, planned)
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            created = catalog.add_repository(name, planned, now)
            if created is None:
                raise NameTaken(f"There is a repository {name!r} already; choose another name.")
            catalog.journal.record(
                JournalEntry.by(
                    self._actor,
                    "create repository",
                    repository=name,
                    detail=_as_text(planned.settings()),
                )
            )
        return created

    def all(self, permission: Permission = Permission.READ) -> list[Repository]:
        """Returns the repositories in which the actor has a permission, sorted by name."""
        return [
            found
            for found in Catalog(self._database).repositories()
            if self._gate.allows(self._actor, permission, found)
        ]

    def get(self, name: str, permission: Permission = Permission.READ) -> Repository:
        """Returns a repository in which the actor has a permission.

        Raises UnknownRepository, AuthenticationRequired or PermissionDenied.
        """
        return self._gate.repository(self._actor, permission, Catalog(self._database), name)

    def change(self, name: str, **given: Unpack[GivenSettings]) -> Repository:
        """Changes settings of a repository, from the next request on.

        given: the settings to change, which are fields of `RepositorySettings`. All other settings
            stay as they are.

        Returns the changed repository.

        Raises UnknownRepository, InvalidSetting or PermissionDenied, and ConfigurationError for a
        profile whose optional packages are not installed.
        """
        wanted = normalized_settings(given)
        RepositorySettings(**wanted).check()
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            repository = self._managed(catalog.lock_repository(name), name)
            if wanted:
                repository = catalog.change_repository(repository, wanted)
                catalog.journal.record(
                    JournalEntry.by(
                        self._actor, "change repository", repository=name, detail=_as_text(wanted)
                    )
                )
        return repository

    def delete(self, name: str) -> None:
        """Deletes a repository with all its projects, and the grants and tokens for it.

        The stored files are deleted by the next `Upkeep.sweep`.

        Raises UnknownRepository or PermissionDenied, and Conflict for a repository that is a
        source of others: later sources would take over its names.
        """
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            repository = self._managed(catalog.lock_repository(name), name)
            users = SourcesOfRepositories(connection).users(repository)
            audit = Audit(self._gate, self._actor, catalog)
            require_unused(f"Repository {name!r}", users, audit)
            catalog.delete_repository(repository)
            catalog.journal.record(
                JournalEntry.by(self._actor, "delete repository", repository=name)
            )

    def _managed(self, found: Repository | None, name: str) -> Repository:
        return self._gate.admit(self._actor, Permission.MANAGE, name, found)


def _as_text(values: Mapping[str, object]) -> dict[str, str]:
    return {
        name: " ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
    }
