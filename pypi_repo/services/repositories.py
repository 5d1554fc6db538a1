"""Creates, lists, changes and deletes repositories."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pypi_repo.domain.access import Actor, Permission, require_administrator
from pypi_repo.domain.errors import InvalidSetting, NameTaken
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.profiles import PROFILES, RULES, Profile
from pypi_repo.domain.records import Repository
from pypi_repo.domain.repository_settings import RepositorySettings
from pypi_repo.domain.texts import require_storable
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database

_SETTINGS = frozenset(
    {
        "description",
        "public",
        "allow_overwrite",
        "allow_reuse",
        "max_file_size",
        "quota",
        "profile",
    }
)
_TOO_LARGE = 2**62  # what a database can count


class Repositories:
    """Repositories, as far as the policy allows the actor to see and manage them."""

    def __init__(self, actor: Actor, database: Database, gate: Gate) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate

    def create(
        self,
        name: str,
        *,
        description: str = "",
        public: bool = False,
        allow_overwrite: bool = False,
        allow_reuse: bool = False,
        max_file_size: int | None = None,
        quota: int | None = None,
        profile: Profile = "private",
    ) -> Repository:
        """A new repository: private and protected against overwriting, unless said otherwise.

        allow_reuse: whether names of deleted files can be used again; overwriting implies it.
        max_file_size: bytes; None leaves the registry's limit.
        quota: bytes of all files together; None is without end.
        profile: how strictly uploads are checked.

        Raises InvalidName, InvalidSetting, NameTaken or PermissionDenied.
        """
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "description": description,
            "public": public,
            "allow_overwrite": allow_overwrite,
            "allow_reuse": allow_reuse,
            "max_file_size": max_file_size,
            "quota": quota,
            "profile": profile,
        }
        _check_settings(values)
        planned = Repository(id=0, name=repository_name(name), created_at=now)
        self._gate.require(self._actor, Permission.MANAGE, planned)
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            created = catalog.add_repository(name, RepositorySettings(**values), now)
            if created is None:
                raise NameTaken(f"There is a repository {name!r} already; choose another name.")
            catalog.journal.record(
                JournalEntry.by(
                    self._actor, "create repository", repository=name, detail=_as_text(values)
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

    def change(self, name: str, **settings: Any) -> Repository:
        """Changes those settings of `create` that are given; effective on the next request.

        Raises UnknownRepository or InvalidSetting.
        """
        _check_settings(settings)
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            repository = self._managed(catalog.lock_repository(name), name)
            if settings:
                catalog.change_repository(repository, **settings)
                catalog.journal.record(
                    JournalEntry.by(
                        self._actor, "change repository", repository=name, detail=_as_text(settings)
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


def _check_settings(values: Mapping[str, Any]) -> None:
    unknown = values.keys() - _SETTINGS
    if unknown:
        raise InvalidSetting(f"There is no setting {min(unknown)!r}.")
    require_storable(values.get("description", ""))
    for name in ("max_file_size", "quota"):
        if (size := values.get(name)) is not None and not 0 < size < _TOO_LARGE:
            raise InvalidSetting(f"The setting {name} must be a number of bytes above 0.")
    profile = values.get("profile", PROFILES[0])
    if profile not in PROFILES:
        raise InvalidSetting(f"A profile is one of {', '.join(PROFILES)}.")
    for check in RULES[profile].installation_checks:
        check()


def _as_text(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
