"""Creates, lists, changes and deletes repositories."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Unpack

from pypi_repo.domain.access import Actor, Permission, require_administrator
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.records import Repository
from pypi_repo.domain.repository_settings import GivenSettings, RepositorySettings
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database


class Repositories:
    """Repositories, as far as the policy allows the actor to see and manage them."""

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    def create(self, name: str, **given: Unpack[GivenSettings]) -> Repository:
        """A new repository: private and protected against overwriting, unless said otherwise.

        given: fields of RepositorySettings.

        Raises InvalidName, InvalidSetting, NameTaken or PermissionDenied.
        """
        now = datetime.now(UTC)
        planned = Repository(id=0, name=repository_name(name), created_at=now, **given)
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

    def all(self) -> list[Repository]:
        """Those in which the actor may see what happens, by name.

        Raises PermissionDenied for anybody but the operator and administrators.
        """
        require_administrator(self._actor)
        return self._allowed(Permission.AUDIT)

    def readable(self) -> list[Repository]:
        """Those from which the actor may install, by name."""
        return self._allowed(Permission.READ)

    def get(self, name: str) -> Repository:
        """Raises UnknownRepository."""
        with self._database.read() as connection:
            return self._managed(Catalog(connection).repository(name), name)

    def look_up(self, name: str) -> Repository:
        """One of `all`, whether the actor manages it or not. Raises as `get` does."""
        require_administrator(self._actor)
        with self._database.read() as connection:
            return self._gate.repository(self._actor, Permission.AUDIT, Catalog(connection), name)

    def managed(self) -> frozenset[str]:
        """The names of those that the actor may manage."""
        return frozenset(found.name for found in self._allowed(Permission.MANAGE))

    def change(self, name: str, **given: Unpack[GivenSettings]) -> Repository:
        """Changes those settings that are given; effective on the next request.

        given: fields of RepositorySettings.

        Raises UnknownRepository or InvalidSetting.
        """
        RepositorySettings(**given).check()
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            repository = self._managed(catalog.lock_repository(name), name)
            if given:
                catalog.change_repository(repository, given)
                catalog.journal.record(
                    JournalEntry.by(
                        self._actor, "change repository", repository=name, detail=_as_text(given)
                    )
                )
        return self.get(name)

    def delete(self, name: str) -> None:
        """Deletes the repository with all its projects; grants and tokens for it go too.

        Raises UnknownRepository. The bytes stay until `upkeep sweep`.
        """
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.delete_repository(self._managed(catalog.lock_repository(name), name))
            catalog.journal.record(
                JournalEntry.by(self._actor, "delete repository", repository=name)
            )

    def _allowed(self, permission: Permission) -> list[Repository]:
        with self._database.read() as connection:
            return [
                found
                for found in Catalog(connection).repositories()
                if self._gate.allows(self._actor, permission, found)
            ]

    def _managed(self, found: Repository | None, name: str) -> Repository:
        return self._gate.admit(self._actor, Permission.MANAGE, name, found)


def _as_text(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
