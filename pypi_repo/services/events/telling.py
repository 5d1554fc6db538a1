"""Tells webhooks of events: each at least once, and those of one project in their order."""

import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime

from pypi_repo.domain.accounts.access import OPERATOR
from pypi_repo.domain.errors import UpstreamRefused
from pypi_repo.domain.events.bodies import body_of
from pypi_repo.domain.events.event import Event
from pypi_repo.domain.events.retrying import TRIED_FOR, next_pause
from pypi_repo.domain.events.webhook import Delivery, Webhook
from pypi_repo.domain.journal import JournalEntry
from pypi_repo.domain.text import counted
from pypi_repo.services.events.sending import Outcome, Sender
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.events.deliveries import DeliveryRows
from pypi_repo.storage.events.outbox import Outbox
from pypi_repo.storage.events.webhooks import WebhookRows
from pypi_repo.storage.journal import Journal

_log = logging.getLogger(__name__)

_BATCH = 500  # entries of the journal in one transaction
_AT_ONCE = 100  # webhooks, nearly all of whose threads wait for receivers
_RUN = 60.0  # seconds
_TURN = 5.0  # seconds of one webhook until it is read again what is to be told
_LOOKS_EVERY = 0.5  # seconds, for what has happened while receivers are slow
_READ_AT_ONCE = 50  # deliveries
_ELSEWHERE = frozenset({"from", "to"})
_FAILURES = 3  # after which the turn of a webhook ends

Clock = Callable[[], datetime]


class Telling:
    """Decides which webhooks are told of what, and tells them.

    Several processes may do so at once. Then a receiver may be told of something twice.

    proxies: the proxies of this machine; see `Settings.proxies`.
    clock: returns the time, for tests.
    """

    def __init__(
        self,
        database: Database,
        proxies: Mapping[str, str],
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sender = Sender(proxies)
        self._clock = clock

    def is_urgent(self) -> bool:
        """Returns whether there is something that a webhook can be told now."""
        if not WebhookRows(self._database).any_is_enabled():
            return False
        if not Outbox(self._database).is_empty():
            return True
        return bool(DeliveryRows(self._database).webhooks_to_tell(self._clock()))

    def run(self) -> str:
        """Tells webhooks what they are to be told, each for a few seconds until it is asked again.

        It goes on until nothing is to be told, or for a minute. Who is slow then delays nobody
        either: all others are told what comes until that one has ended.

        Returns what was done, as one sentence.
        """
        until, delivered, failed = time.monotonic() + _RUN, 0, 0
        turns: dict[Future[tuple[int, int]], int] = {}
        late: set[int] = set()
        with ThreadPoolExecutor(_AT_ONCE, "webhooks") as threads:
            while True:
                at_work = {*turns.values()}
                is_over = time.monotonic() > until
                if is_over and not late:
                    late = at_work
                if not is_over or at_work & late:
                    self.decide()
                    waiting = DeliveryRows(self._database).webhooks_to_tell(self._clock())
                    for id_ in (each for each in waiting if each not in at_work | late):
                        turns[threads.submit(self._take_turn, id_)] = id_
                if not turns:
                    break
                ended, _others = wait(turns, _LOOKS_EVERY, FIRST_COMPLETED)
                for turn in ended:
                    del turns[turn]
                    made, not_made = turn.result()
                    delivered, failed = delivered + made, failed + not_made
        told = [f"made {counted(delivered, 'delivery', 'deliveries')}"] if delivered else []
        told += [f"{counted(failed, 'delivery', 'deliveries')} failed"] if failed else []
        return f"{', '.join(told)}.".capitalize() if told else ""

    def decide(self) -> None:
        """Makes deliveries of all that has happened until now.

        An event and its deliveries are in one transaction: it is marked as pending, or they exist.
        """
        while self._decide_some() == _BATCH:
            pass

    def attempt(self, webhook: Webhook, delivery: Delivery) -> Delivery:
        """Makes a delivery now, whether it is due or not, and returns it as it is then."""
        self._note(webhook, delivery, self._sender.send(webhook, delivery))
        return DeliveryRows(self._database).delivery(webhook.id, delivery.id) or delivery

    def obstacle(self, webhook: Webhook) -> UpstreamRefused | None:
        """Returns why a webhook may not be told, as far as is known without asking its receiver."""
        return self._sender.obstacle(webhook)

    def _decide_some(self) -> int:
        with self._database.begin() as connection:
            entries = Outbox(connection).take(_BATCH)
            webhooks = WebhookRows(connection).enabled()
            events = [event for entry in entries if (event := Event.of(entry)) is not None]
            stored, now = DeliveryRows(connection), self._clock()
            for webhook in webhooks:
                told = [event for event in events if _is_for(webhook, event)]
                due_at = now
                if told and webhook.failing_since is not None:
                    due_at = max(now, stored.next_attempt(webhook.id) or now)
                stored.add([_delivery_of(event, webhook, now, due_at) for event in told])
        return len(entries)

    def _take_turn(self, webhook_id: int) -> tuple[int, int]:
        """Returns how many deliveries were made, and how many have failed."""
        until, delivered, failed = time.monotonic() + _TURN, 0, 0
        while time.monotonic() < until:
            due = DeliveryRows(self._database).due(webhook_id, self._clock(), _READ_AT_ONCE)
            for delivery in due:
                webhook = WebhookRows(self._database).by_id(webhook_id)
                if webhook is None or not webhook.enabled:  # somebody has just changed that
                    return delivered, failed
                outcome = self._sender.send(webhook, delivery)
                self._note(webhook, delivery, outcome)
                delivered, failed = delivered + outcome.is_delivered, failed + bool(outcome.failure)
                if outcome.is_about_receiver or failed >= _FAILURES:
                    return delivered, failed
                if time.monotonic() > until:
                    break
            if not due:
                break
        return delivered, failed

    def _note(self, told: Webhook, delivery: Delivery, outcome: Outcome) -> None:
        """Records what came of an attempt, and what follows from it."""
        now, attempts = self._clock(), delivery.attempts + 1
        with self._database.begin() as connection:
            deliveries, webhooks = DeliveryRows(connection), WebhookRows(connection)
            webhook = webhooks.lock(told.id)
            if webhook is None:  # it was deleted meanwhile
                return
            said = {"attempts": attempts, "status": outcome.status, "answer": outcome.answer}
            if outcome.is_delivered:
                ended = {"ended_at": now, "is_delivered": True, "failure": None}
                deliveries.change(delivery.id, **said, **ended)
                if webhook.failing_since is not None:
                    webhooks.change(webhook, {"failing_since": None, "failure": None})
                    deliveries.hasten(webhook.id, now, untried_only=True)
                return
            webhooks.note_failure(webhook.id, now, outcome.failure or "")
            said["failure"] = outcome.failure
            if delivery.ended_at is not None:  # it was made once more by hand
                deliveries.change(delivery.id, **said)
                return
            pause = next_pause(attempts, random.random())  # noqa: S311 - it spreads attempts
            if pause is None:
                deliveries.change(delivery.id, **said, ended_at=now)
                self._give_up(webhooks, Journal(connection), webhook, delivery, now)
                return
            deliveries.change(delivery.id, **said, due_at=now + pause)
            if outcome.is_about_receiver:
                deliveries.postpone(webhook.id, now + pause)

    def _give_up(
        self,
        webhooks: WebhookRows,
        journal: Journal,
        webhook: Webhook,
        delivery: Delivery,
        now: datetime,
    ) -> None:
        """Switches a webhook off, with notice, to which nothing could be delivered for long."""
        since = webhook.failing_since
        if since is None or now - since < TRIED_FOR:
            _log.warning(
                "Delivery %d to the webhook %r is given up: it failed for a day.",
                delivery.id,
                webhook.name,
            )
            return
        webhooks.change(webhook, {"enabled": False})
        detail = {"webhook": webhook.name, "failing_since": since.isoformat()}
        journal.record(
            JournalEntry.by(
                OPERATOR, "switch off webhook", repository=webhook.repository, detail=detail
            )
        )
        _log.error(
            "The webhook %r is switched off: nothing could be delivered to it since %s.",
            webhook.name,
            f"{since:%Y-%m-%d %H:%M} UTC",
        )


def _is_for(webhook: Webhook, event: Event) -> bool:
    return webhook.wants(event.type) and webhook.repository in (None, event.repository)


def _as_told(event: Event, webhook: Webhook) -> Event:
    """Leaves out where files of a repository come from and go to.

    Whoever hears of one repository need not know of the others, nor of the sources of imports.
    """
    if webhook.repository is None:
        return event
    detail = {key: value for key, value in event.detail.items() if key not in _ELSEWHERE}
    return replace(event, detail=detail)


def _delivery_of(
    event: Event, webhook: Webhook, now: datetime, due_at: datetime
) -> dict[str, object]:
    return {
        "webhook_id": webhook.id,
        "journal_id": event.id,
        "event": event.type,
        "subject": event.subject,
        "body": body_of(_as_told(event, webhook), webhook.form),
        "created_at": now,
        "due_at": due_at,
    }
