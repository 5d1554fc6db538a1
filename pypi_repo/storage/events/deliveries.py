"""Statements about what webhooks are told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, select, update

from pypi_repo.domain.events.webhook import Delivery
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.operation_tables import webhook_deliveries as deliveries
from pypi_repo.storage.database.operation_tables import webhooks
from pypi_repo.storage.database.tables import journal

_OF_THE_EVENT = {"version": journal.c.version, "filename": journal.c.filename}
_COLUMNS = tuple(
    _OF_THE_EVENT[name] if name in _OF_THE_EVENT else deliveries.c[name]
    for name in Delivery.__slots__
)
_WITH_EVENTS = deliveries.outerjoin(journal, journal.c.id == deliveries.c.journal_id)
_IS_WAITED_FOR = deliveries.c.ended_at.is_(None)
_earlier = deliveries.alias("earlier")
_IS_FIRST = ~exists().where(
    _earlier.c.webhook_id == deliveries.c.webhook_id,
    _earlier.c.ended_at.is_(None),
    _earlier.c.subject == deliveries.c.subject,
    _earlier.c.id < deliveries.c.id,
)
"""Whether everything before it with the same subject was delivered, or given up."""


class DeliveryRows:
    """Reads and changes deliveries. Changes need a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds deliveries in their order.

        rows: for each the columns `webhook_id`, `journal_id`, `event`, `subject`, `body`,
            `created_at` and `due_at`.
        """
        if rows:
            self._executor.execute(insert(deliveries), [_new(row) for row in rows])

    def add_one(self, row: Mapping[str, Any]) -> int:
        """Adds a delivery as `add` does, and returns its id."""
        added = insert(deliveries).values(_new(row)).returning(deliveries.c.id)
        return int(self._executor.execute(added).scalar_one())

    def due(self, webhook_id: int, now: datetime, limit: int) -> list[Delivery]:
        """Returns deliveries of a webhook that are due, each the first one of its subject."""
        rows = self._executor.execute(
            select(*_COLUMNS)
            .select_from(_WITH_EVENTS)
            .where(deliveries.c.webhook_id == webhook_id, *_due(now))
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        return [_to_delivery(row) for row in rows]

    def webhooks_to_tell(self, now: datetime) -> list[int]:
        """Returns the ids of enabled webhooks with deliveries that are due."""
        has_some = exists().where(deliveries.c.webhook_id == webhooks.c.id, *_due(now))
        rows = self._executor.execute(
            select(webhooks.c.id).where(webhooks.c.enabled, has_some).order_by(webhooks.c.id)
        )
        return list(rows.scalars())

    def next_attempt(self, webhook_id: int) -> datetime | None:
        """Returns when something is due next; None if nothing is to be delivered."""
        asked = select(func.min(deliveries.c.due_at)).where(
            deliveries.c.webhook_id == webhook_id, _IS_WAITED_FOR
        )
        return next(self._executor.execute(asked).scalars(), None)

    def of(self, webhook_id: int, limit: int, before: int | None) -> list[Delivery]:
        """Returns deliveries of a webhook, the newest first.

        before: the id of a delivery; only older ones are returned.
        """
        statement = (
            select(*_COLUMNS)
            .select_from(_WITH_EVENTS)
            .where(deliveries.c.webhook_id == webhook_id)
            .order_by(deliveries.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(deliveries.c.id < before)
        return [_to_delivery(row) for row in self._executor.execute(statement)]

    def delivery(self, webhook_id: int, id_: int) -> Delivery | None:
        """Returns a delivery of a webhook, or None."""
        rows = self._executor.execute(
            select(*_COLUMNS)
            .select_from(_WITH_EVENTS)
            .where(deliveries.c.webhook_id == webhook_id, deliveries.c.id == id_)
        )
        return next(map(_to_delivery, rows), None)

    def change(self, id_: int, **values: Any) -> None:
        """Changes columns of a delivery."""
        self._executor.execute(update(deliveries).where(deliveries.c.id == id_).values(**values))

    def postpone(self, webhook_id: int, until: datetime) -> None:
        """Lets nothing be delivered to a webhook before a moment."""
        self._executor.execute(
            update(deliveries)
            .where(
                deliveries.c.webhook_id == webhook_id,
                _IS_WAITED_FOR,
                deliveries.c.due_at < until,
            )
            .values(due_at=until)
        )

    def hasten(self, webhook_id: int, now: datetime, *, untried_only: bool) -> None:
        """Lets everything be delivered to a webhook now.

        untried_only: whether that is only about what was never tried.
        """
        statement = update(deliveries).where(
            deliveries.c.webhook_id == webhook_id, _IS_WAITED_FOR, deliveries.c.due_at > now
        )
        if untried_only:
            statement = statement.where(deliveries.c.attempts == 0)
        self._executor.execute(statement.values(due_at=now))

    def number_waiting(self, webhook_id: int) -> int:
        """Returns how many deliveries of a webhook are to be delivered."""
        asked = select(func.count()).where(deliveries.c.webhook_id == webhook_id, _IS_WAITED_FOR)
        return self._executor.execute(asked).scalar_one()

    def delete_before(self, moment: datetime) -> int:
        """Deletes what was delivered, or given up, before a moment. Returns the number."""
        gone = delete(deliveries).where(deliveries.c.ended_at < moment)
        return len(self._executor.execute(gone.returning(deliveries.c.id)).all())


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return _IS_WAITED_FOR, deliveries.c.due_at <= now, _IS_FIRST


def _new(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"attempts": 0, "is_delivered": False, **row}


def _to_delivery(row: Row[Any]) -> Delivery:
    return Delivery(**row._mapping)
