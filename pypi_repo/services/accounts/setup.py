"""Creates what a new registry needs, so that it can be used at once."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import EVERY_AREA, OPERATOR
from pypi_repo.domain.accounts.grants import Access
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.repository_settings import RepositorySettings
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What `Setup.first_steps` has created. The passwords are not stored anywhere else."""

    repository: str = "main"
    user: str = "user"
    administrator: str = "admin"
    # Hexadecimal, so that no password looks like an option where it is pasted.
    user_password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    administrator_password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)


class Setup:
    """Prepares a new registry."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    def first_steps(self) -> FirstSteps | None:
        """Creates a repository, a user and an administrator in an empty registry.

        The passwords are random. Either all three are created or none.

        Returns what was created, or None if the registry has a repository, a user or an
        administrator already.
        """
        if not self._is_empty():
            return None
        made = FirstSteps()
        user_hash = self._passwords.hash(made.user_password)
        administrator_hash = self._passwords.hash(made.administrator_password)
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            catalog, users = Catalog(connection), Users(connection)
            created = catalog.add_repository(made.repository, RepositorySettings(), now)
            if created is None:
                return None  # another process was faster
            Administration(connection).add_administrator(
                made.administrator, administrator_hash, EVERY_AREA, now
            )
            user_id = users.add_user(made.user, user_hash, now)
            assert user_id is not None  # noqa: S101 - the registry was empty
            users.set_grants(user_id, Access.WRITE, {})
            catalog.journal.record(JournalEntry.by(OPERATOR, "set up registry"))
        return made

    def _is_empty(self) -> bool:
        return not (
            Catalog(self._database).repositories()
            or Users(self._database).users()
            or Administration(self._database).administrators()
        )
