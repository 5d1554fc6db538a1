"""Manages repository users, their tokens, and administrators."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.access import OPERATOR, Access, Actor
from pypi_repo.domain.accounts import TOKEN_PREFIX, Account, Administrator, Token, User
from pypi_repo.domain.errors import (
    InvalidSetting,
    LastAdministrator,
    NameTaken,
    UnknownAccount,
    UnknownRepository,
    UnknownToken,
)
from pypi_repo.domain.names import account_name
from pypi_repo.domain.records import JournalEntry, Repository
from pypi_repo.services.passwords import Passwords
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database
from pypi_repo.storage.people import People

_SHOWN_OF_A_TOKEN = 12  # characters; the 35 that stay hidden are out of reach of any guessing

_LONGEST_LIFE = timedelta(days=36_500)
_TOO_LARGE = 2**31  # for an id in the database


class Accounts:
    """Callers are trusted: whoever offers these to others must first know an administrator."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    # Repository users

    def create_user(
        self,
        name: str,
        password: str,
        *,
        everywhere: Access = Access.WRITE,
        named: Mapping[str, Access] | None = None,
        actor: Actor = OPERATOR,
    ) -> None:
        """A new repository user.

        everywhere: its access to every repository ...
        named: ... but those named here.

        Raises InvalidName, InvalidPassword, NameTaken or UnknownRepository.
        """
        name = account_name(name)
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            user_id = People(connection).add_user(name, password_hash, datetime.now(UTC))
            if user_id is None:
                raise NameTaken(f"There is a repository user {name!r} already.")
            catalog = Catalog(connection)
            grants = _resolve(catalog, named or {})
            People(connection).set_grants(user_id, everywhere, grants)
            _record(catalog, actor, "create user", name)

    def users(self) -> list[User]:
        with self._database.read() as connection:
            return People(connection).users()

    def set_access(
        self,
        name: str,
        everywhere: Access,
        named: Mapping[str, Access] | None = None,
        *,
        actor: Actor = OPERATOR,
    ) -> None:
        """Replaces what the user may do; effective on its next request.

        Raises UnknownAccount or UnknownRepository.
        """
        with self._database.begin() as connection:
            user = _known(People(connection), name)
            catalog = Catalog(connection)
            People(connection).set_grants(user.id, everywhere, _resolve(catalog, named or {}))
            _record(catalog, actor, "change access of user", user.name)

    def set_password(self, name: str, password: str, *, actor: Actor = OPERATOR) -> None:
        """The old password is refused from the next request on.

        Raises UnknownAccount or InvalidPassword.
        """
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            user = _known(People(connection), name)
            People(connection).set_user_password(user.id, password_hash)
            _record(Catalog(connection), actor, "set password of user", user.name)

    def delete_user(self, name: str, *, actor: Actor = OPERATOR) -> None:
        """The user's tokens go too. Raises UnknownAccount."""
        with self._database.begin() as connection:
            user = _known(People(connection), name)
            People(connection).delete_user(user.id)
            _record(Catalog(connection), actor, "delete user", user.name)

    # Tokens

    def create_token(
        self,
        user: str,
        *,
        name: str = "",
        repository: str | None = None,
        read_only: bool = False,
        expires_in: timedelta | None = None,
        actor: Actor = OPERATOR,
    ) -> tuple[Token, str]:
        """A new token and its secret, which is shown this once and never stored.

        It passes on its user's access, to one `repository` or all, to read or as far as the
        user may.

        Raises UnknownAccount, UnknownRepository or InvalidSetting.
        """
        if expires_in is not None and not timedelta() < expires_in < _LONGEST_LIFE:
            raise InvalidSetting("A token must expire in the future, within a hundred years.")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            people, catalog = People(connection), Catalog(connection)
            holder = _known(people, user)
            token_id = people.add_token(
                holder.id,
                repository_id=repository and _resolve_one(catalog, repository).id,
                name=name or f"token of {now:%Y-%m-%d}",
                prefix=secret[:_SHOWN_OF_A_TOKEN],
                secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
                read_only=read_only,
                created_at=now,
                expires_at=now + expires_in if expires_in else None,
            )
            _record(catalog, actor, "create token of user", holder.name)
            token = people.token(token_id)
        assert token is not None  # noqa: S101 - it was added in this very transaction
        return token, secret

    def tokens(self, user: str) -> list[Token]:
        """Raises UnknownAccount."""
        with self._database.read() as connection:
            people = People(connection)
            return people.tokens(_known(people, user).id)

    def revoke_token(self, token_id: int, *, actor: Actor = OPERATOR) -> Token:
        """Refused from the next request on. Raises UnknownToken."""
        with self._database.begin() as connection:
            people = People(connection)
            token = people.token(token_id) if 0 < token_id < _TOO_LARGE else None
            if token is None:
                raise UnknownToken(f"There is no token {token_id}; see `token list USER`.")
            people.delete_token(token_id)
            _record(Catalog(connection), actor, "revoke token of user", token.user)
        return token

    # Administrators

    def create_administrator(self, name: str, password: str, *, actor: Actor = OPERATOR) -> None:
        """Raises InvalidName, InvalidPassword or NameTaken."""
        name = account_name(name)
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            if not People(connection).add_administrator(name, password_hash, datetime.now(UTC)):
                raise NameTaken(f"There is an administrator {name!r} already.")
            _record(Catalog(connection), actor, "create administrator", name)

    def administrators(self) -> list[Administrator]:
        with self._database.read() as connection:
            return People(connection).administrators()

    def set_administrator_password(
        self, name: str, password: str, *, actor: Actor = OPERATOR
    ) -> None:
        """Raises UnknownAccount or InvalidPassword."""
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            if not People(connection).set_administrator_password(name.lower(), password_hash):
                raise _unknown_administrator(name)
            _record(Catalog(connection), actor, "set password of administrator", name.lower())

    def delete_administrator(self, name: str, *, actor: Actor = OPERATOR) -> None:
        """Raises UnknownAccount, or LastAdministrator."""
        with self._database.begin() as connection:
            people = People(connection)
            remaining = people.lock_administrators() - 1
            if not people.delete_administrator(name.lower()):
                raise _unknown_administrator(name)
            if remaining == 0:
                raise LastAdministrator(
                    f"{name!r} is the last administrator; create another one first."
                )
            _record(Catalog(connection), actor, "delete administrator", name.lower())


def _known(people: People, name: str) -> Account:
    user = people.user(name.lower())
    if user is None:
        raise UnknownAccount(f"There is no repository user {name!r}; see `user list`.")
    return user


def _unknown_administrator(name: str) -> UnknownAccount:
    return UnknownAccount(f"There is no administrator {name!r}; see `admin list`.")


def _resolve(catalog: Catalog, named: Mapping[str, Access]) -> dict[Repository, Access]:
    return {_resolve_one(catalog, name): access for name, access in named.items()}


def _resolve_one(catalog: Catalog, name: str) -> Repository:
    repository = catalog.repository(name)
    if repository is None:
        raise UnknownRepository(f"There is no repository {name!r}; see `repository list`.")
    return repository


def _record(catalog: Catalog, actor: Actor, action: str, account: str) -> None:
    catalog.journal.record(
        JournalEntry(
            at=datetime.now(UTC), actor=actor.name, action=action, detail={"account": account}
        )
    )
