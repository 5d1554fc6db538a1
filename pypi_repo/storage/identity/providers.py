"""Statements about identity providers, and about the people who come from them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.identity.provider import (
    AccountKind,
    Identity,
    IdentityProvider,
    ProviderSettings,
)
from pypi_repo.storage.database.account_tables import (
    identities,
    identity_providers,
    user_sessions,
)
from pypi_repo.storage.database.executor import Executor, within_transaction
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import administrators, sessions, users

_FIELDS = tuple(field.name for field in fields(IdentityProvider))
_COLUMNS = tuple(identity_providers.c[name] for name in _FIELDS)
_HOLDERS = {
    "users": (users, identities.c.user_id, user_sessions),
    "administrators": (administrators, identities.c.administrator_id, sessions),
}


class ProviderRows:
    """Reads and changes identity providers. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def all(self, accounts: AccountKind | None = None) -> list[IdentityProvider]:
        """Returns all providers, or those for one kind of accounts, sorted by name."""
        statement = select(*_COLUMNS).order_by(identity_providers.c.name)
        if accounts is not None:
            statement = statement.where(identity_providers.c.accounts == accounts)
        return [_to_provider(row) for row in self._executor.execute(statement)]

    def provider(self, name: str) -> IdentityProvider | None:
        """Returns the provider with a name, or None."""
        statement = select(*_COLUMNS).where(identity_providers.c.name == lookup(name))
        row = self._executor.execute(statement).one_or_none()
        return None if row is None else _to_provider(row)

    def lock(self, name: str) -> IdentityProvider | None:
        """Returns a provider, or None.

        Others can neither change nor delete it, nor sign anybody in with it, until the commit.
        """
        statement = select(*_COLUMNS).where(identity_providers.c.name == lookup(name))
        connection = within_transaction(self._executor)
        row = connection.execute(statement.with_for_update(key_share=True)).one_or_none()
        return None if row is None else _to_provider(row)

    def add(self, name: str, settings: ProviderSettings, at: datetime) -> IdentityProvider | None:
        """Adds a provider.

        Returns None if the name is taken. The transaction cannot be used any more then.
        """
        values = {**_values(settings.settings()), "name": name, "created_at": at}
        statement = insert(identity_providers).values(values).returning(*_COLUMNS)
        try:
            return _to_provider(self._executor.execute(statement).one())
        except IntegrityError:
            return None

    def change(self, provider: IdentityProvider, given: Mapping[str, Any]) -> IdentityProvider:
        """Changes settings of a provider, and returns the changed provider."""
        changed = self._executor.execute(
            update(identity_providers)
            .where(identity_providers.c.id == provider.id)
            .values(_values(given))
            .returning(*_COLUMNS)
        )
        return _to_provider(changed.one())

    def delete(self, provider: IdentityProvider) -> None:
        """Deletes a provider, who is linked to it, and their sessions; their accounts stay."""
        self._executor.execute(
            delete(identity_providers).where(identity_providers.c.id == provider.id)
        )

    def note_refusal(self, provider: IdentityProvider, at: datetime, reason: str) -> None:
        """Keeps why the provider, or who came from it, was refused last."""
        self._executor.execute(
            update(identity_providers)
            .where(identity_providers.c.id == provider.id)
            .values(refused_at=at, refusal=reason)
        )


class Identities:
    """Reads and changes whom the subjects of a provider sign in as. Changes need a transaction."""

    def __init__(self, executor: Executor, provider: IdentityProvider) -> None:
        self._executor = executor
        self._provider = provider
        self._accounts, self._holder, self._sessions = _HOLDERS[provider.accounts]

    def all(self) -> list[Identity]:
        """Returns all who are linked; who signed in last comes first."""
        rows = self._executor.execute(
            self._linked().order_by(
                func.coalesce(identities.c.last_sign_in_at, identities.c.created_at).desc(),
                identities.c.subject,
            )
        )
        return [Identity(**row._mapping) for row in rows]

    def identity(self, subject: str) -> Identity | None:
        """Returns whom a subject signs in as, or None."""
        row = self._executor.execute(
            self._linked().where(identities.c.subject == lookup(subject))
        ).one_or_none()
        return None if row is None else Identity(**row._mapping)

    def link(self, subject: str, account_id: int, at: datetime) -> bool:
        """Links a subject to an account.

        Returns False if the subject or the account is linked already. The transaction cannot be
        used any more then.
        """
        values = {
            "provider_id": self._provider.id,
            "subject": subject,
            self._holder.name: account_id,
            "created_at": at,
        }
        try:
            self._executor.execute(insert(identities).values(values))
        except IntegrityError:
            return False
        return True

    def unlink(self, subject: str) -> None:
        """Removes the link of a subject, and ends the sessions that came by it.

        Its account stays.
        """
        linked = select(self._holder).where(*self._of(subject)).scalar_subquery()
        self._executor.execute(
            delete(self._sessions).where(
                self._sessions.c.provider_id == self._provider.id,
                self._sessions.c[self._holder.name] == linked,
            )
        )
        self._executor.execute(delete(identities).where(*self._of(subject)))

    def end_sessions(self) -> None:
        """Ends all sessions of people who have signed in with the provider."""
        self._executor.execute(
            delete(self._sessions).where(self._sessions.c.provider_id == self._provider.id)
        )

    def note_sign_in(self, subject: str, at: datetime) -> None:
        """Records that a subject has signed in."""
        self._executor.execute(
            update(identities).where(*self._of(subject)).values(last_sign_in_at=at)
        )

    def _of(self, subject: str) -> tuple[Any, ...]:
        return (
            identities.c.provider_id == self._provider.id,
            identities.c.subject == lookup(subject),
        )

    def _linked(self) -> Any:
        return (
            select(
                identities.c.subject,
                self._accounts.c.name.label("account"),
                identities.c.created_at,
                identities.c.last_sign_in_at,
            )
            .join_from(identities, self._accounts, self._accounts.c.id == self._holder)
            .where(identities.c.provider_id == self._provider.id)
        )


def _to_provider(row: Sequence[Any]) -> IdentityProvider:
    values = dict(zip(_FIELDS, row, strict=True))
    values["scopes"] = tuple(values["scopes"].split())
    values["mapping"] = {value: tuple(names.split()) for value, names in values["mapping"].items()}
    return IdentityProvider(**values)


def _values(settings: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(settings)
    if "scopes" in values:
        values["scopes"] = " ".join(values["scopes"])
    if "mapping" in values:
        values["mapping"] = {value: " ".join(names) for value, names in values["mapping"].items()}
    if "conditions" in values:
        values["conditions"] = dict(values["conditions"])
    return values
