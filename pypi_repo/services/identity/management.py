"""Creates, lists, changes and deletes identity providers, and links people to them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Unpack

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area, require_area
from pypi_repo.domain.accounts.errors import UnknownAccount
from pypi_repo.domain.errors import Conflict, InvalidSetting, NameTaken, PermissionDenied
from pypi_repo.domain.identity.errors import UnknownIdentity, UnknownIdentityProvider
from pypi_repo.domain.identity.provider import (
    GivenProviderSettings,
    Identity,
    IdentityProvider,
    ProviderSettings,
    issuer_of,
)
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.text import require_storable
from pypi_repo.services.accounts.known import locked_user
from pypi_repo.services.identity.changes import as_text, require_operator
from pypi_repo.services.identity.issuers import Issuers
from pypi_repo.services.identity.tokens import require_jwt
from pypi_repo.storage.accounts.administration import Administration
from pypi_repo.storage.accounts.groups import GroupRows
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.issuers import IssuerRows
from pypi_repo.storage.identity.providers import Identities, ProviderRows
from pypi_repo.storage.journal import Journal

_AN_IDENTITY_PROVIDER = "an identity provider"

_LONGEST_SUBJECT = 255  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCheck:
    """What an identity provider says of itself.

    authorization_endpoint: where browsers are sent to sign in.
    token_endpoint: where a code is exchanged for tokens.
    jwks_uri: where its keys are.
    keys: the number of its keys that can sign tokens.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    keys: int


class ProviderManagement:
    """Manages identity providers (OpenID Connect).

    A provider signs people in, so who manages it can become each of them. All methods raise
    PermissionDenied unless the actor is the operator or an administrator with the area `settings`.
    Changes of a provider for users also need the area `users`, and those of a provider for
    administrators all areas that it gives.
    """

    def __init__(self, actor: Actor, database: Database, issuers: Issuers) -> None:
        self._actor = actor
        self._database = database
        self._issuers = issuers

    def create(self, name: str, **given: Unpack[GivenProviderSettings]) -> IdentityProvider:
        """Creates an identity provider. It is asked for nothing yet; see `check`.

        name: its name in URLs, for which the rules for names of repositories hold.
        given: settings, which are fields of `ProviderSettings`; `issuer` and `client_id` are
            required.

        Raises InvalidName, InvalidSetting or NameTaken, ConfigurationError if the library for
        signed tokens is not installed, and PermissionDenied for settings that only the operator
        changes: `allow_private_network` and `ca_file`.
        """
        require_area(self._actor, Area.SETTINGS)
        require_jwt()
        name, now = repository_name(name, "identity provider"), datetime.now(UTC)
        given.setdefault("title", name)
        planned = ProviderSettings(**given)
        self._require_own(planned)
        require_operator(self._actor, ProviderSettings(), planned, _AN_IDENTITY_PROVIDER)
        with self._database.begin() as connection:
            planned.check()
            _require_groups(connection, planned)
            created = ProviderRows(connection).add(name, planned, now)
            if created is None:
                raise NameTaken(
                    f"There is an identity provider {name!r} already; choose another name."
                )
            self._record(connection, "create identity provider", name, planned.settings())
        return created

    def all(self) -> list[IdentityProvider]:
        """Returns all identity providers, sorted by name."""
        require_area(self._actor, Area.SETTINGS)
        return ProviderRows(self._database).all()

    def get(self, name: str) -> IdentityProvider:
        """Returns an identity provider.

        Raises UnknownIdentityProvider.
        """
        require_area(self._actor, Area.SETTINGS)
        return known_provider(self._database, name)

    def change(self, name: str, **given: Unpack[GivenProviderSettings]) -> IdentityProvider:
        """Changes settings of an identity provider, from the next sign-in on.

        given: the settings to change, which are fields of `ProviderSettings`. All other settings
            stay as they are.

        Returns the changed provider.

        Raises UnknownIdentityProvider, InvalidSetting, also if the client secret is not given again
        for another issuer, and Conflict if people are linked who would sign in from another issuer
        or to another kind of accounts.
        """
        before = self.get(name)
        after = replace(before, **given)
        self._require_own(before)
        self._require_own(after)
        require_operator(self._actor, before, after, _AN_IDENTITY_PROVIDER)
        with self._database.begin() as connection:
            before = _locked_provider(connection, name)
            after = replace(before, **given)
            after.check()
            _require_groups(connection, after, before.assignable)
            _require_same_people(connection, before, after)
            if (
                before.issuer != after.issuer
                and before.client_secret
                and not given.get("client_secret")
            ):
                raise InvalidSetting(
                    "The client secret is not for another issuer; give the new one, too."
                )
            if given:
                after = ProviderRows(connection).change(before, given)
                if not after.enabled:
                    Identities(connection, after).end_sessions()
                IssuerRows(connection).forget(before.issuer)
                self._record(connection, "change identity provider", name, given)
        return after

    def delete(self, name: str) -> None:
        """Deletes an identity provider, and signs out who came from it; their accounts stay.

        Raises UnknownIdentityProvider.
        """
        self._require_own(self.get(name))
        with self._database.begin() as connection:
            found = _locked_provider(connection, name)
            ProviderRows(connection).delete(found)
            IssuerRows(connection).forget(found.issuer)
            self._record(connection, "delete identity provider", name, {})

    def check(self, name: str) -> ProviderCheck:
        """Asks an identity provider for what it says of itself, and for its keys.

        Raises UnknownIdentityProvider, IdentityProviderFailed, and ConfigurationError if the
        library for signed tokens is not installed.
        """
        require_jwt()
        discovery, keys = self._issuers.read_again(issuer_of(self.get(name)))
        return ProviderCheck(
            authorization_endpoint=discovery.authorization_endpoint,
            token_endpoint=discovery.token_endpoint,
            jwks_uri=discovery.jwks_uri,
            keys=sum(key.is_for_tokens for key in keys),
        )

    # People

    def identities(self, name: str) -> list[Identity]:
        """Returns who is linked to an identity provider; who signed in last comes first.

        Raises UnknownIdentityProvider.
        """
        return Identities(self._database, self.get(name)).all()

    def link(self, name: str, account: str, subject: str) -> None:
        """Lets a subject of an identity provider sign in as a user or administrator that exists.

        account: the name of the user or administrator, whichever the provider signs in.
        subject: how the provider names the person: the claim `sub` of its tokens.

        Raises UnknownIdentityProvider, UnknownAccount, InvalidSetting, Conflict if the subject or
        the account is linked already, and PermissionDenied for an administrator who manages more
        than the actor.
        """
        self._require_own(self.get(name))
        require_storable(subject)
        if not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise InvalidSetting(f"A subject has 1 to {_LONGEST_SUBJECT} characters; check it.")
        with self._database.begin() as connection:
            found = _locked_provider(connection, name)
            account_id = self._account_id(connection, found, account.lower())
            if not Identities(connection, found).link(subject, account_id, datetime.now(UTC)):
                raise Conflict(
                    f"The subject or {account.lower()!r} is linked at {name!r} already; remove "
                    "that link first."
                )
            values = {"account": account.lower(), "subject": subject}
            self._record(connection, "link account", name, values)

    def unlink(self, name: str, subject: str) -> Identity:
        """Removes the link of a subject of an identity provider, and signs it out.

        Its account stays.

        Returns what was linked.

        Raises UnknownIdentityProvider or UnknownIdentity.
        """
        self._require_own(self.get(name))
        with self._database.begin() as connection:
            stored = Identities(connection, _locked_provider(connection, name))
            identity = stored.identity(subject)
            if identity is None:
                raise UnknownIdentity(
                    f"Nobody is linked to the subject {subject[:80]!r} of {name!r}; check it."
                )
            stored.unlink(identity.subject)
            values = {"account": identity.account, "subject": identity.subject}
            self._record(connection, "unlink account", name, values)
        return identity

    def _account_id(self, connection: Executor, found: IdentityProvider, name: str) -> int:
        if found.accounts == "users":
            return locked_user(Users(connection), name).id
        administration = Administration(connection)
        administration.lock_administrators()
        administrator = administration.administrator(name)
        if administrator is None:
            raise UnknownAccount(f"There is no administrator {name!r}; check the name.")
        self._require_areas(administrator.areas)
        return administrator.id

    def _require_own(self, settings: ProviderSettings) -> None:
        if settings.accounts == "users":
            require_area(self._actor, Area.USERS)
        else:
            self._require_areas(settings.areas)

    def _require_areas(self, areas: frozenset[Area]) -> None:
        lacking = areas - self._actor.areas
        if lacking and self._actor.kind is not ActorKind.OPERATOR:
            names = ", ".join(area.title for area in Area if area in lacking)
            raise PermissionDenied(
                f"{self._actor.name!r} does not manage {names}, so it cannot let others sign in "
                "who do; ask an administrator who does."
            )

    def _record(
        self, connection: Executor, action: str, name: str, values: Mapping[str, Any]
    ) -> None:
        detail = {
            key: "(not shown)" if key == "client_secret" and value is not None else as_text(value)
            for key, value in values.items()
        }
        entry = JournalEntry.by(self._actor, action, detail={"identity_provider": name, **detail})
        Journal(connection).record(entry)


def known_provider(executor: Executor, name: str) -> IdentityProvider:
    """Returns an identity provider.

    Raises UnknownIdentityProvider.
    """
    return _known(ProviderRows(executor).provider(name), name)


def _locked_provider(connection: Executor, name: str) -> IdentityProvider:
    """A provider, with which nobody else signs in, and which nobody changes, until the commit."""
    return _known(ProviderRows(connection).lock(name), name)


def _known(found: IdentityProvider | None, name: str) -> IdentityProvider:
    if found is None:
        raise UnknownIdentityProvider(
            f"There is no identity provider {name[:80]!r} here; check the name."
        )
    return found


def _require_groups(
    connection: Executor, settings: ProviderSettings, before: frozenset[str] = frozenset()
) -> None:
    """Raises InvalidSetting if the mapping leads to groups that do not exist.

    before: the groups to which it has led. One that was deleted since must not stand in the way of
        other changes.
    """
    if settings.accounts == "users":
        named = settings.assignable - before
        unknown = named - GroupRows(connection).lock(*named).keys()
        if unknown:
            raise InvalidSetting(
                f"The mapping leads to groups that do not exist: {', '.join(sorted(unknown))[:200]}"
                "; create them first."
            )


def _require_same_people(
    connection: Executor, before: IdentityProvider, after: IdentityProvider
) -> None:
    """The subjects of one issuer say nothing of those of another."""
    is_same = (before.issuer, before.accounts) == (after.issuer, after.accounts)
    if not is_same and Identities(connection, before).all():
        raise Conflict(
            "People are linked to this identity provider, who would be others at another issuer; "
            "create another provider for it."
        )
