"""Statements about what issuers of tokens say of themselves, and about what is used once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from pypi_repo.storage.database.account_tables import issuers, used_once
from pypi_repo.storage.database.engines.both import insert_into
from pypi_repo.storage.database.executor import Executor, within_transaction
from pypi_repo.storage.database.rows import lookup

_KNOWN = tuple(issuers.c[name] for name in ("discovery", "discovered_at", "keys", "keys_at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssuer:
    """What is known of an issuer.

    discovery: the document in which it describes itself (JSON).
    keys: its key set; None if it was not read yet.
    keys_at: when its key set was read; None if it was not read yet.
    """

    discovery: str
    discovered_at: datetime
    keys: str | None
    keys_at: datetime | None


class IssuerRows:
    """Keeps for all processes what issuers say. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def known(self, issuer: str) -> KnownIssuer | None:
        """Returns what is known of an issuer, or None."""
        row = self._executor.execute(
            select(*_KNOWN).where(issuers.c.issuer == lookup(issuer))
        ).one_or_none()
        return None if row is None else KnownIssuer(**row._mapping)

    def keep_discovery(self, issuer: str, discovery: str, at: datetime) -> KnownIssuer:
        """Keeps the document in which an issuer describes itself, and returns what is known."""
        connection = within_transaction(self._executor)
        values = {"discovery": discovery, "discovered_at": at}
        kept = insert_into(connection.dialect, issuers).values(issuer=issuer, **values)
        row = connection.execute(
            kept.on_conflict_do_update(index_elements=["issuer"], set_=values).returning(*_KNOWN)
        ).one()
        return KnownIssuer(**row._mapping)

    def begin_asking(self, issuer: str, at: datetime, pause: timedelta) -> bool:
        """Returns whether to ask an issuer for its keys: only one process does so in a while.

        pause: the time since somebody has asked before.
        """
        begun = self._executor.execute(
            update(issuers)
            .where(
                issuers.c.issuer == issuer,
                issuers.c.keys_asked_at.is_(None) | (issuers.c.keys_asked_at <= at - pause),
            )
            .values(keys_asked_at=at)
            .returning(issuers.c.issuer)
        )
        return begun.first() is not None

    def keep_keys(self, issuer: str, keys: str, at: datetime) -> None:
        """Keeps the key set of an issuer."""
        self._executor.execute(
            update(issuers)
            .where(issuers.c.issuer == issuer)
            .values(keys=keys, keys_at=at, keys_asked_at=at)
        )

    def forget(self, issuer: str) -> None:
        """Forgets what an issuer has said, so that it is asked again."""
        self._executor.execute(delete(issuers).where(issuers.c.issuer == issuer))

    def use_once(self, digest: str, expires_at: datetime) -> bool:
        """Returns whether something was not used before, and notes that it is used now.

        Whoever uses it at the same time waits for the commit. What has expired is forgotten later,
        by `delete_expired`: to look for it here would cost each use more, the more there are.

        digest: its SHA-256.
        expires_at: when it cannot be used any more, used or not.
        """
        connection = within_transaction(self._executor)
        used = insert_into(connection.dialect, used_once).values(
            digest=digest, expires_at=expires_at
        )
        first = connection.execute(used.on_conflict_do_nothing().returning(used_once.c.digest))
        return first.first() is not None
