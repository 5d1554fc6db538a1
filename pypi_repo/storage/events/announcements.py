"""Statements about what is announced once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, false, or_, select

from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, within_transaction
from pypi_repo.storage.database.operation_tables import announcements
from pypi_repo.storage.database.tables import (
    administrator_tokens,
    administrators,
    repositories,
    tokens,
    users,
)

_TOKEN, _ADMINISTRATOR_TOKEN = "token:", "administrator-token:"


@dataclass(frozen=True, slots=True)
class ExpiringToken:
    """A token that expires soon.

    subject: what tells it from everything else that is announced.
    account: the name of its user or administrator.
    name: the name of the token.
    repository: the only repository that it is for, if there is one.
    """

    subject: str
    account: str
    name: str
    repository: str | None
    expires_at: datetime


class Announcements:
    """Knows what was announced."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def expiring(self, now: datetime, until: datetime) -> list[ExpiringToken]:
        """Returns the tokens that expire from now until a moment, and were not announced."""
        known = {*self._executor.execute(select(announcements.c.subject)).scalars()}
        found = [*self._of_users(now, until), *self._of_administrators(now, until)]
        return [token for token in found if token.subject not in known]

    def is_announced(self, subject: str) -> bool:
        """Returns whether something was announced."""
        asked = select(announcements.c.subject).where(announcements.c.subject == subject)
        return self._executor.execute(asked).first() is not None

    def add(self, subject: str, at: datetime) -> bool:
        """Notes that something is announced. Returns False if it was before."""
        transaction = within_transaction(self._executor)
        added = transaction.execute(
            insert_into(transaction.dialect, announcements)
            .values(subject=subject, at=at)
            .on_conflict_do_nothing()
            .returning(announcements.c.subject)
        )
        return added.first() is not None

    def forget(self, subject: str) -> None:
        """Lets something be announced again."""
        self._executor.execute(delete(announcements).where(announcements.c.subject == subject))

    def forget_tokens(self, before: datetime) -> None:
        """Forgets tokens that were announced before a moment, and have expired since."""
        is_token = or_(
            *(announcements.c.subject.startswith(kind) for kind in (_TOKEN, _ADMINISTRATOR_TOKEN))
        )
        self._executor.execute(delete(announcements).where(announcements.c.at < before, is_token))

    def _of_users(self, now: datetime, until: datetime) -> list[ExpiringToken]:
        rows = self._executor.execute(
            select(
                tokens.c.id, users.c.name, tokens.c.name, repositories.c.name, tokens.c.expires_at
            )
            .join_from(tokens, users, users.c.id == tokens.c.user_id)
            .outerjoin(repositories, repositories.c.id == tokens.c.repository_id)
            .where(
                tokens.c.expires_at > now,
                tokens.c.expires_at <= until,
                users.c.disabled == false(),
            )
            .order_by(tokens.c.expires_at, tokens.c.id)
        )
        return [ExpiringToken(f"{_TOKEN}{id_}", *rest) for id_, *rest in rows]

    def _of_administrators(self, now: datetime, until: datetime) -> list[ExpiringToken]:
        held = administrator_tokens
        rows = self._executor.execute(
            select(held.c.id, administrators.c.name, held.c.name, held.c.expires_at)
            .join_from(held, administrators, administrators.c.id == held.c.administrator_id)
            .where(held.c.expires_at > now, held.c.expires_at <= until)
            .order_by(held.c.expires_at, held.c.id)
        )
        return [
            ExpiringToken(f"{_ADMINISTRATOR_TOKEN}{id_}", account, name, None, expires_at)
            for id_, account, name, expires_at in rows
        ]
