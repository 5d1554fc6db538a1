"""Announces what nobody has done: tokens that are about to expire, and quotas that fill up."""

from datetime import UTC, datetime, timedelta

from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.records import Repository
from pypi_repo.domain.text import counted
from pypi_repo.settings import format_size
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.events.announcements import Announcements, ExpiringToken
from pypi_repo.storage.journal import Journal

BEFORE_EXPIRY = timedelta(days=7)
"""How long before its end a token is announced."""

QUOTA_SHARE = 0.8
"""The share of a quota from which it is announced."""

_REMEMBERED = timedelta(days=30)


def announce(database: Database, now: datetime | None = None) -> str:
    """Writes events of what is to be announced, and was not.

    A quota is announced once more after less was taken meanwhile.

    Returns what was done, as one sentence.
    """
    now = now or datetime.now(UTC)
    announced = sum(
        _announce_token(database, token, now)
        for token in Announcements(database).expiring(now, now + BEFORE_EXPIRY)
    )
    announced += sum(
        _announce_quota(database, repository, repository.quota, now)
        for repository in Catalog(database).repositories()
        if repository.quota is not None
    )
    if announced:
        with database.begin() as connection:
            Announcements(connection).forget_tokens(now - _REMEMBERED)
    return f"Announced {counted(announced, 'event')}." if announced else ""


def _announce_token(database: Database, token: ExpiringToken, now: datetime) -> bool:
    entry = JournalEntry.by(
        OPERATOR,
        "token expiring",
        at=now,
        repository=token.repository,
        detail={
            "token": token.name,
            "account": token.account,
            "expires_at": token.expires_at.isoformat(timespec="seconds"),
        },
    )
    return _announce(database, token.subject, entry)


def _announce_quota(database: Database, repository: Repository, quota: int, now: datetime) -> bool:
    subject, taken = f"quota:{repository.id}", Catalog(database).taken(repository)
    is_known = Announcements(database).is_announced(subject)
    if taken < QUOTA_SHARE * quota:
        if is_known:
            with database.begin() as connection:
                Announcements(connection).forget(subject)
        return False
    if is_known:
        return False
    entry = JournalEntry.by(
        OPERATOR,
        "quota reached",
        at=now,
        repository=repository.name,
        detail={"used": format_size(taken), "quota": format_size(quota)},
    )
    return _announce(database, subject, entry)


def _announce(database: Database, subject: str, entry: JournalEntry) -> bool:
    with database.begin() as connection:
        is_new = Announcements(connection).add(subject, entry.at)
        if is_new:
            Journal(connection).record(entry)
    return is_new
