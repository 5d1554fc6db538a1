"""What nearly every request asks the database: who is it, and what do they ask for."""

from collections.abc import Sequence
from typing import Any

from packaging.utils import canonicalize_version
from packaging.version import Version

from pypi_repo.domain.accounts import Account, Token
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Project, Repository
from pypi_repo.storage import people
from pypi_repo.storage.database import Database
from pypi_repo.storage.prepared import Question, Row
from pypi_repo.storage.rows import (
    Located,
    LocatedFile,
    located,
    located_file,
    lookup,
    to_repository,
)
from pypi_repo.storage.statements import (
    LOCATE_FILE,
    LOCATE_PROJECT,
    REPOSITORY,
    VERSION_OF_RELEASE,
)


def _repository(rows: Sequence[Row]) -> Repository | None:
    return to_repository(rows[0]) if rows else None


def _located(rows: Sequence[Row]) -> Located | None:
    return located(rows[0]) if rows else None


def _located_file(rows: Sequence[Row]) -> LocatedFile | None:
    return located_file(rows[0]) if rows else None


def _value(rows: Sequence[Row]) -> Any:
    return rows[0][0] if rows else None


_ACCOUNT = Question(people.USER, people.to_account)
_TOKEN_HOLDER = Question(people.TOKEN_HOLDER, people.to_token_holder)
_REPOSITORY = Question(REPOSITORY, _repository)
_LOCATED = Question(LOCATE_PROJECT, _located)
_LOCATED_FILE = Question(LOCATE_FILE, _located_file)
_VERSION_OF_RELEASE = Question(VERSION_OF_RELEASE, _value)


class Lookups:
    """Each method is one small statement, which sees what is committed at that moment.

    Those that Catalog has too answer as they do there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, name: str) -> Account | None:
        """The repository user with its password hash and grants."""
        return self._database.ask(_ACCOUNT, name=lookup(name))

    def token_holder(self, secret_sha256: str) -> tuple[Token, Account] | None:
        """The token and its user with grants."""
        return self._database.ask(_TOKEN_HOLDER, digest=secret_sha256)

    def repository(self, name: str) -> Repository | None:
        return self._database.ask(_REPOSITORY, name=lookup(name))

    def locate(self, repository: str, project: NormalizedName) -> Located | None:
        """The repository, and the project if it is there."""
        return self._database.ask(_LOCATED, repository=lookup(repository), project=lookup(project))

    def locate_file(self, repository: str, filename: str) -> LocatedFile | None:
        """The repository, and the file with its project if it is there."""
        names = {"repository": lookup(repository), "filename": lookup(filename)}
        return self._database.ask(_LOCATED_FILE, **names)

    def version_of_release(self, project: Project, version: Version) -> str | None:
        """How the version of a release is spelled, if the project has one that is equal."""
        names = {"project_id": project.id, "canonical_version": canonicalize_version(version)}
        found: str | None = self._database.ask(_VERSION_OF_RELEASE, **names)
        return found
