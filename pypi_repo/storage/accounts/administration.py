"""Statements about administrators, their sessions and their tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.accounts import Administrator, AdministratorToken
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import administrator_tokens, administrators, sessions

_ADMINISTRATOR_COLUMNS = (
    administrators.c.id,
    administrators.c.name,
    administrators.c.password_hash,
    administrators.c.areas,
    administrators.c.created_at,
)
_TOKEN_COLUMNS = (
    administrator_tokens.c.id,
    administrators.c.name,
    administrator_tokens.c.name,
    administrator_tokens.c.prefix,
    administrator_tokens.c.areas,
    administrator_tokens.c.read_only,
    administrator_tokens.c.created_at,
    administrator_tokens.c.expires_at,
)


class Administration:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    # Administrators

    def administrator(self, name: str) -> Administrator | None:
        """Returns the administrator with a name, or None."""
        row = self._executor.execute(
            select(*_ADMINISTRATOR_COLUMNS).where(administrators.c.name == lookup(name))
        ).one_or_none()
        return None if row is None else _administrator(row)

    def administrators(self) -> list[Administrator]:
        """Returns all administrators, sorted by name."""
        rows = self._executor.execute(
            select(*_ADMINISTRATOR_COLUMNS).order_by(administrators.c.name)
        )
        return [_administrator(row) for row in rows]

    def lock_administrators(self) -> list[Administrator]:
        """Returns all administrators, which nobody else can change or delete until the commit."""
        rows = self._executor.execute(
            select(*_ADMINISTRATOR_COLUMNS).order_by(administrators.c.id).with_for_update()
        )
        return [_administrator(row) for row in rows]

    def add_administrator(
        self, name: str, password_hash: str, areas: frozenset[Area], at: datetime
    ) -> bool:
        """Adds an administrator.

        Returns False if the name is taken. The transaction cannot be used any more then.
        """
        try:
            self._executor.execute(
                insert(administrators).values(
                    name=name, password_hash=password_hash, areas=_names(areas), created_at=at
                )
            )
        except IntegrityError:
            return False
        return True

    def set_administrator_password(self, administrator: Administrator, password_hash: str) -> None:
        """Replaces the password hash of an administrator."""
        self._change(administrator, password_hash=password_hash)

    def set_areas(self, administrator: Administrator, areas: frozenset[Area]) -> None:
        """Replaces the areas of an administrator."""
        self._change(administrator, areas=_names(areas))

    def delete_administrator(self, administrator: Administrator) -> None:
        """Deletes an administrator, with its sessions and tokens."""
        self._executor.execute(
            delete(administrators).where(administrators.c.id == administrator.id)
        )

    # Sessions

    def session_holder(self, secret_sha256: str, now: datetime) -> Administrator | None:
        """Returns the administrator of a session that has not ended, or None."""
        row = self._executor.execute(
            select(*_ADMINISTRATOR_COLUMNS)
            .join(sessions, sessions.c.administrator_id == administrators.c.id)
            .where(sessions.c.secret_sha256 == secret_sha256, sessions.c.expires_at > now)
        ).one_or_none()
        return None if row is None else _administrator(row)

    def add_session(
        self,
        administrator: Administrator,
        secret_sha256: str,
        now: datetime,
        expires_at: datetime,
        provider_id: int | None,
    ) -> None:
        """Adds a session, and deletes sessions that have expired.

        provider_id: the identity provider with which the administrator has signed in, if any.
        """
        self._executor.execute(delete(sessions).where(sessions.c.expires_at <= now))
        self._executor.execute(
            insert(sessions).values(
                secret_sha256=secret_sha256,
                administrator_id=administrator.id,
                provider_id=provider_id,
                created_at=now,
                expires_at=expires_at,
            )
        )

    def delete_session(self, secret_sha256: str) -> None:
        """Deletes a session."""
        self._executor.execute(delete(sessions).where(sessions.c.secret_sha256 == secret_sha256))

    def delete_sessions(self, administrator: Administrator) -> None:
        """Deletes all sessions of an administrator."""
        self._executor.execute(
            delete(sessions).where(sessions.c.administrator_id == administrator.id)
        )

    # Tokens

    def token_holder(self, secret_sha256: str) -> tuple[AdministratorToken, Administrator] | None:
        """Returns a token and its administrator, or None."""
        row = self._executor.execute(
            _tokens(*_ADMINISTRATOR_COLUMNS).where(
                administrator_tokens.c.secret_sha256 == secret_sha256
            )
        ).one_or_none()
        if row is None:
            return None
        columns = tuple(row)
        return _token(columns[: len(_TOKEN_COLUMNS)]), _administrator(
            columns[len(_TOKEN_COLUMNS) :]
        )

    def tokens(self, administrator: Administrator) -> list[AdministratorToken]:
        """Returns the tokens of an administrator."""
        return self._found(administrators.c.id == administrator.id)

    def token(self, token_id: int) -> AdministratorToken | None:
        """Returns the token with an id, or None."""
        return next(iter(self._found(administrator_tokens.c.id == token_id)), None)

    def add_token(self, administrator: Administrator, areas: frozenset[Area], **values: Any) -> int:
        """Adds a token, and returns its id."""
        added = self._executor.execute(
            insert(administrator_tokens)
            .values(administrator_id=administrator.id, areas=_names(areas), **values)
            .returning(administrator_tokens.c.id)
        )
        return int(added.scalar_one())

    def delete_token(self, token_id: int) -> None:
        """Deletes a token."""
        self._executor.execute(
            delete(administrator_tokens).where(administrator_tokens.c.id == token_id)
        )

    def _found(self, condition: ColumnElement[bool]) -> list[AdministratorToken]:
        rows = self._executor.execute(
            _tokens().where(condition).order_by(administrator_tokens.c.id)
        )
        return [_token(row) for row in rows]

    def _change(self, administrator: Administrator, **values: Any) -> None:
        self._executor.execute(
            update(administrators).where(administrators.c.id == administrator.id).values(**values)
        )


def _tokens(*more_columns: Any) -> Any:
    return select(*_TOKEN_COLUMNS, *more_columns).join_from(
        administrator_tokens,
        administrators,
        administrators.c.id == administrator_tokens.c.administrator_id,
    )


def _names(areas: frozenset[Area]) -> str:
    return " ".join(area.value for area in Area if area in areas)


def _areas(names: str) -> frozenset[Area]:
    return frozenset(map(Area, names.split()))


def _administrator(row: Sequence[Any]) -> Administrator:
    id_, name, password_hash, areas, created_at = row
    return Administrator(
        id=id_,
        name=name,
        password_hash=password_hash,
        areas=_areas(areas),
        created_at=created_at,
    )


def _token(row: Sequence[Any]) -> AdministratorToken:
    id_, administrator, name, prefix, areas, read_only, created_at, expires_at = row
    return AdministratorToken(
        id=id_,
        administrator=administrator,
        name=name,
        prefix=prefix,
        areas=_areas(areas),
        read_only=read_only,
        created_at=created_at,
        expires_at=expires_at,
    )
