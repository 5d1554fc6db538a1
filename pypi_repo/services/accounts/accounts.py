"""Manages repository users and their tokens."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import Actor, Area, Permission, require_area
from pypi_repo.domain.accounts.accounts import (
    Token,
    User,
)
from pypi_repo.domain.accounts.errors import UnknownAccount, UnknownToken
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import NameTaken
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.lists import ListPage, ListRequest
from pypi_repo.domain.names import account_name
from pypi_repo.domain.records import Repository
from pypi_repo.services.accounts.grant_editor import GrantEditor
from pypi_repo.services.accounts.groups import set_groups
from pypi_repo.services.accounts.known import known_user, locked_user
from pypi_repo.services.accounts.new_passwords import end_sign_ins, set_password
from pypi_repo.services.accounts.new_tokens import add_token
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.storage.accounts.groups import GroupRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import LARGEST_ID
from pypi_repo.storage.lists import Lists


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
        self._editor = GrantEditor(actor, gate)

    # Repository users

    def create_user(
        self,
        name: str,
        password: str | None,
        *,
        everywhere: Access = Access.WRITE,
        named: Mapping[str, Access] | None = None,
        patterns: Mapping[tuple[str, str], Access] | None = None,
        groups: Collection[str] = (),
        disabled: bool = False,
        tokens_only: bool = False,
    ) -> None:
        """Creates a repository user.

        password: None for a user without one, who is invited to set it, or signs in elsewhere.
        everywhere: the access to all repositories that `named` does not contain.
        named: the access to single repositories, by their names.
        patterns: more access to projects, by the name of the repository and a pattern for names,
            such as `("main", "acme-*")`.
        groups: the names of the groups of the user.
        disabled: whether all requests of the user are refused.
        tokens_only: whether its password is refused; the user has tokens, and signs in elsewhere.

        Raises InvalidName, InvalidPassword, NameTaken, PermissionDenied, UnknownRepository,
        UnknownGroup, or InvalidSetting for a pattern.
        """
        require_area(self._actor, Area.USERS)
        name = account_name(name)
        password_hash = "" if password is None else self._passwords.hash(password)
        with self._database.begin() as connection:
            user_id = Users(connection).add_user(name, password_hash, datetime.now(UTC))
            if user_id is None:
                raise NameTaken(
                    f"There is a repository user {name!r} already; choose another name."
                )
            grants = Grants(everywhere, named or {}, patterns or {})
            self._set_grants(connection, user_id, grants, Grants())
            Users(connection).set_disabled(user_id, disabled)
            Users(connection).set_tokens_only(user_id, tokens_only)
            set_groups(GroupRows(connection), user_id, groups)
            _record(Catalog(connection), self._actor, "create user", name)

    def users(self) -> list[User]:
        """Returns all repository users, sorted by name."""
        require_area(self._actor, Area.USERS)
        return self._shown(Users(self._database).users())

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
        groups: Collection[str] | None = None,
        disabled: bool | None = None,
        tokens_only: bool | None = None,
    ) -> None:
        """Changes a user, from its next request on. Either all changes are made or none.

        An argument that is None changes nothing.

        password: the new password, which signs the user out everywhere; the password that the user
            already has changes nothing.
        grants: what the user may read and write, which replaces everything that the actor sees of
            it.
        groups: the names of the groups of the user, which replace those that it has.
        disabled: whether all requests of the user are refused. A disabled user keeps its access and
            tokens.
        tokens_only: whether the password is refused, which also signs the user out everywhere;
            tokens are not.

        Raises UnknownAccount, InvalidPassword, PermissionDenied, UnknownRepository, UnknownGroup,
        or InvalidSetting for a pattern.
        """
        require_area(self._actor, Area.USERS)
        password_hash = None if password is None else self._new_hash(name, password)
        with self._database.begin() as connection:
            users, catalog = Users(connection), Catalog(connection)
            user = locked_user(users, name)
            if password_hash is not None:
                set_password(connection, user, password_hash, self._actor)
            if grants is not None and grants != user.grants.among(self._audit(connection).shows):
                self._set_grants(connection, user.id, grants, user.grants)
                _record(catalog, self._actor, "change access of user", user.name)
            if groups is not None and set_groups(GroupRows(connection), user.id, groups):
                _record(catalog, self._actor, "change groups of user", user.name)
            if disabled is not None and disabled != user.disabled:
                users.set_disabled(user.id, disabled)
                if disabled:
                    end_sign_ins(connection, user)
                action = "disable user" if disabled else "enable user"
                _record(catalog, self._actor, action, user.name)
            if tokens_only is not None and tokens_only != user.tokens_only:
                users.set_tokens_only(user.id, tokens_only)
                if tokens_only:
                    end_sign_ins(connection, user)
                action = "refuse password of user" if tokens_only else "accept password of user"
                _record(catalog, self._actor, action, user.name)

    def _new_hash(self, name: str, password: str) -> str | None:
        """None for the password that the user has already."""
        user = known_user(Users(self._database), name)
        is_known = self._passwords.verify(password, user.password_hash)
        return None if is_known else self._passwords.hash(password)

    def set_access(
        self,
        name: str,
        everywhere: Access,
        named: Mapping[str, Access] | None = None,
        patterns: Mapping[tuple[str, str], Access] | None = None,
    ) -> None:
        """Replaces everything that a user itself may do, from its next request on.

        The user keeps what its groups give.

        everywhere: the access to all repositories that `named` does not contain.
        named: the access to single repositories, by their names.
        patterns: more access to projects, by the name of the repository and a pattern for names.

        Raises UnknownAccount, PermissionDenied, UnknownRepository, or InvalidSetting for a pattern.
        """
        self.change_user(name, grants=Grants(everywhere, named or {}, patterns or {}))

    def set_password(self, name: str, password: str) -> None:
        """Sets the password of a user. The old password is refused from the next request on.

        A new password signs the user out everywhere.

        Raises UnknownAccount or InvalidPassword.
        """
        self.change_user(name, password=password)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Disables or enables a user, from its next request on.

        A disabled user keeps its access and tokens, is signed out everywhere, and all its requests
        are refused.

        Raises UnknownAccount.
        """
        self.change_user(name, disabled=disabled)

    def delete_user(self, name: str) -> None:
        """Deletes a user and its tokens.

        Raises UnknownAccount.
        """
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            user = locked_user(Users(connection), name)
            Users(connection).delete_user(user.id)
            _record(Catalog(connection), self._actor, "delete user", user.name)

    # Tokens

    def create_token(
        self,
        user: str,
        *,
        name: str = "",
        repository: str | None = None,
        projects: Iterable[str] = (),
        read_only: bool = False,
        expires_in: timedelta | None = None,
    ) -> tuple[Token, str]:
        """Creates a token of a user.

        The token acts for its user, limited by `repository`, `projects` and `read_only`.

        name: a name that tells people what the token is for; by default, the date.
        repository: the name of the only repository that the token can reach; None for all.
        projects: names of projects that the token can reach, or patterns for them, such as
            `acme-*`; empty for all.
        read_only: whether the token can only be used for reading.
        expires_in: how long the token is valid; None for ever.

        Returns the token and its secret. The secret is not stored, so it cannot be read again.

        Raises UnknownAccount, UnknownRepository, PermissionDenied or InvalidSetting.
        """
        require_area(self._actor, Area.USERS)
        with self._database.begin() as connection:
            users, catalog = Users(connection), Catalog(connection)
            holder = locked_user(users, user)
            only = None if repository is None else self._repository(catalog, repository)
            token, secret = add_token(
                connection,
                holder,
                name=name,
                repository=only,
                projects=projects,
                read_only=read_only,
                expires_in=expires_in,
            )
            _record(catalog, self._actor, "create token of user", holder.name)
        return token, secret

    def tokens(self, user: str) -> list[Token]:
        """Returns the tokens of a user.

        Raises UnknownAccount.
        """
        require_area(self._actor, Area.USERS)
        users, audit = Users(self._database), self._audit(self._database)
        found = users.tokens(known_user(users, user).id)
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
        if found is None or not self._audit(executor).shows(found.repository):
            raise UnknownToken(
                f"There is no token {token_id} of a repository user; check its number."
            )
        return found

    # What the actor may see of repositories

    def _repository(self, catalog: Catalog, name: str) -> Repository:
        catalog.lock(name)  # or somebody could delete it meanwhile
        return self._gate.repository(self._actor, Permission.AUDIT, catalog, name)

    def _audit(self, executor: Executor) -> Audit:
        return self._editor.audit(executor)

    def _shown(self, users: Iterable[User]) -> list[User]:
        """Returns users without their access to repositories that the actor may not see."""
        audit = self._audit(self._database)
        return [replace(user, grants=user.grants.among(audit.shows)) for user in users]

    def _set_grants(
        self, transaction: Executor, user_id: int, grants: Grants, before: Grants
    ) -> None:
        """Replaces the grants of a user, except for repositories that the actor may not see."""
        rows = self._editor.rows(transaction, grants, before)
        Users(transaction).set_grants(user_id, grants.everywhere, rows)


def _record(catalog: Catalog, actor: Actor, action: str, account: str) -> None:
    catalog.journal.record(JournalEntry.by(actor, action, detail={"account": account}))
