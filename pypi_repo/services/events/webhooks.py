"""Creates, lists, changes and deletes webhooks, and shows what they were told."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

from pypi_repo.domain.accounts.access import Actor, ActorKind, Area, Permission, require_area
from pypi_repo.domain.errors import InvalidSetting, NameTaken, PermissionDenied, UpstreamRefused
from pypi_repo.domain.events.bodies import body_of
from pypi_repo.domain.events.errors import UnknownDelivery, UnknownWebhook
from pypi_repo.domain.events.event import Event
from pypi_repo.domain.events.webhook import (
    SECRET_WEBHOOK_SETTINGS,
    TEST_EVENT,
    Delivery,
    GivenWebhookSettings,
    Webhook,
    destination_of,
)
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.names import repository_name
from pypi_repo.domain.records import Repository
from pypi_repo.services.events.telling import Telling
from pypi_repo.services.gate import Gate
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.events.deliveries import DeliveryRows
from pypi_repo.storage.events.webhooks import WebhookRows
from pypi_repo.storage.journal import Journal

FORMER_SECRET_FOR = timedelta(days=1)
"""How long the former secret signs as well after a rotation."""

_LONGEST_FORMER = timedelta(days=90)


class Webhooks:
    """Manages webhooks: of repositories, as far as the policy allows it, and of the registry.

    All methods raise PermissionDenied unless the actor is the operator or an administrator with the
    area `repositories`. A webhook is told of all projects. So if a policy of the host says who may
    see what, only the operator has webhooks for the whole registry, and only who may see all
    projects of a repository alike has some for it. Those of others are unknown to the actor.
    """

    def __init__(self, actor: Actor, database: Database, gate: Gate, telling: Telling) -> None:
        self._actor = actor
        self._database = database
        self._gate = gate
        self._telling = telling

    def create(
        self, name: str, repository: str | None = None, **given: Unpack[GivenWebhookSettings]
    ) -> Webhook:
        """Creates a webhook, which is told of what happens from now on.

        name: its name, for which the rules for names of repositories hold.
        repository: the repository whose events it is told of; None for the whole registry.
        given: settings, which are fields of `WebhookSettings`; `url` is required, and `secret` for
            the form `json`.

        Raises InvalidName, InvalidSetting, NameTaken or UnknownRepository, and PermissionDenied for
        `allow_private_network`, which only the operator changes.
        """
        require_area(self._actor, Area.REPOSITORIES)
        planned = Webhook(
            id=0,
            name=repository_name(name, "webhook"),
            repository=repository,
            destination=destination_of(given.get("url", "")),
            created_at=datetime.now(UTC),
            created_by=self._actor.name,
            **given,
        )
        planned.check()
        self._require_operator(None, planned)
        self._telling.decide()  # what has happened until now is not for it
        with self._database.begin() as connection:
            stored, catalog = WebhookRows(connection), Catalog(connection)
            if repository is not None:
                catalog.lock(repository)  # or it could be deleted meanwhile
            found = self._admitted(catalog, repository)
            if stored.webhook(name) is not None:
                raise NameTaken(f"There is a webhook {name!r} already; choose another name.")
            id_ = stored.add(planned, None if found is None else found.id)
            self._record(Journal(connection), "create webhook", planned, planned.settings())
        return replace(planned, id=id_)

    def all(self) -> list[Webhook]:
        """Returns all webhooks that the actor may see, sorted by name."""
        require_area(self._actor, Area.REPOSITORIES)
        catalog = Catalog(self._database)
        return [found for found in WebhookRows(self._database).all() if self._shows(catalog, found)]

    def get(self, name: str) -> Webhook:
        """Returns a webhook.

        Raises UnknownWebhook.
        """
        require_area(self._actor, Area.REPOSITORIES)
        return self._known(WebhookRows(self._database), Catalog(self._database), name)

    def change(
        self,
        name: str,
        *,
        former_secret_for: timedelta = FORMER_SECRET_FOR,
        **given: Unpack[GivenWebhookSettings],
    ) -> Webhook:
        """Changes settings of a webhook, from the next attempt on.

        former_secret_for: for how long the secret that a new one replaces signs as well, so that a
            receiver can change to the new one meanwhile; up to 90 days.
        given: the settings to change, which are fields of `WebhookSettings`. All other settings
            stay as they are.

        Returns the changed webhook.

        Raises UnknownWebhook and InvalidSetting, and PermissionDenied for `allow_private_network`,
        which only the operator changes, and of a webhook in a private network its URL.
        """
        require_area(self._actor, Area.REPOSITORIES)
        if not timedelta() <= former_secret_for <= _LONGEST_FORMER:
            raise InvalidSetting("A former secret signs for 90 days at most; choose less.")
        if given.get("enabled") and not self.get(name).enabled:
            self._telling.decide()  # what has happened while it was off is not for it
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            stored = WebhookRows(connection)
            webhook = self._locked(stored, Catalog(connection), name)
            changed = replace(webhook, **given)
            changed.check()
            self._require_operator(webhook, changed)
            different: dict[str, Any] = {
                key: value for key, value in given.items() if getattr(webhook, key) != value
            }
            if not different:
                return webhook
            values = dict(different)
            if changed.url is not None:
                values["destination"] = destination_of(changed.url)
            if "secret" in different:
                values["former_secret"] = webhook.secret
                values["former_secret_until"] = now + former_secret_for
            if different.get("enabled") or "url" in different:
                values |= {"failing_since": None, "failure": None}
                DeliveryRows(connection).hasten(webhook.id, now, untried_only=False)
            stored.change(webhook, values)
            self._record(Journal(connection), "change webhook", webhook, different)
            return self._known(stored, Catalog(connection), name)

    def delete(self, name: str) -> None:
        """Deletes a webhook with its deliveries.

        Raises UnknownWebhook.
        """
        require_area(self._actor, Area.REPOSITORIES)
        with self._database.begin() as connection:
            stored = WebhookRows(connection)
            webhook = self._known(stored, Catalog(connection), name)
            stored.delete(webhook)
            self._record(Journal(connection), "delete webhook", webhook, {})

    def deliveries(
        self, name: str, *, limit: int = 50, before: int | None = None
    ) -> list[Delivery]:
        """Returns what a webhook was told in the last 30 days, and is to be told, newest first.

        limit: the largest number of deliveries to return.
        before: the id of a delivery; only older ones are returned.

        Raises UnknownWebhook.
        """
        return DeliveryRows(self._database).of(self.get(name).id, limit, before)

    def delivery(self, name: str, id_: int) -> Delivery:
        """Returns one delivery of a webhook.

        Raises UnknownWebhook or UnknownDelivery.
        """
        return self._delivery(self.get(name), id_)

    def obstacle(self, name: str) -> UpstreamRefused | None:
        """Returns why a webhook may not be told, as far as that is known without asking anybody.

        Its host may have an address in a private network, for example, which is not allowed. The
        `setting` of the error could allow it.

        Raises UnknownWebhook.
        """
        return self._telling.obstacle(self.get(name))

    def number_waiting(self, name: str) -> int:
        """Returns how many deliveries of a webhook are still to be made.

        Raises UnknownWebhook.
        """
        return DeliveryRows(self._database).number_waiting(self.get(name).id)

    def test(self, name: str) -> Delivery:
        """Sends a test to a webhook, also to one that is switched off, and returns what came of it.

        Raises UnknownWebhook.
        """
        require_area(self._actor, Area.REPOSITORIES)
        now = datetime.now(UTC)
        with self._database.begin() as connection:
            webhook = self._locked(WebhookRows(connection), Catalog(connection), name)
            event = Event(
                id=0,
                type=TEST_EVENT,
                at=now,
                actor=self._actor.name,
                actor_kind=self._actor.kind.value,
                repository=webhook.repository,
            )
            id_ = DeliveryRows(connection).add_one(
                {
                    "webhook_id": webhook.id,
                    "journal_id": None,
                    "event": event.type,
                    "subject": f"test {now.isoformat()}",  # it waits for nothing
                    "body": body_of(event, webhook.form),
                    "created_at": now,
                    "due_at": now,
                    "ended_at": now,  # it is tried once, whatever comes of it
                }
            )
        return self._telling.attempt(webhook, self._delivery(webhook, id_))

    def redeliver(self, name: str, id_: int) -> Delivery:
        """Makes a delivery once more, or now, whatever its order, and returns what came of it.

        Raises UnknownWebhook or UnknownDelivery.
        """
        webhook = self.get(name)
        return self._telling.attempt(webhook, self._delivery(webhook, id_))

    def _delivery(self, webhook: Webhook, id_: int) -> Delivery:
        found = DeliveryRows(self._database).delivery(webhook.id, id_)
        if found is None:
            raise UnknownDelivery(
                f"The webhook {webhook.name!r} has no delivery {id_}; list its deliveries."
            )
        return found

    def _known(self, stored: WebhookRows, catalog: Catalog, name: str) -> Webhook:
        found = stored.webhook(name)
        if found is None or not self._shows(catalog, found):
            raise _unknown(name)
        return found

    def _locked(self, stored: WebhookRows, catalog: Catalog, name: str) -> Webhook:
        """Returns a webhook as it is until the commit, whatever others have just changed."""
        found = stored.lock(self._known(stored, catalog, name).id)
        if found is None:
            raise _unknown(name)
        return found

    def _shows(self, catalog: Catalog, webhook: Webhook) -> bool:
        if webhook.repository is None:
            return self._may_hear_everything()
        found = catalog.repository(webhook.repository)
        return found is not None and self._may_hear_of(found)

    def _may_hear_everything(self) -> bool:
        return self._actor.kind is ActorKind.OPERATOR or self._gate.goes_by_grants

    def _may_hear_of(self, repository: Repository) -> bool:
        needed = (Permission.MANAGE, Permission.AUDIT)
        return all(
            self._gate.allows(self._actor, permission, repository)
            and self._gate.treats_projects_alike(self._actor, permission, repository)
            for permission in needed
        )

    def _admitted(self, catalog: Catalog, name: str | None) -> Repository | None:
        """Raises UnknownRepository, or PermissionDenied if the actor may not hear of it all."""
        if name is None:
            if not self._may_hear_everything():
                raise PermissionDenied(
                    "Only the operator of the server creates webhooks for the whole registry here; "
                    "choose a repository."
                )
            return None
        found = self._gate.repository(self._actor, Permission.MANAGE, catalog, name)
        if not self._may_hear_of(found):
            raise PermissionDenied(
                f"{self._actor.name!r} may not see everything in repository {name!r}, of which a "
                "webhook would be told; ask an administrator."
            )
        return found

    def _require_operator(self, before: Webhook | None, after: Webhook) -> None:
        if self._actor.kind is ActorKind.OPERATOR:
            return
        was_allowed = before is not None and before.allow_private_network
        if after.allow_private_network != was_allowed or (
            was_allowed and before is not None and after.url != before.url
        ):
            raise PermissionDenied(
                "Only the operator of the server lets a webhook into a private network, or changes "
                "where such a webhook leads; have it done on the command line of the server."
            )

    def _record(
        self, journal: Journal, action: str, webhook: Webhook, values: Mapping[str, Any]
    ) -> None:
        detail = {
            key: "(not shown)" if key in SECRET_WEBHOOK_SETTINGS else _text(value)
            for key, value in values.items()
            if value is not None
        }
        journal.record(
            JournalEntry.by(
                self._actor,
                action,
                repository=webhook.repository,
                detail={"webhook": webhook.name, **detail},
            )
        )


def _unknown(name: str) -> UnknownWebhook:
    return UnknownWebhook(f"There is no webhook {name[:80]!r} here; check the name.")


def _text(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
