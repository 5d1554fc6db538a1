"""Creates, lists, changes and deletes publishers, which let CI jobs in without a password."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Unpack

from pypi_repo.domain.accounts.access import Actor, Area, Permission, require_area
from pypi_repo.domain.errors import InvalidSetting, NameTaken
from pypi_repo.domain.identity.conditions import REACH
from pypi_repo.domain.identity.errors import UnknownPublisher
from pypi_repo.domain.identity.publisher import (
    GivenPublisherSettings,
    Publisher,
    PublisherSettings,
    issuer_of,
)
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.records import Repository
from pypi_repo.services.gate import Audit, Gate
from pypi_repo.services.identity.changes import as_text, require_operator
from pypi_repo.services.identity.issuers import Issuers
from pypi_repo.services.identity.tokens import require_jwt
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.identity.issuers import IssuerRows
from pypi_repo.storage.identity.publishers import PublisherRows
from pypi_repo.storage.journal import Journal

_A_PUBLISHER = "a publisher"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerCheck:
    """What the issuer of a publisher says of itself.

    issuer: the URL with which it names itself.
    jwks_uri: where its keys are.
    keys: the number of its keys that can sign tokens.
    """

    issuer: str
    jwks_uri: str
    keys: int


class Publishers:
    """Manages publishers: CI jobs that may upload or read without a password.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `users`. The publishers of repositories that the policy hides from the actor
    (`Permission.AUDIT`) are unknown to it.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate, issuers: Issuers) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._issuers = issuers

    def create(self, name: str, **given: Unpack[GivenPublisherSettings]) -> Publisher:
        """Creates a publisher. Its issuer is asked for nothing yet; see `check`.

        name: its name, for which the rules for names of repositories hold.
        given: settings, which are fields of `PublisherSettings`; `claims` and `repository` are
            required, and `issuer` for the kinds `circleci` and `oidc`. The projects need not exist.

        How the issuer is reached is taken over from its other publishers.

        Raises InvalidName, InvalidSetting, NameTaken or UnknownRepository, ConfigurationError if
        the library for signed tokens is not installed, and PermissionDenied for settings that only
        the operator changes: `allow_private_network` and `ca_file`.
        """
        require_area(self._actor, Area.USERS)
        require_jwt()
        name, now = repository_name(name, "publisher"), datetime.now(UTC)
        wanted = PublisherSettings(**given)
        with self._database.begin() as connection:
            repository = self._admitted(connection, wanted.repository)
            stored = PublisherRows(connection)
            stored.change_alone()
            known = self._reach(connection, wanted.issuer_or_usual, given)
            planned = replace(wanted, **known).in_form()
            require_operator(
                self._actor,
                replace(planned, **{**_reach_of(PublisherSettings()), **known}),
                planned,
                _A_PUBLISHER,
            )
            created = stored.add(name, planned, repository.id, now, self._actor.name)
            if created is None:
                raise NameTaken(f"There is a publisher {name!r} already; choose another name.")
            stored.verify_anew(created.issuer)
            self._record(connection, "create publisher", created, planned.settings())
        return created

    def all(self) -> list[Publisher]:
        """Returns all publishers that the actor may see, sorted by name."""
        require_area(self._actor, Area.USERS)
        audit = self._audit(self._database)
        return [
            found for found in PublisherRows(self._database).all() if audit.shows(found.repository)
        ]

    def get(self, name: str) -> Publisher:
        """Returns a publisher.

        Raises UnknownPublisher.
        """
        require_area(self._actor, Area.USERS)
        return self._shown(self._database, PublisherRows(self._database).publisher(name), name)

    def change(self, name: str, **given: Unpack[GivenPublisherSettings]) -> Publisher:
        """Changes settings of a publisher, and ends the tokens that it has given.

        How its issuer is reached changes for all publishers of the issuer.

        given: the settings to change, which are fields of `PublisherSettings`. All other settings
            stay as they are, except that another kind has its usual issuer.

        Returns the changed publisher.

        Raises UnknownPublisher, InvalidSetting and UnknownRepository, and PermissionDenied for
        settings that only the operator changes: `allow_private_network`, `ca_file`, and of a
        publisher whose issuer may be in a private network the issuer.
        """
        before = self.get(name)
        if given.get("kind", before.kind) != before.kind:
            given.setdefault("issuer", "")
        with self._database.begin() as connection:
            stored = PublisherRows(connection)
            before = self._locked(connection, before, given)
            after = self._planned(connection, before, given)
            different = {
                key: value
                for key, value in after.settings().items()
                if value != getattr(before, key)
            }
            if not different:
                return before
            repository_id = self._admitted(connection, after.repository).id
            if before.received is not None:
                # The last job is compared with the conditions of now.
                after = replace(after, refusal=after.why_not(json.loads(before.received)))
            stored.change(after, repository_id)
            stored.verify_anew(after.issuer)
            if issuer_of(before) != issuer_of(after):
                IssuerRows(connection).forget(before.issuer)
            self._record(connection, "change publisher", after, different)
            reach = {key: value for key, value in different.items() if key in REACH}
            if reach and after.issuer == before.issuer:
                for other in stored.reach(after):
                    self._record(connection, "change publisher", other, reach)
        return after

    def delete(self, name: str) -> None:
        """Deletes a publisher, and ends the tokens that it has given.

        Raises UnknownPublisher.
        """
        before = self.get(name)
        with self._database.begin() as connection:
            Catalog(connection).lock(before.repository)
            stored = PublisherRows(connection)
            found = self._shown(connection, stored.lock(name), name)
            stored.delete(found)
            if not stored.of_issuer(found.issuer):
                IssuerRows(connection).forget(found.issuer)
            self._record(connection, "delete publisher", found, {})

    def check(self, name: str) -> IssuerCheck:
        """Asks the issuer of a publisher for what it says of itself, and for its keys.

        Raises UnknownPublisher, IdentityProviderFailed, and ConfigurationError if the library for
        signed tokens is not installed.
        """
        require_jwt()
        issuer = issuer_of(self.get(name))
        discovery, keys = self._issuers.read_again(issuer)
        return IssuerCheck(
            issuer=issuer.url,
            jwks_uri=discovery.jwks_uri,
            keys=sum(key.is_for_tokens for key in keys),
        )

    def _locked(
        self, connection: Executor, before: Publisher, given: GivenPublisherSettings
    ) -> Publisher:
        """Locks a publisher, and whatever else changes with it, and returns it as it is now.

        before: the publisher as it was before it was locked.

        Raises UnknownPublisher.
        """
        # The repositories first, as whoever deletes one locks its publishers after it.
        wanted = given.get("repository", before.repository)
        for repository in sorted({wanted, before.repository}):
            Catalog(connection).lock(repository)
        stored = PublisherRows(connection)
        stored.change_alone()
        if given.keys() & REACH:
            stored.lock_all_of(before.issuer)
        return self._shown(connection, stored.lock(before.name), before.name)

    def _planned(
        self, connection: Executor, before: Publisher, given: GivenPublisherSettings
    ) -> Publisher:
        """Returns a publisher with its new settings, which the actor may give it.

        Raises InvalidSetting and PermissionDenied.
        """
        after = replace(before, **given)
        is_moved = after.issuer_or_usual != before.issuer
        known = self._reach(connection, after.issuer_or_usual, given) if is_moved else {}
        after = replace(after, **known).in_form()
        # Where the issuer is, and then how it is reached.
        moved = replace(after, **_reach_of(before))
        require_operator(self._actor, before, moved, _A_PUBLISHER)
        require_operator(self._actor, replace(moved, **known), after, _A_PUBLISHER)
        return after

    def _reach(
        self, connection: Executor, issuer: str, given: GivenPublisherSettings
    ) -> dict[str, Any]:
        """Returns how an issuer is reached by the publishers that it has; nothing if it has none.

        Raises InvalidSetting if it is to be reached in another way, as one would not know in which.
        """
        several = PublisherRows(connection).whole_of_issuer(issuer)
        if not several:
            return {}
        known = _reach_of(several[0])
        if any(given.get(key, value) != value for key, value in known.items()):
            audit = self._audit(connection)
            shown = [each.name for each in several if audit.shows(each.repository)]
            who = f"The publisher {shown[0]!r}" if shown else "Another publisher"
            raise InvalidSetting(
                f"{who} says otherwise how this issuer is reached, which is the same for all of "
                "its publishers; leave it out here, or change it there, which holds for all."
            )
        return known

    def _admitted(self, connection: Executor, name: str) -> Repository:
        """Returns a repository that the actor may see, and nobody deletes before the commit."""
        catalog = Catalog(connection)
        catalog.lock(name)
        return self._gate.repository(self._actor, Permission.AUDIT, catalog, name)

    def _audit(self, executor: Executor) -> Audit:
        return Audit(self._gate, self._actor, Catalog(executor))

    def _shown(self, executor: Executor, found: Publisher | None, name: str) -> Publisher:
        if found is None or not self._audit(executor).shows(found.repository):
            raise UnknownPublisher(f"There is no publisher {name[:80]!r} here; check the name.")
        return found

    def _record(
        self,
        connection: Executor,
        action: str,
        publisher: Publisher,
        values: Mapping[str, Any],
    ) -> None:
        detail = {key: as_text(value) for key, value in values.items() if key != "repository"}
        entry = JournalEntry.by(
            self._actor,
            action,
            repository=publisher.repository,
            detail={"publisher": publisher.name, **detail},
        )
        Journal(connection).record(entry)


def _reach_of(settings: PublisherSettings) -> dict[str, Any]:
    """How the issuer is reached."""
    return {name: getattr(settings, name) for name in REACH}
