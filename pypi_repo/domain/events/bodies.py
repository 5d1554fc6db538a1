"""What webhooks are sent: an event as JSON, or a sentence about it in the form of a chat."""

import json
from typing import Any

from pypi_repo.domain.events.event import Event
from pypi_repo.domain.events.webhook import TEST_EVENT, WebhookForm
from pypi_repo.domain.text import printable

_LONGEST_SENTENCE = 1_000  # characters

_PHRASES = {
    "file.uploaded": "{actor} uploaded {what} to {where}",
    "file.overwritten": "{actor} replaced {what} in {where}",
    "file.yanked": "{actor} yanked {what} in {where}",
    "file.unyanked": "{actor} took back the yank of {what} in {where}",
    "file.deleted": "{actor} deleted {what} from {where}",
    "file.restored": "{actor} restored {what} in {where}",
    "file.hidden": "{actor} hid files of {target} from readers of {where}",
    "release.yanked": "{actor} yanked {what} in {where}",
    "release.unyanked": "{actor} took back the yank of {what} in {where}",
    "release.deleted": "{actor} deleted {what} from {where}",
    "release.restored": "{actor} restored {what} in {where}",
    "release.promoted": "{actor} promoted {what} from {where} to {to}",
    "release.received": "{actor} promoted {what} from {from} to {where}",
    "release.expired": "{what} was deleted from {where} by a rule of retention",
    "release.pinned": "{actor} pinned {what} in {where}",
    "release.unpinned": "{actor} unpinned {what} in {where}",
    "project.deleted": "{actor} deleted {what} from {where}",
    "project.restored": "{actor} restored {what} in {where}",
    "project.status_changed": "{actor} changed the status of {what} in {where}",
    "stage.published": "{actor} published a stage in {where}",
    "token.expiring": "The token {token} of {account} expires at {expires_at}",
    "quota.reached": "{where} takes {used} of its quota of {quota}",
    TEST_EVENT: "This is a test of a webhook of pypi_repo",
}

_ELSEWHERE = {"from": "another repository", "to": "another repository"}


def body_of(event: Event, form: WebhookForm) -> str:
    """Returns what a webhook is sent about an event, as JSON."""
    match form:
        case "slack":
            return _encoded(_for_slack(sentence(event)))
        case "teams":
            return _encoded(_for_teams(sentence(event)))
    return _encoded(
        {
            "id": event.id,
            "type": event.type,
            "at": event.at.isoformat(),
            "actor": event.actor,
            "actor_kind": event.actor_kind,
            "repository": event.repository,
            "project": event.project,
            "version": event.version,
            "filename": event.filename,
            "serial": event.serial,
            "detail": dict(event.detail),
        }
    )


def sentence(event: Event) -> str:
    """Returns what happened as one line for people."""
    known = _Known({**_ELSEWHERE, **event.detail})
    known["actor"] = event.actor
    known["what"] = event.filename or " ".join(filter(None, (event.project, event.version)))
    known["where"] = event.repository or "the registry"
    text = _PHRASES[event.type].format_map(known)
    if reason := event.detail.get("reason"):
        text += f": {reason}"
    return printable(" ".join(text.split()))[:_LONGEST_SENTENCE]


class _Known(dict[str, str]):
    """The values of a phrase; an entry of the journal may lack one."""

    def __missing__(self, _name: str) -> str:
        return "?"


def _for_slack(text: str) -> dict[str, Any]:
    """Names come from other people: nothing in them may mention somebody, or be a link."""
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return {"text": text, "mrkdwn": False, "unfurl_links": False}


def _for_teams(text: str) -> dict[str, Any]:
    """An Adaptive Card, with the text in a TextRun, which knows no Markdown."""
    card = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}],
    }
    content_type = "application/vnd.microsoft.card.adaptive"
    return {
        "type": "message",
        "attachments": [{"contentType": content_type, "content": card}],
    }


def _encoded(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
