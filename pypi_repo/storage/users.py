"""Statements about repository users, their grants and their tokens."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.accounts.access import Access, Grants
from pypi_repo.domain.accounts.accounts import Account, Token, User
from pypi_repo.domain.records import Repository
from pypi_repo.storage.database.executor import Executor, ask
from pypi_repo.storage.database.prepared import Question
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import grants, repositories, tokens, users

_Scope = repositories.alias()
"""The repository that a token is limited to, beside those that its user's grants name."""

_TOKEN_COLUMNS = (
    tokens.c.id,
    users.c.name,
    tokens.c.name,
    tokens.c.prefix,
    _Scope.c.name,
    tokens.c.read_only,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.last_used_at,
)


def _tokens(*more_columns: Any) -> Any:
    return (
        select(*_TOKEN_COLUMNS, *more_columns)
        .select_from(tokens)
        .join(users, users.c.id == tokens.c.user_id)
        .outerjoin(_Scope, _Scope.c.id == tokens.c.repository_id)
    )


USER_COLUMNS = (
    users.c.name,
    users.c.created_at,
    users.c.disabled,
    users.c.last_used_at,
    users.c.everywhere,
    repositories.c.name,
    grants.c.access,
)
"""Of one user, as lists show it: one row for each grant, or one without."""


class Users:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    # Repository users

    def user(self, name: str) -> Account | None:
        """Returns a user with its password hash and grants, in one statement."""
        return ask(self._executor, USER, name=lookup(name))

    def token_holder(self, secret_sha256: str) -> tuple[Token, Account] | None:
        """Returns a token and its user with grants, or None."""
        return ask(self._executor, TOKEN_HOLDER, digest=secret_sha256)

    def users(self, *names: str) -> list[User]:
        """Returns the users with these names, or all users, sorted by name."""
        statement = (
            select(*USER_COLUMNS)
            .select_from(users)
            .outerjoin(grants, grants.c.user_id == users.c.id)
            .outerjoin(repositories, repositories.c.id == grants.c.repository_id)
            .order_by(users.c.name, repositories.c.name)
        )
        if names:
            statement = statement.where(users.c.name.in_([lookup(name) for name in names]))
        return to_users(self._executor.execute(statement).all())

    def access_to(self, repository: Repository) -> dict[str, Access]:
        """Returns the access of each user to a repository, by name. A disabled user has none."""
        rows = self._executor.execute(
            select(
                users.c.name, users.c.disabled, func.coalesce(grants.c.access, users.c.everywhere)
            )
            .outerjoin_from(
                users,
                grants,
                and_(grants.c.user_id == users.c.id, grants.c.repository_id == repository.id),
            )
            .order_by(users.c.name)
        )
        return {
            name: Access.NONE if disabled else Access(access) for name, disabled, access in rows
        }

    def add_user(self, name: str, password_hash: str, at: datetime) -> int | None:
        """Adds a user, who has no access until `set_grants`, and returns its id.

        Returns None if the name is taken. The transaction cannot be used any more then.
        """
        try:
            added = self._executor.execute(
                insert(users)
                .values(name=name, password_hash=password_hash, everywhere=0, created_at=at)
                .returning(users.c.id)
            )
        except IntegrityError:
            return None
        return int(added.scalar_one())

    def set_grants(
        self, user_id: int, everywhere: Access, named: Mapping[Repository, Access]
    ) -> None:
        """Replaces the grants of a user."""
        self._executor.execute(
            update(users).where(users.c.id == user_id).values(everywhere=int(everywhere))
        )
        self._executor.execute(delete(grants).where(grants.c.user_id == user_id))
        for repository, access in named.items():
            self._executor.execute(
                insert(grants).values(
                    user_id=user_id, repository_id=repository.id, access=int(access)
                )
            )

    def set_user_password(self, user_id: int, password_hash: str) -> None:
        """Replaces the password hash of a user."""
        self._executor.execute(
            update(users).where(users.c.id == user_id).values(password_hash=password_hash)
        )

    def set_disabled(self, user_id: int, disabled: bool) -> None:
        """Disables or enables a user."""
        self._executor.execute(update(users).where(users.c.id == user_id).values(disabled=disabled))

    def delete_user(self, user_id: int) -> None:
        """Deletes a user with its tokens."""
        self._executor.execute(delete(users).where(users.c.id == user_id))

    # Tokens

    def tokens(self, user_id: int) -> list[Token]:
        """Returns the tokens of a user."""
        rows = self._executor.execute(
            _tokens().where(tokens.c.user_id == user_id).order_by(tokens.c.id)
        )
        return [_token(row) for row in rows]

    def token(self, token_id: int) -> Token | None:
        """Returns the token with an id, or None."""
        row = self._executor.execute(_tokens().where(tokens.c.id == token_id)).one_or_none()
        return None if row is None else _token(row)

    def add_token(self, user_id: int, **values: Any) -> int:
        """Adds a token, and returns its id."""
        added = self._executor.execute(
            insert(tokens).values(user_id=user_id, **values).returning(tokens.c.id)
        )
        return int(added.scalar_one())

    def delete_token(self, token_id: int) -> None:
        """Deletes a token."""
        self._executor.execute(delete(tokens).where(tokens.c.id == token_id))


def to_users(rows: Iterable[Sequence[Any]]) -> list[User]:
    """Returns the users in rows with USER_COLUMNS, in their order."""
    by_name: dict[str, list[Any]] = {}
    for row in rows:
        by_name.setdefault(row[0], []).append(row)
    return [
        User(
            name=name,
            created_at=own[0][1],
            disabled=own[0][2],
            last_used_at=own[0][3],
            grants=_grants(own[0][4], own),
        )
        for name, own in by_name.items()
    ]


def _token(row: Sequence[Any]) -> Token:
    id_, user, name, prefix, repository, read_only, created_at, expires_at, last_used_at = row
    return Token(
        id=id_,
        user=user,
        name=name,
        prefix=prefix,
        repository=repository,
        read_only=read_only,
        created_at=created_at,
        expires_at=expires_at,
        last_used_at=last_used_at,
    )


def _grants(everywhere: int, rows: Sequence[Sequence[Any]]) -> Grants:
    """Returns the grants in rows whose last two columns name one grant, or nothing."""
    named = {row[-2]: Access(row[-1]) for row in rows if row[-2] is not None}
    return Grants(Access(everywhere), named)


def _to_account(rows: Sequence[Sequence[Any]]) -> Account | None:
    """Returns the account in rows of USER: one row for each grant, or one without a grant."""
    if not rows:
        return None
    id_, name, password_hash, disabled, everywhere, *_grant = rows[0]
    return Account(
        id=id_,
        name=name,
        password_hash=password_hash,
        disabled=disabled,
        grants=_grants(everywhere, rows),
    )


def _to_token_holder(rows: Sequence[Sequence[Any]]) -> tuple[Token, Account] | None:
    """Returns the token and its user in rows of TOKEN_HOLDER: one for each grant, or one."""
    if not rows:
        return None
    token = _token(rows[0][: len(_TOKEN_COLUMNS)])
    user_id, password_hash, disabled, everywhere, *_grant = rows[0][len(_TOKEN_COLUMNS) :]
    account = Account(
        id=user_id,
        name=token.user,
        password_hash=password_hash,
        disabled=disabled,
        grants=_grants(everywhere, rows),
    )
    return token, account


# What each request asks is built once: building costs SQLAlchemy more than running it.
USER = Question(
    select(
        users.c.id,
        users.c.name,
        users.c.password_hash,
        users.c.disabled,
        users.c.everywhere,
        repositories.c.name,
        grants.c.access,
    )
    .select_from(users)
    .outerjoin(grants, grants.c.user_id == users.c.id)
    .outerjoin(repositories, repositories.c.id == grants.c.repository_id)
    .where(users.c.name == bindparam("name")),
    _to_account,
)
TOKEN_HOLDER: Question[tuple[Token, Account] | None] = Question(
    _tokens(
        users.c.id,
        users.c.password_hash,
        users.c.disabled,
        users.c.everywhere,
        repositories.c.name,
        grants.c.access,
    )
    .outerjoin(grants, grants.c.user_id == users.c.id)
    .outerjoin(repositories, repositories.c.id == grants.c.repository_id)
    .where(tokens.c.secret_sha256 == bindparam("digest")),
    _to_token_holder,
)
