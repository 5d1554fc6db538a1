"""Statements about the browsers in which repository users are signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from pypi_repo.domain.accounts.accounts import Account, SignedIn
from pypi_repo.storage.accounts.users import ACCOUNT_COLUMNS, to_account, with_rights
from pypi_repo.storage.database.account_tables import user_sessions
from pypi_repo.storage.database.executor import Executor, ask
from pypi_repo.storage.database.prepared import Question
from pypi_repo.storage.database.tables import users

_MOST = 50  # browsers of one user


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session that is to be stored.

    provider_id: the identity provider with which the user has signed in; None for a password.
    """

    secret_sha256: str
    provider_id: int | None
    browser: str
    address: str
    created_at: datetime
    expires_at: datetime


class UserSessionRows:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def holder(self, secret_sha256: str, now: datetime) -> Account | None:
        """Returns the user of a session that has not ended, with all its rights.

        It takes one statement, as it does for a password.
        """
        found = ask(self._executor, SESSION_HOLDER, digest=secret_sha256)
        return found[1] if found is not None and found[0] > now else None

    def all(self, user_id: int, now: datetime, current_sha256: str) -> list[SignedIn]:
        """Returns the sessions of a user that have not ended, the newest first."""
        rows = self._executor.execute(
            select(
                user_sessions.c.id,
                user_sessions.c.browser,
                user_sessions.c.address,
                user_sessions.c.created_at,
                user_sessions.c.expires_at,
                user_sessions.c.secret_sha256,
            )
            .where(user_sessions.c.user_id == user_id, user_sessions.c.expires_at > now)
            .order_by(user_sessions.c.id.desc())
        )
        return [
            SignedIn(
                id=id_,
                browser=browser,
                address=address,
                created_at=created_at,
                expires_at=expires_at,
                is_current=digest == current_sha256,
            )
            for id_, browser, address, created_at, expires_at, digest in rows
        ]

    def add(self, user_id: int, session: NewSession) -> None:
        """Adds a session. Deletes all that have expired, and the oldest of a user with too many."""
        expired = user_sessions.c.expires_at <= session.created_at
        own = user_sessions.c.user_id == user_id
        kept = select(user_sessions.c.id).where(own).order_by(user_sessions.c.id.desc())
        too_many = own & user_sessions.c.id.not_in(kept.limit(_MOST - 1))
        self._executor.execute(delete(user_sessions).where(expired | too_many))
        self._executor.execute(
            insert(user_sessions).values(
                user_id=user_id,
                secret_sha256=session.secret_sha256,
                provider_id=session.provider_id,
                browser=session.browser,
                address=session.address,
                created_at=session.created_at,
                expires_at=session.expires_at,
            )
        )

    def delete(self, secret_sha256: str) -> None:
        """Deletes a session."""
        self._executor.execute(
            delete(user_sessions).where(user_sessions.c.secret_sha256 == secret_sha256)
        )

    def delete_one(self, user_id: int, session_id: int) -> bool:
        """Deletes one session of a user, and returns whether there was one."""
        deleted = self._executor.execute(
            delete(user_sessions)
            .where(user_sessions.c.user_id == user_id, user_sessions.c.id == session_id)
            .returning(user_sessions.c.id)
        )
        return deleted.one_or_none() is not None

    def delete_all(self, user_id: int) -> None:
        """Deletes all sessions of a user."""
        self._executor.execute(delete(user_sessions).where(user_sessions.c.user_id == user_id))


def _holder(rows: Sequence[Sequence[Any]]) -> tuple[datetime, Account] | None:
    return (rows[0][0], to_account([row[1:] for row in rows])) if rows else None


SESSION_HOLDER: Question[tuple[datetime, Account] | None] = Question(
    with_rights(
        select(user_sessions.c.expires_at, *ACCOUNT_COLUMNS)
        .select_from(user_sessions)
        .join(users, users.c.id == user_sessions.c.user_id)
        .where(user_sessions.c.secret_sha256 == bindparam("digest"))
    ),
    _holder,
)
