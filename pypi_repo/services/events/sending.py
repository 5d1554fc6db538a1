"""Sends what webhooks are told, once, and says what came of it."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.events.signature import SIGNATURE_HEADER, signature
from pypi_repo.domain.events.webhook import Delivery, Webhook
from pypi_repo.domain.values.target import Target
from pypi_repo.domain.values.urls import Url, parse_url
from pypi_repo.outbound.answer import Answer
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.settings import KIB

LIMITS = OutboundLimits(
    page=64 * KIB, page_time=10, headers=64 * KIB, redirects=0, connect=3, read=10, whole=10, kept=0
)
"""Limits on what is taken from receivers, which have 10 seconds for everything."""

RECEIVER = "receiver"
"""What errors call whoever is at the URL of a webhook."""

_ANSWER_KEPT = 4_000  # characters
_ANSWER_TIME = 2.0  # seconds for what follows the status, which has said what counts
_SHORTEST_SECRET = 8  # characters; what is shorter is a word of many answers
_UNREACHABLE = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    status: the HTTP status; None if there was no answer.
    answer: the beginning of the answer.
    failure: one sentence that says why it failed; None if the receiver has taken it.
    is_about_receiver: whether other deliveries would fail just so: there was no answer, or one that
        says that the receiver cannot work at the moment.
    """

    status: int | None = None
    answer: str | None = None
    failure: str | None = None
    is_about_receiver: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.failure is None


class Sender:
    """Sends deliveries, on a connection of its own each. Threads may share it.

    proxies: the proxies of this machine; see `Settings.proxies`.
    """

    def __init__(self, proxies: Mapping[str, str]) -> None:
        self._client = OutboundClient(LIMITS, proxies)

    def send(self, webhook: Webhook, delivery: Delivery) -> Outcome:
        """Makes one attempt, signed by the secrets of this moment."""
        if webhook.url is None or (webhook.form == "json" and not webhook.secret):
            return Outcome(
                failure="The webhook has no URL or no secret, which no backup contains; set them.",
                is_about_receiver=True,
            )
        body, now = delivery.body.encode(), datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "X-Pypi-Repo-Event": delivery.event,
            "X-Pypi-Repo-Delivery": str(delivery.id),
        }
        if secrets := webhook.secrets(now):
            headers[SIGNATURE_HEADER] = signature(secrets, int(time.time()), body)
        try:
            with self._client.post(
                _target(webhook, webhook.url), webhook.url, body, headers=headers
            ) as answer:
                return _outcome(answer, parse_url(webhook.url))
        except (UpstreamFailed, UpstreamRefused) as error:
            return Outcome(failure=_told(error, webhook), is_about_receiver=True)

    def obstacle(self, webhook: Webhook) -> UpstreamRefused | None:
        """Returns why a webhook may not be told, as far as is known without asking its receiver."""
        if webhook.url is None:
            return None
        try:
            self._client.check(_target(webhook, webhook.url), webhook.url)
        except UpstreamRefused as error:
            return error
        return None


def _target(webhook: Webhook, url: str) -> Target:
    return Target(
        url=url,
        allow_http=webhook.allow_http,
        allow_private_network=webhook.allow_private_network,
        called=RECEIVER,
    )


def _outcome(answer: Answer, asked: Url) -> Outcome:
    text, status = _without_secrets(_beginning(answer), asked)[:_ANSWER_KEPT], answer.status
    if 200 <= status < 300:
        return Outcome(status, text)
    if 300 <= status < 400:
        failure = f"The receiver redirects with status {status}, and redirects are not followed."
    else:
        failure = f"The receiver answers with status {status}."
    return Outcome(status, text, failure, is_about_receiver=status in _UNREACHABLE)


def _beginning(answer: Answer) -> str:
    """Returns what can be read of an answer within the limits: the status says what counts."""
    content, until = bytearray(), time.monotonic() + _ANSWER_TIME
    try:
        while len(content) < LIMITS.page and (piece := answer.read(LIMITS.page - len(content))):
            content += piece
            if time.monotonic() > until:
                break
    except UpstreamFailed:
        pass
    return content.decode("utf-8", "replace").replace("\0", "")


def _without_secrets(text: str, asked: Url) -> str:
    """Hides the path and the query of a webhook, which pages of errors like to repeat."""
    pieces = {part for part in re.split("[/?&=]", asked.target) if len(part) >= _SHORTEST_SECRET}
    for piece in sorted(pieces | {unquote(part) for part in pieces}, key=len, reverse=True):
        text = text.replace(piece, "(not shown)")
    return text


def _told(error: UpstreamFailed | UpstreamRefused, webhook: Webhook) -> str:
    """Returns what outbound says, without a secret URL."""
    detail = error.detail.replace(parse_url(webhook.url or "").shown, webhook.destination)
    return f"{error.message} ({detail})" if detail else error.message
