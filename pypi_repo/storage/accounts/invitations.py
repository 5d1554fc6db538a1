"""Statements about the links with which users set their first password, or a new one."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select

from pypi_repo.domain.accounts.accounts import Invitation
from pypi_repo.storage.database.account_tables import invitations
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import users


class InvitationRows:
    """Runs statements in a transaction that a service commits, or reads without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def replace(
        self, user_id: int, secret_sha256: str, created_at: datetime, expires_at: datetime
    ) -> None:
        """Adds the invitation of a user, in the place of an earlier one."""
        self.delete(user_id)
        self._executor.execute(
            insert(invitations).values(
                user_id=user_id,
                secret_sha256=secret_sha256,
                created_at=created_at,
                expires_at=expires_at,
            )
        )

    def with_secret(self, secret_sha256: str, now: datetime) -> Invitation | None:
        """Returns the invitation with a secret.

        None if it has expired, or if the user is disabled or may have no password.
        """
        return self._one(
            (invitations.c.secret_sha256 == secret_sha256)
            & (invitations.c.expires_at > now)
            & ~users.c.disabled
            & ~users.c.tokens_only
        )

    def of(self, name: str, now: datetime) -> Invitation | None:
        """Returns the invitation of a user, unless it has expired."""
        return self._one((users.c.name == name) & (invitations.c.expires_at > now))

    def take(self, secret_sha256: str, now: datetime) -> int | None:
        """Deletes the invitation with a secret, and returns the id of its user.

        Of several callers, one alone gets the id. The others, and those whose invitation has
        expired, get None.
        """
        taken = self._executor.execute(
            delete(invitations)
            .where(invitations.c.secret_sha256 == secret_sha256, invitations.c.expires_at > now)
            .returning(invitations.c.user_id)
        )
        return taken.scalar_one_or_none()

    def delete(self, user_id: int) -> bool:
        """Deletes the invitation of a user, and returns whether there was one."""
        deleted = self._executor.execute(
            delete(invitations)
            .where(invitations.c.user_id == user_id)
            .returning(invitations.c.user_id)
        )
        return deleted.one_or_none() is not None

    def _one(self, wanted: ColumnElement[bool]) -> Invitation | None:
        row = self._executor.execute(
            select(users.c.name, invitations.c.created_at, invitations.c.expires_at)
            .join_from(invitations, users, users.c.id == invitations.c.user_id)
            .where(wanted)
        ).one_or_none()
        if row is None:
            return None
        return Invitation(user=row[0], created_at=row[1], expires_at=row[2])
