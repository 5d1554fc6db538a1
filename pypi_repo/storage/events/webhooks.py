"""Statements about webhooks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, exists, insert, select, update

from pypi_repo.domain.events.webhook import Webhook
from pypi_repo.storage.database.executor import Executor, within_transaction
from pypi_repo.storage.database.operation_tables import webhooks
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import repositories

_OF_ITS_OWN = tuple(
    webhooks.c[name]
    for name in (
        *("id", "name", "url", "destination", "form", "events", "secret", "former_secret"),
        *("former_secret_until", "allow_http", "allow_private_network", "enabled"),
        *("failing_since", "failure", "created_at", "created_by"),
    )
)


class WebhookRows:
    """Reads and changes webhooks. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def all(self) -> list[Webhook]:
        """Returns all webhooks, sorted by name."""
        rows = self._executor.execute(_selected().order_by(webhooks.c.name))
        return [_to_webhook(row) for row in rows]

    def webhook(self, name: str) -> Webhook | None:
        """Returns the webhook with a name, or None."""
        rows = self._executor.execute(_selected().where(webhooks.c.name == lookup(name)))
        return next(map(_to_webhook, rows), None)

    def by_id(self, id_: int) -> Webhook | None:
        """Returns the webhook with an id, or None."""
        rows = self._executor.execute(_selected().where(webhooks.c.id == id_))
        return next(map(_to_webhook, rows), None)

    def lock(self, id_: int) -> Webhook | None:
        """Returns the same as `by_id`; nobody changes the webhook before the commit.

        Who changes its deliveries, too, locks it first.
        """
        statement = _selected().where(webhooks.c.id == id_).with_for_update(of=webhooks)
        rows = within_transaction(self._executor).execute(statement)
        return next(map(_to_webhook, rows), None)

    def enabled(self) -> list[Webhook]:
        """Returns the webhooks that are told of events. Nobody deletes one before the commit."""
        statement = _selected().where(webhooks.c.enabled).order_by(webhooks.c.name)
        rows = within_transaction(self._executor).execute(
            statement.with_for_update(read=True, key_share=True, of=webhooks)
        )
        return [_to_webhook(row) for row in rows]

    def any_is_enabled(self) -> bool:
        """Returns whether somebody is told of anything."""
        asked = select(exists().where(webhooks.c.enabled))
        return bool(self._executor.execute(asked).scalar_one())

    def add(self, planned: Webhook, repository_id: int | None) -> int:
        """Adds a webhook, whose name must be free, and returns its id."""
        values = {
            "name": planned.name,
            "repository_id": repository_id,
            "destination": planned.destination,
            "created_at": planned.created_at,
            "created_by": planned.created_by,
            **_written(planned.settings()),
        }
        added = self._executor.execute(insert(webhooks).values(values).returning(webhooks.c.id))
        return int(added.scalar_one())

    def change(self, webhook: Webhook, values: Mapping[str, Any]) -> None:
        """Changes columns of a webhook, given by the names of the fields of `Webhook`."""
        self._executor.execute(
            update(webhooks).where(webhooks.c.id == webhook.id).values(_written(values))
        )

    def note_failure(self, id_: int, at: datetime, failure: str) -> None:
        """Notes that a delivery failed."""
        self._executor.execute(
            update(webhooks)
            .where(webhooks.c.id == id_, webhooks.c.failing_since.is_(None))
            .values(failing_since=at)
        )
        self._executor.execute(update(webhooks).where(webhooks.c.id == id_).values(failure=failure))

    def delete(self, webhook: Webhook) -> None:
        """Deletes a webhook with its deliveries."""
        self._executor.execute(delete(webhooks).where(webhooks.c.id == webhook.id))


def _selected() -> Select[Any]:
    return select(*_OF_ITS_OWN, repositories.c.name.label("repository")).outerjoin_from(
        webhooks, repositories, repositories.c.id == webhooks.c.repository_id
    )


def _to_webhook(row: Row[Any]) -> Webhook:
    values = dict(row._mapping)
    return Webhook(**{**values, "events": tuple(values["events"].split())})


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: " ".join(value) if name == "events" else value for name, value in values.items()}
