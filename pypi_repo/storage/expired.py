"""Statements that delete what has expired by itself."""

from datetime import datetime, timedelta

from sqlalchemy import delete

from pypi_repo.storage.database.account_tables import (
    invitations,
    publisher_tokens,
    used_once,
    user_sessions,
)
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.tables import notes, sessions
from pypi_repo.storage.events.deliveries import DeliveryRows

_EXPIRING = (sessions, user_sessions, invitations, notes, used_once, publisher_tokens)

_TOLD_FOR = timedelta(days=30)


def delete_expired(transaction: Executor, now: datetime) -> int:
    """Deletes sessions, invitations, tokens of jobs and messages that nobody can use any more.

    What webhooks were told is deleted 30 days later.

    Returns the number of all rows.
    """
    told = DeliveryRows(transaction).delete_before(now - _TOLD_FOR)
    return told + sum(
        len(
            transaction.execute(
                delete(table).where(table.c.expires_at <= now).returning(table.c.expires_at)
            ).all()
        )
        for table in _EXPIRING
    )
