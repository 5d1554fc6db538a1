"""What webhooks are sent (E3)."""

import json
from datetime import UTC, datetime

from pypi_repo.domain.events.bodies import body_of, sentence
from pypi_repo.domain.events.event import Event

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
NASTY = "<!channel> <https://evil.example|click> & *bold* [a](https://evil.example)\n\x1b[2J"


def event(type_: str = "file.yanked", **more: object) -> Event:
    given = {"actor": "ada", "repository": "main", "project": "demo", "version": "1.0", **more}
    return Event(id=7, type=type_, at=AT, **given)  # type: ignore[arg-type]


def test_e3_a_sentence_says_who_did_what_where_and_why() -> None:
    assert sentence(event(filename="demo-1.0.tar.gz")) == "ada yanked demo-1.0.tar.gz in main"
    assert sentence(event("release.yanked", detail={"reason": "bad"})) == (
        "ada yanked demo 1.0 in main: bad"
    )
    promoted = event("release.promoted", detail={"to": "stable"})
    assert sentence(promoted) == "ada promoted demo 1.0 from main to stable"
    received = event("release.received", repository="stable", detail={"from": "main"})
    assert sentence(received) == "ada promoted demo 1.0 from main to stable"
    quota = event("quota.reached", project=None, detail={"used": "9 MiB", "quota": "10 MiB"})
    assert sentence(quota) == "main takes 9 MiB of its quota of 10 MiB"


def test_e3_for_slack_nothing_in_a_name_mentions_or_links() -> None:
    body = json.loads(body_of(event(detail={"reason": NASTY}), "slack"))
    assert body["mrkdwn"] is False
    assert body["text"].startswith("ada yanked demo 1.0 in main: &lt;!channel&gt; &lt;https://")
    assert not set("<>") & set(body["text"])
    assert body["text"].isprintable()


def test_e3_for_teams_text_is_no_markdown() -> None:
    body = json.loads(body_of(event(detail={"reason": NASTY}), "teams"))
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    ((run,),) = [block["inlines"] for block in card["body"] if block["type"] == "RichTextBlock"]
    assert run["type"] == "TextRun"
    assert run["text"].startswith("ada yanked demo 1.0 in main: <!channel>")
    assert run["text"].isprintable()


def test_e3_as_json_texts_come_as_they_are() -> None:
    body = json.loads(body_of(event(detail={"reason": NASTY}), "json"))
    assert body["detail"] == {"reason": NASTY}
    assert body["at"] == "2026-11-26T09:30:00+00:00"
    assert body["filename"] is None
