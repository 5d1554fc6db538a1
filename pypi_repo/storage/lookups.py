"""What nearly every request asks the database: who is it, and what do they ask for."""

from pypi_repo.domain.accounts import Account, Token
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.storage import people
from pypi_repo.storage.catalog import Located, located, located_file
from pypi_repo.storage.database import Database
from pypi_repo.storage.rows import lookup, to_repository
from pypi_repo.storage.statements import LOCATE_FILE, LOCATE_PROJECT, REPOSITORY


class Lookups:
    """Each method is one small statement, which sees what is committed at that moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, name: str) -> Account | None:
        """The repository user with its password hash and grants."""
        return people.to_account(self._database.rows(people.USER, {"name": lookup(name)}))

    def token_holder(self, secret_sha256: str) -> tuple[Token, Account] | None:
        """The token and its user with grants."""
        return people.to_token_holder(
            self._database.rows(people.TOKEN_HOLDER, {"digest": secret_sha256})
        )

    def repository(self, name: str) -> Repository | None:
        rows = self._database.rows(REPOSITORY, {"name": lookup(name)})
        return to_repository(rows[0]) if rows else None

    def project(self, repository: str, project: NormalizedName) -> Located | None:
        """The repository, and the project if it is there."""
        names = {"repository": lookup(repository), "project": lookup(project)}
        rows = self._database.rows(LOCATE_PROJECT, names)
        return located(rows[0]) if rows else None

    def file(
        self, repository: str, filename: str
    ) -> tuple[Repository, Project | None, DistributionFile | None] | None:
        """The repository, and the file with its project if it is there."""
        names = {"repository": lookup(repository), "filename": lookup(filename)}
        rows = self._database.rows(LOCATE_FILE, names)
        return located_file(rows[0]) if rows else None
