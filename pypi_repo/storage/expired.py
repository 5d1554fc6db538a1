"""Statements that delete what has expired by itself."""

from datetime import datetime

from sqlalchemy import delete

from pypi_repo.storage.database.account_tables import invitations, used_once, user_sessions
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import notes, sessions

_EXPIRING = (sessions, user_sessions, invitations, notes, used_once)


def delete_expired(transaction: Executor, now: datetime) -> int:
    """Deletes sessions, invitations and messages that nobody can use any more.

    Returns their number.
    """
    return sum(
        len(
            transaction.execute(
                delete(table).where(table.c.expires_at <= now).returning(table.c.expires_at)
            ).all()
        )
        for table in _EXPIRING
    )
