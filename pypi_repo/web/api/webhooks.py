"""Webhooks: URLs that are told what happens, and what they were told."""

from typing import Annotated, Any, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.events import webhook as domain
from pypi_repo.domain.events.errors import UnknownWebhook
from pypi_repo.domain.events.webhook import SHORTEST_SECRET, WebhookForm
from pypi_repo.web.api.documents import Document, Instant, Page, Text
from pypi_repo.web.api.operations import ApiResponse, Call, Table, cursor_number, cut, page_of
from pypi_repo.web.api.queries import PageQuery

table = Table("Webhooks", "repositories")

_ALL = "/webhooks"
_ONE = "/webhooks/{webhook}"
_DELIVERIES = f"{_ONE}/deliveries"
_DELIVERY = f"{_DELIVERIES}/{{delivery}}"

Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Secret = Annotated[str, Meta(min_length=SHORTEST_SECRET, max_length=1000)]
Types = Annotated[tuple[Text, ...], Meta(max_length=100)]


class WebhookChanges(Document, frozen=True, kw_only=True):
    """Settings to change. Those that are left out stay as they are.

    A new `secret` signs beside the one before for a day. No answer contains `url` and `secret`.
    Only the operator changes `allow_private_network`, and of a webhook in a private network `url`,
    from the command line.
    """

    url: Union[Address, UnsetType] = UNSET  # noqa: UP007 - the type is no name
    form: WebhookForm | UnsetType = UNSET
    events: Union[Types, UnsetType] = UNSET  # noqa: UP007
    secret: Union[Secret, UnsetType, None] = UNSET  # noqa: UP007
    enabled: bool | UnsetType = UNSET
    allow_http: bool | UnsetType = UNSET
    allow_private_network: bool | UnsetType = UNSET


class WebhookSettings(Document, frozen=True, kw_only=True):
    """`events` are types of events; none for all. `repository` is null for the whole registry, and
    cannot be changed later.

    The form `json` needs a `secret`, which signs. Without `secret` the old one is kept; a new one
    signs beside the one before for a day. No answer contains `url` and `secret`. Only the operator
    changes `allow_private_network`, and of a webhook in a private network `url`, from the command
    line.
    """

    url: Address
    form: WebhookForm = "json"
    events: Types = ()
    secret: Union[Secret, UnsetType, None] = UNSET  # noqa: UP007
    enabled: bool = True
    allow_http: bool = False
    allow_private_network: bool = False
    repository: Text | None = None


class Webhook(Document, frozen=True, kw_only=True):
    """A webhook. `destination` is its URL for people, without what may be secret.

    Nothing could be delivered since `failing_since`; `failure` says why.
    """

    name: str
    destination: str
    repository: str | None
    form: WebhookForm
    events: tuple[str, ...]
    enabled: bool
    allow_http: bool
    allow_private_network: bool
    former_secret_until: Instant | None
    failing_since: Instant | None
    failure: str | None
    created_at: Instant
    created_by: str


class Delivery(Document, frozen=True, kw_only=True):
    """What a webhook is told once. `state` is `waiting`, `failing`, `delivered` or `given up`.

    `event_id` is the id of the entry in the journal, and null for a test. `subject` is the
    repository and the project, in whose order deliveries are made. `status`, `answer` (its
    beginning) and `failure` are of the last attempt.
    """

    id: int
    event_id: int | None
    event: str
    subject: str
    version: str | None
    filename: str | None
    state: str
    created_at: Instant
    due_at: Instant
    ended_at: Instant | None
    attempts: int
    status: int | None
    answer: str | None
    failure: str | None
    body: str


@table.operation("GET", _ALL, {200: Page[Webhook]}, query=PageQuery)
def list_webhooks(call: Call) -> ApiResponse:
    """All webhooks, by name."""
    found = call.acting.webhooks.all()
    return ApiResponse(page_of(found, call.query, lambda webhook: webhook.name, _shown))


@table.operation("GET", _ONE, {200: Webhook})
def get_webhook(call: Call, webhook: str) -> ApiResponse:
    """A webhook with its settings, without secrets."""
    return ApiResponse(_shown(call.acting.webhooks.get(webhook)))


@table.operation("PUT", _ONE, {200: Webhook, 201: Webhook}, body=WebhookSettings)
def put_webhook(call: Call, webhook: str) -> ApiResponse:
    """Create the webhook, or give it exactly these settings."""
    webhooks, wanted = call.acting.webhooks, _given(call.body)
    repository = wanted.pop("repository")
    try:
        found = webhooks.get(webhook)
    except UnknownWebhook:
        created = webhooks.create(webhook, repository, **wanted)
        return ApiResponse(_shown(created), 201, f"webhooks/{created.name}")
    if found.repository != repository:
        raise InvalidSetting(
            "The repository of a webhook cannot be changed; delete the webhook, and create it anew."
        )
    return ApiResponse(_shown(webhooks.change(webhook, **wanted)))


@table.operation("PATCH", _ONE, {200: Webhook}, body=WebhookChanges)
def patch_webhook(call: Call, webhook: str) -> ApiResponse:
    """Change some settings of the webhook."""
    return ApiResponse(_shown(call.acting.webhooks.change(webhook, **_given(call.body))))


@table.operation("DELETE", _ONE, {204: None})
def delete_webhook(call: Call, webhook: str) -> ApiResponse:
    """Delete the webhook with its deliveries."""
    call.acting.webhooks.delete(webhook)
    return ApiResponse(status=204)


@table.operation("POST", f"{_ONE}/test", {200: Delivery})
def test_webhook(call: Call, webhook: str) -> ApiResponse:
    """Send a test to the webhook now, also if it is switched off."""
    return ApiResponse(_shown_delivery(call.acting.webhooks.test(webhook)))


@table.operation("GET", _DELIVERIES, {200: Page[Delivery]}, query=PageQuery)
def list_deliveries(call: Call, webhook: str) -> ApiResponse:
    """What the webhook was told in the last 30 days, and is to be told, the newest first."""
    asked: PageQuery = call.query
    found = call.acting.webhooks.deliveries(
        webhook, limit=asked.limit + 1, before=cursor_number(asked.cursor)
    )
    return ApiResponse(cut(found, asked.limit, lambda each: str(each.id), _shown_delivery))


@table.operation("GET", _DELIVERY, {200: Delivery})
def get_delivery(call: Call, webhook: str, delivery: int) -> ApiResponse:
    """One delivery, with what was answered."""
    return ApiResponse(_shown_delivery(call.acting.webhooks.delivery(webhook, delivery)))


@table.operation("POST", f"{_DELIVERY}/redeliver", {200: Delivery})
def redeliver(call: Call, webhook: str, delivery: int) -> ApiResponse:
    """Make the delivery once more, now."""
    return ApiResponse(_shown_delivery(call.acting.webhooks.redeliver(webhook, delivery)))


def _given(document: msgspec.Struct) -> dict[str, Any]:
    values = msgspec.structs.asdict(document)
    return {name: value for name, value in values.items() if value is not UNSET}


def _shown(found: domain.Webhook) -> Webhook:
    return msgspec.convert(found, Webhook, from_attributes=True)


def _shown_delivery(found: domain.Delivery) -> Delivery:
    return Delivery(
        id=found.id,
        event_id=found.journal_id,
        event=found.event,
        subject=found.subject,
        version=found.version,
        filename=found.filename,
        state=found.state,
        created_at=found.created_at,
        due_at=found.due_at,
        ended_at=found.ended_at,
        attempts=found.attempts,
        status=found.status,
        answer=found.answer,
        failure=found.failure,
        body=found.body,
    )
