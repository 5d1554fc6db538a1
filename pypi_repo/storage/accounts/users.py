"""Statements about repository users, their grants and their tokens."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.accounts.accounts import Account, Token, User
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.storage.accounts.grants import GrantRow, to_grants
from pypi_repo.storage.database.account_tables import group_grants, group_members, groups
from pypi_repo.storage.database.executor import Executor, ask, within_transaction
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
    tokens.c.projects,
    tokens.c.read_only,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.last_used_at,
)

ACCOUNT_COLUMNS = (
    users.c.id,
    users.c.name,
    users.c.password_hash,
    users.c.disabled,
    users.c.tokens_only,
    users.c.everywhere,
)

_LIST_COLUMNS = (
    users.c.name,
    users.c.created_at,
    users.c.disabled,
    users.c.tokens_only,
    users.c.last_used_at,
    users.c.everywhere,
)


class Users:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    # Repository users

    def user(self, name: str) -> Account | None:
        """Returns a user with its password hash and all its rights, in one statement."""
        return ask(self._executor, USER, name=lookup(name))

    def lock(self, name: str) -> Account | None:
        """Returns a user as `user` does, whom others cannot change or delete until the commit."""
        within_transaction(self._executor).execute(
            select(users.c.id).where(users.c.name == lookup(name)).with_for_update(key_share=True)
        )
        return self.user(name)

    def token_holder(self, secret_sha256: str) -> tuple[Token, Account] | None:
        """Returns a token and its user with all its rights, or None, in one statement."""
        return ask(self._executor, TOKEN_HOLDER, digest=secret_sha256)

    def accounts(self) -> list[Account]:
        """Returns all users with all their rights, sorted by name."""
        rows = self._executor.execute(with_rights(select(*ACCOUNT_COLUMNS))).all()
        by_name: dict[str, list[Sequence[Any]]] = {}
        for row in rows:
            by_name.setdefault(row[1], []).append(row)
        return [to_account(by_name[name]) for name in sorted(by_name)]

    def users(self, *names: str) -> list[User]:
        """Returns the users with these names, or all users, sorted by name."""
        wanted = users.c.name.in_([lookup(name) for name in names]) if names else true()
        return self.listed(wanted, users.c.name)

    def listed(self, wanted: ColumnElement[bool], *order: ColumnElement[Any]) -> list[User]:
        """Returns users as lists show them.

        wanted: which users.
        order: by what they are sorted.
        """
        rows = self._executor.execute(
            select(*_LIST_COLUMNS, repositories.c.name, grants.c.pattern, grants.c.access)
            .select_from(users)
            .outerjoin(grants, grants.c.user_id == users.c.id)
            .outerjoin(repositories, repositories.c.id == grants.c.repository_id)
            .where(wanted)
            .order_by(*order, repositories.c.name, grants.c.pattern)
        )
        by_name: dict[str, list[Sequence[Any]]] = {}
        for row in rows:
            by_name.setdefault(row[0], []).append(row)
        memberships = self._executor.execute(
            select(users.c.name, groups.c.name)
            .join_from(group_members, users, users.c.id == group_members.c.user_id)
            .join(groups, groups.c.id == group_members.c.group_id)
            .where(wanted)
            .order_by(groups.c.name)
        )
        groups_of: dict[str, list[str]] = {}
        for name, group in memberships:
            groups_of.setdefault(name, []).append(group)
        return [
            User(
                name=name,
                created_at=own[0][1],
                disabled=own[0][2],
                tokens_only=own[0][3],
                last_used_at=own[0][4],
                grants=to_grants(own[0][5], [row[-3:] for row in own]),
                groups=tuple(groups_of.get(name, ())),
            )
            for name, own in by_name.items()
        ]

    def created_at(self, name: str) -> datetime | None:
        """Returns when a user was created; None if there is none of this name."""
        found = select(users.c.created_at).where(users.c.name == lookup(name))
        return self._executor.execute(found).scalar()

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

    def set_grants(self, user_id: int, everywhere: Access, rows: Iterable[GrantRow]) -> None:
        """Replaces the grants of a user."""
        self._executor.execute(
            update(users).where(users.c.id == user_id).values(everywhere=int(everywhere))
        )
        self._executor.execute(delete(grants).where(grants.c.user_id == user_id))
        for row in rows:
            self._executor.execute(insert(grants).values(user_id=user_id, **row._asdict()))

    def set_user_password(self, user_id: int, password_hash: str) -> None:
        """Replaces the password hash of a user; empty for no password."""
        self._executor.execute(
            update(users).where(users.c.id == user_id).values(password_hash=password_hash)
        )

    def set_disabled(self, user_id: int, disabled: bool) -> None:
        """Disables or enables a user."""
        self._executor.execute(update(users).where(users.c.id == user_id).values(disabled=disabled))

    def set_tokens_only(self, user_id: int, tokens_only: bool) -> None:
        """Switches the password of a user off or on."""
        self._executor.execute(
            update(users).where(users.c.id == user_id).values(tokens_only=tokens_only)
        )

    def delete_user(self, user_id: int) -> None:
        """Deletes a user with its tokens."""
        self._executor.execute(delete(users).where(users.c.id == user_id))

    # Tokens

    def tokens(self, user_id: int) -> list[Token]:
        """Returns the tokens of a user."""
        rows = self._executor.execute(
            _tokens(*_TOKEN_COLUMNS).where(tokens.c.user_id == user_id).order_by(tokens.c.id)
        )
        return [_token(row) for row in rows]

    def token(self, token_id: int) -> Token | None:
        """Returns the token with an id, or None."""
        row = self._executor.execute(
            _tokens(*_TOKEN_COLUMNS).where(tokens.c.id == token_id)
        ).one_or_none()
        return None if row is None else _token(row)

    def count_tokens(self, user_id: int) -> int:
        """Returns the number of tokens of a user."""
        return self._executor.execute(
            select(func.count()).select_from(tokens).where(tokens.c.user_id == user_id)
        ).scalar_one()

    def add_token(self, user_id: int, **values: Any) -> int:
        """Adds a token, and returns its id."""
        added = self._executor.execute(
            insert(tokens).values(user_id=user_id, **values).returning(tokens.c.id)
        )
        return int(added.scalar_one())

    def delete_token(self, token_id: int) -> None:
        """Deletes a token."""
        self._executor.execute(delete(tokens).where(tokens.c.id == token_id))


def _tokens(*columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(tokens)
        .join(users, users.c.id == tokens.c.user_id)
        .outerjoin(_Scope, _Scope.c.id == tokens.c.repository_id)
    )


def _token(row: Sequence[Any]) -> Token:
    id_, user, name, prefix, repository, projects, read_only, *times = row
    created_at, expires_at, last_used_at = times
    return Token(
        id=id_,
        user=user,
        name=name,
        prefix=prefix,
        repository=repository,
        projects=tuple(projects.split()) if projects else (),
        read_only=read_only,
        created_at=created_at,
        expires_at=expires_at,
        last_used_at=last_used_at,
    )


def with_rights(chosen: Select[Any]) -> CompoundSelect[*tuple[Any, ...]]:
    """Returns a statement for users, with their own grants and those of their groups.

    It has five more columns: the group, its access to all repositories, and one grant. Each user
    has at least one row, in which the group is NULL.

    chosen: a statement for the users.
    """
    nothing = [null(), null()]
    own = (
        chosen.add_columns(*nothing, repositories.c.name, grants.c.pattern, grants.c.access)
        .outerjoin(grants, grants.c.user_id == users.c.id)
        .outerjoin(repositories, repositories.c.id == grants.c.repository_id)
    )
    by_groups = (
        chosen.add_columns(
            groups.c.name,
            groups.c.everywhere,
            repositories.c.name,
            group_grants.c.pattern,
            group_grants.c.access,
        )
        .join(group_members, group_members.c.user_id == users.c.id)
        .join(groups, groups.c.id == group_members.c.group_id)
        .outerjoin(group_grants, group_grants.c.group_id == groups.c.id)
        .outerjoin(repositories, repositories.c.id == group_grants.c.repository_id)
    )
    return union_all(own, by_groups)


def to_account(rows: Sequence[Sequence[Any]]) -> Account:
    """Returns the account in rows of `with_rights` for ACCOUNT_COLUMNS."""
    id_, name, password_hash, disabled, tokens_only, everywhere, *_right = rows[0]
    own: list[Sequence[Any]] = []
    by_group: dict[str, list[Sequence[Any]]] = {}
    everywhere_of: dict[str, int] = {}
    for row in rows:
        group, everywhere_by_group, *grant = row[len(ACCOUNT_COLUMNS) :]
        if group is None:
            own.append(grant)
        else:
            by_group.setdefault(group, []).append(grant)
            everywhere_of[group] = everywhere_by_group
    given = to_grants(everywhere, own)
    groups_given = {
        group: to_grants(everywhere_of[group], found) for group, found in by_group.items()
    }
    return Account(
        id=id_,
        name=name,
        password_hash=password_hash,
        disabled=disabled,
        tokens_only=tokens_only,
        grants=given,
        groups=groups_given,
        rights=Grants.widest([given, *groups_given.values()]),
    )


def _to_known_account(rows: Sequence[Sequence[Any]]) -> Account | None:
    return to_account(rows) if rows else None


def _to_token_holder(rows: Sequence[Sequence[Any]]) -> tuple[Token, Account] | None:
    if not rows:
        return None
    width = len(_TOKEN_COLUMNS)
    return _token(rows[0][:width]), to_account([row[width:] for row in rows])


# What each request asks is built once: building costs SQLAlchemy more than running it.
USER = Question(
    with_rights(select(*ACCOUNT_COLUMNS).where(users.c.name == bindparam("name"))),
    _to_known_account,
)
TOKEN_HOLDER: Question[tuple[Token, Account] | None] = Question(
    with_rights(
        _tokens(*_TOKEN_COLUMNS, *ACCOUNT_COLUMNS).where(
            tokens.c.secret_sha256 == bindparam("digest")
        )
    ),
    _to_token_holder,
)
