"""Webhooks: URLs that are told of events, and what they are sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypedDict, get_args

from pypi_repo.domain.errors import InvalidSetting, UpstreamRefused
from pypi_repo.domain.events.event import EVENT_TYPES
from pypi_repo.domain.values.urls import Url, parse_url

WebhookForm = Literal["json", "slack", "teams"]
"""What a webhook is sent: the event as JSON, or a sentence in the form of a chat."""

WEBHOOK_FORMS: tuple[WebhookForm, ...] = get_args(WebhookForm)

SHORTEST_SECRET = 16
"""The characters that a secret has at least."""

TEST_EVENT = "webhook.test"
"""The type of what a webhook is sent to try it."""

_LONGEST_SECRET = 1_000  # characters
_LONGEST_URL = 2_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """The settings of a webhook.

    url: where it is told; None after a restore, because no backup contains it.
    form: what it is sent.
    events: the types of events that it is told of; empty for all.
    secret: what signs all that it is sent; None if nothing does.
    enabled: whether it is told of anything.
    allow_http: whether its URL may be without encryption.
    allow_private_network: whether its host may have private and local addresses.
    """

    url: str | None = field(default=None, repr=False)
    form: WebhookForm = "json"
    events: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    enabled: bool = True
    allow_http: bool = False
    allow_private_network: bool = False

    def check(self) -> None:
        """Raises InvalidSetting for an invalid value, or for values that contradict each other."""
        if self.url is None:
            raise InvalidSetting("The webhook has no URL; give the one that it is told at.")
        if parsed_url(self.url).scheme == "http" and not self.allow_http:
            raise InvalidSetting(
                "The URL is not encrypted; use https://, or allow http for this webhook.",
                setting="allow_http",
            )
        if self.form not in WEBHOOK_FORMS:
            raise InvalidSetting(f"A form is one of {', '.join(WEBHOOK_FORMS)}.")
        _check_events(self.events)
        _check_secret(self.secret)
        if self.form == "json" and self.secret is None:
            raise InvalidSetting(
                "The webhook has no secret, so its receiver could not tell who sends; give one."
            )

    def settings(self) -> dict[str, Any]:
        """Returns the values by their names, without the other fields of a `Webhook`."""
        return {name: getattr(self, name) for name in WEBHOOK_SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(WebhookSettings):
    """Somebody who is told of events.

    repository: the name of the repository whose events it is told of; None for the whole registry.
    destination: the URL for people; see `destination_of`.
    former_secret: the secret before the last rotation, which signs as well.
    former_secret_until: until when it does.
    failing_since: since when nothing could be delivered; None if the last delivery could.
    failure: one sentence about the last failure, or why the webhook was switched off.
    """

    id: int
    name: str
    repository: str | None
    destination: str
    former_secret: str | None = field(default=None, repr=False)
    former_secret_until: datetime | None = None
    failing_since: datetime | None = None
    failure: str | None = None
    created_at: datetime
    created_by: str

    def secrets(self, now: datetime) -> list[str]:
        """Returns the secrets that sign at a moment, the newest first."""
        found = [self.secret] if self.secret else []
        until = self.former_secret_until
        if self.former_secret and until is not None and now < until:
            found.append(self.former_secret)
        return found

    def wants(self, type_: str) -> bool:
        """Returns whether it is told of events of a type."""
        return not self.events or type_ in self.events


class GivenWebhookSettings(TypedDict, total=False):
    """Settings of a webhook of which each may be left out; WebhookSettings describes them."""

    url: str
    form: WebhookForm
    events: tuple[str, ...]
    secret: str | None
    enabled: bool
    allow_http: bool
    allow_private_network: bool


WEBHOOK_SETTINGS = tuple(each.name for each in fields(WebhookSettings))
"""The names of the settings."""

SECRET_WEBHOOK_SETTINGS = frozenset({"url", "secret"})
"""Settings that no answer, log, journal or backup contains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a webhook is told once, and what its receiver answered.

    id: a number that is sent along, and is the same in each attempt.
    journal_id: the id of the event; None for a test.
    event: the type of the event.
    subject: repository and project of the event; deliveries with the same subject are made one
        after the other.
    version: the version that the event is about, if it is about one.
    filename: the name of the file that it is about, if it is about one.
    body: what is sent.
    due_at: when the next attempt is to be made.
    attempts: the number of attempts so far.
    ended_at: when it was delivered or given up; None if it is still to be delivered.
    is_delivered: whether the receiver has taken it.
    status: the HTTP status of the last answer; None if there was none.
    answer: the beginning of the last answer.
    failure: why the last attempt failed.
    """

    id: int
    journal_id: int | None
    event: str
    subject: str
    version: str | None
    filename: str | None
    body: str
    created_at: datetime
    due_at: datetime
    attempts: int
    ended_at: datetime | None
    is_delivered: bool
    status: int | None
    answer: str | None
    failure: str | None

    @property
    def about(self) -> str:
        """What the event is about, such as `main/demo 1.0`; an empty text for a test."""
        if self.journal_id is None:
            return ""
        parts = (self.subject.strip("/"), self.filename or self.version)
        return " ".join(part for part in parts if part)

    @property
    def state(self) -> str:
        """How it stands, as one word: `delivered`, `given up`, `failing` or `waiting`."""
        if self.ended_at is not None:
            return "delivered" if self.is_delivered else "given up"
        return "failing" if self.attempts else "waiting"


def parsed_url(text: str) -> Url:
    """Returns the URL of a webhook, parsed. Raises InvalidSetting if it cannot be one."""
    try:
        if len(text) <= _LONGEST_URL:
            return parse_url(text)
    except UpstreamRefused:
        pass
    # Without the text, which may be a secret.
    raise InvalidSetting(
        "The URL of a webhook begins with https://, has a host, and no user name; check it."
    )


def destination_of(url: str) -> str:
    """Returns the URL of a webhook for people.

    It is without its path and query, as many services have a URL that is as good as a password.
    """
    parsed = parsed_url(url)
    return f"{parsed.scheme}://{parsed.netloc}/"


def _check_events(events: Iterable[Any]) -> None:
    for each in events:
        if each not in EVENT_TYPES:
            raise InvalidSetting(
                f"{str(each)[:80]!r} is no type of event; use some of {', '.join(EVENT_TYPES)}."
            )


def _check_secret(secret: str | None) -> None:
    if secret is None:
        return
    if not SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET:
        raise InvalidSetting(
            f"A secret of a webhook has from {SHORTEST_SECRET} to {_LONGEST_SECRET:,} characters; "
            "choose another one."
        )
    if not (secret.isascii() and secret.isprintable() and secret == secret.strip()):
        raise InvalidSetting(
            "A secret of a webhook consists of ASCII characters, without spaces at its ends; "
            "choose another one."
        )
