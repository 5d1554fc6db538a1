"""Manages repository users and their tokens."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import (
    Access,
    Actor,
    Area,
    Grants,
    Permission,
    require_area,
)
from pypi_repo.domain.accounts.accounts import (
    TOKEN_PREFIX,
    Account,
    Token,
    User,
    shown_of,
    token_digest,
)
from pypi_repo.domain.errors import (
    InvalidSetting,
    NameTaken,
    UnknownAccount,
    UnknownToken,
)
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.domain.names import account_name
from pypi_repo.domain.records import Repository
from pypi_repo.domain.text import require_storable
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.lists import Lists
from pypi_repo.storage.users import Users

_LONGEST_LIFE = timedelta(days=36_500)


class Accounts:
    """Manages repository users and their tokens.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `users`.

    Access to repositories that the policy hides from the actor (`Permission.AUDIT`) is neither
    shown nor changed, and tokens for such a repository do not exist for the actor. Methods that
    take the name of a repository raise PermissionDenied if the policy hides it, whether it exists
    or not.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate, passwords: Passwords) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._passwords = passwords

    # Repository users

    def create_user(
        self,
        name: str,
        password: str,
        *,
        everywhere: Access = Access.WRITE,
        named: Mapping[str, Access] | None = None,
        disabled: bool = False,
    ) -> None:
        """Creates a repository user.

        everywhere: the access to all repositories that `named` does not contain.
        named: the access to single repositories, by their names.
        disabled: whether all requests of the user are refused.

        Raises InvalidName, InvalidPassword, NameTaken, PermissionDenied or UnknownRepository.
        """
        require_area(self._actor, Area.USERS)
        name = account_name(name)
        password_hash = self._passwords.hash(password)
        with self._database.begin() as connection:
            user_id = Users(connection).add_user(name, password_hash, datetime.now(UTC))
            if user_id is None:
                raise NameTaken(
                    f"There is a repository user {name!r} already; choose another name."
                )
            catalog = Catalog(connection)
            self._set_grants(connection, user_id, Grants(everywhere, named or {}), Grants())
            Users(connection).set_disabled(user_id, disabled)
            _record(catalog, self._actor, "create user", name)

    def users(self) -> list[User]:
        """Returns all repository users, sorted by name."""
        require_area(self._actor, Area.USERS)
        return self._shown(Users(self._database).users())

    def access_to(self, repository: str) -> dict[str, Access]:
        """Returns what each repository user may do in a repository, by the name of the user.

        A disabled user may do nothing.

        Raises UnknownRepository.
        """
        require_area(self._actor, Area.USERS)
        found = self._repository(Catalog(self._database), repository)
        return Users(self._database).access_to(found)

    def user(self, name: str) -> User:
        """Returns a repository user.

        Raises UnknownAccount.
        """
        require_area(self._actor, Area.USERS)
        found = Users(self._database).users(name.lower())
        if not found:
            raise UnknownAccount(f"There is no repository user {name!r}; check the name.")
        return self._shown(found)[0]

    def page(self, request: ListRequest) -> ListPage[User]:
        """Returns one page of the users whose name contains a text.

        request: the page to return. Users can be sorted by `name`, `created` or `used`.
        """
        require_area(self._actor, Area.USERS)
        page = Lists(self._database).users(request)
        return replace(page, rows=self._shown(page.rows))

    def change_user(
        self,
        name: str,
        *,
        password: str | None = None,
        grants: Grants | None = None,
        disabled: bool | None = None,
    ) -> None:
        """Changes a user, from its next request on. Either all changes are made or none.

        An argument that is None changes nothing.

        password: the new password; the password that the user already has changes nothing.
        grants: what the user may read and write, which replaces everything that the actor sees of
            it.
        disabled: whether all requests of the user are refused. A disabled user keeps its access and
            tokens.

        Raises UnknownAccount, InvalidPassword, PermissionDenied or UnknownRepository.
        """
        require_area(self._actor, Area.USERS)
        password_hash = None if password is None else self._new_hash(name, password)
        with self._database.begin() as connection:
            users, catalog = Users(connection), Catalog(connection)
            user = _known(users, name)
            if password_hash is not None:
                users.set_user_password(user.id, password_hash)
                _record(catalog, self._actor, "set password of user", user.name)
            if grants is not None and grants != user.grants.among(self._audit(catalog).shows):
                self._set_grants(connection, user.id, grants, user.grants)
                _record(catalog, self._actor, "change access of user", user.name)
            if disabled is not None and disabled != user.disabled:
                users.set_disabled(user.id, disabled)
                action = "disable user" if disabled else "enable user"
                _record(catalog, self._actor, action, user.name)

    def _new_hash(self, name: str, password: str) -> str | None:
        """None for the password that the user has already."""
        user = _known(Users(self._database), name)
        is_known = self._passwords.verify(password, user.password_hash)
        return None if is_known else self._passwords.hash(password)

    def set_access(
        self,
        name: str,
        everywhere: Access,
        named: Mapping[str, Access] | None = None,
    ) -> None:
        """Replaces everything that a user may do, from its next request on.

        everywhere: the access to all repositories that `named` does not contain.
        named: the access to single repositories, by their names.

        Raises UnknownAccount, PermissionDenied or UnknownRepository.
        """
        self.change_user(name, grants=Grants(everywhere, named or {}))

    def set_password(self, name: str, password: str) -> None:
        """Sets the password of a user. The old password is refused from the next request on.

        Raises UnknownAccount or InvalidPassword.
        """
        self.change_user(name, password=password)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Disables or enables a user, from its next request on.

        A disabled user keeps its access and tokens, and all its requests are refused.

        Raises UnknownAccount.
        """
        self.change_user(name, disabled=disabled)

    def delete_user(self, name: str) -> None:
        """Deletes a user and its tokens.

        Raises UnknownAccount.
        """
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            user = _known(Users(connection), name)
            Users(connection).delete_user(user.id)
            _record(Catalog(connection), self._actor, "delete user", user.name)

    # Tokens

    def create_token(
        self,
        user: str,
        *,
        name: str = "",
        repository: str | None = None,
        read_only: bool = False,
        expires_in: timedelta | None = None,
    ) -> tuple[Token, str]:
        """Creates a token of a user.

        The token acts for its user, limited by `repository` and `read_only`.

        name: a name that tells people what the token is for; by default, the date.
        repository: the name of the only repository that the token can reach; None for all.
        read_only: whether the token can only be used for reading.
        expires_in: how long the token is valid; None for ever.

        Returns the token and its secret. The secret is not stored, so it cannot be read again.

        Raises UnknownAccount, UnknownRepository, PermissionDenied or InvalidSetting.
        """
        require_area(self._actor, Area.USERS)
        if expires_in is not None and not timedelta() < expires_in < _LONGEST_LIFE:
            raise InvalidSetting("A token must expire in the future, within a hundred years.")
        require_storable(name)
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            users, catalog = Users(connection), Catalog(connection)
            holder = _known(users, user)
            only = None if repository is None else self._repository(catalog, repository)
            token_id = users.add_token(
                holder.id,
                repository_id=only and only.id,
                name=name or f"token of {now:%Y-%m-%d}",
                prefix=shown_of(secret),
                secret_sha256=token_digest(secret),
                read_only=read_only,
                created_at=now,
                expires_at=now + expires_in if expires_in else None,
            )
            _record(catalog, self._actor, "create token of user", holder.name)
            token = users.token(token_id)
        assert token is not None  # noqa: S101 - it was added in this very transaction
        return token, secret

    def tokens(self, user: str) -> list[Token]:
        """Returns the tokens of a user.

        Raises UnknownAccount.
        """
        require_area(self._actor, Area.USERS)
        users, audit = Users(self._database), self._audit(Catalog(self._database))
        found = users.tokens(_known(users, user).id)
        return [token for token in found if audit.shows(token.repository)]

    def token(self, token_id: int) -> Token:
        """Returns the token with a number.

        Raises UnknownToken.
        """
        require_area(self._actor, Area.USERS)
        return self._known_token(self._database, token_id)

    def revoke_token(self, token_id: int) -> Token:
        """Deletes a token, which is refused from the next request on.

        Returns the deleted token.

        Raises UnknownToken.
        """
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            token = self._known_token(connection, token_id)
            Users(connection).delete_token(token_id)
            _record(Catalog(connection), self._actor, "revoke token of user", token.user)
        return token

    def _known_token(self, executor: Executor, token_id: int) -> Token:
        found = Users(executor).token(token_id) if 0 < token_id <= LARGEST_ID else None
        if found is None or not self._audit(Catalog(executor)).shows(found.repository):
            raise UnknownToken(
                f"There is no token {token_id} of a repository user; check its number."
            )
        return found

    # What the actor may see of repositories

    def _repository(self, catalog: Catalog, name: str) -> Repository:
        return self._gate.repository(self._actor, Permission.AUDIT, catalog, name)

    def _audit(self, catalog: Catalog) -> Audit:
        return Audit(self._gate, self._actor, catalog)

    def _shown(self, users: Iterable[User]) -> list[User]:
        """Returns users without their access to repositories that the actor may not see."""
        audit = self._audit(Catalog(self._database))
        return [replace(user, grants=user.grants.among(audit.shows)) for user in users]

    def _set_grants(
        self, transaction: Executor, user_id: int, grants: Grants, before: Grants
    ) -> None:
        """Replaces the grants of a user, except for repositories that the actor may not see."""
        catalog = Catalog(transaction)
        named = {self._repository(catalog, name): given for name, given in grants.named.items()}
        kept = {
            found: before.named[found.name]
            for found in catalog.repositories()
            if found.name in before.named
            and not self._gate.allows(self._actor, Permission.AUDIT, found)
        }
        Users(transaction).set_grants(user_id, grants.everywhere, named | kept)


def _known(users: Users, name: str) -> Account:
    user = users.user(name.lower())
    if user is None:
        raise UnknownAccount(f"There is no repository user {name!r}; check the name.")
    return user


def _record(catalog: Catalog, actor: Actor, action: str, account: str) -> None:
    catalog.journal.record(JournalEntry.by(actor, action, detail={"account": account}))
