"""Webhooks: what they are told, and by whom they are managed (E3, E5)."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Actor, ActorKind, Area, Registry
from pypi_repo.domain.errors import InvalidSetting, NameTaken, PermissionDenied, UnknownRepository
from pypi_repo.domain.events.errors import UnknownDelivery, UnknownWebhook
from pypi_repo.domain.events.webhook import WEBHOOK_FORMS, WebhookForm
from pypi_repo.services.events.telling import Telling
from pypi_repo.services.events.webhooks import Webhooks
from pypi_repo.storage.database.operation_tables import webhook_deliveries as deliveries
from pypi_repo.storage.database.operation_tables import webhooks
from tests.support.distributions import wheel
from tests.support.receiver import SECRET, Receiver, hook, receiving, tell
from tests.support.scripted_server import Cut, reply
from tests.support.uploads import upload

ADMINISTRATOR = Actor(
    "admin@example.com", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES})
)
NEWER = "another-horse-battery"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def hooks(registry: Registry, actor: Actor = OPERATOR) -> Webhooks:
    return registry.acting_as(actor).webhooks


def make_due(registry: Registry) -> None:
    """Lets time pass until everything is tried again."""
    with registry._database.begin() as connection:
        connection.execute(update(deliveries).values(due_at=datetime.now(UTC)))


def test_e3_a_webhook_is_told_what_happens(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver)
    file = upload(both, wheel("demo", "1.0"))
    assert tell(both) == "Made 1 delivery."
    assert tell(both) == ""
    (sent,) = receiver.sent
    (entry,) = both.acting_as(OPERATOR).activity.entries(limit=1)
    assert sent.document == {
        "id": entry.id,
        "type": "file.uploaded",
        "at": entry.at.isoformat(),
        "actor": "user@example.com",
        "actor_kind": "user",
        "repository": "main",
        "project": "demo",
        "version": "1.0",
        "filename": file.filename,
        "serial": entry.serial,
        "detail": {"sha256": file.digests.sha256},
    }
    assert sent.type == "file.uploaded"
    assert sent.is_signed_by(SECRET)
    assert sent.asked.headers["content-type"] == "application/json"
    (made,) = hooks(both).deliveries("ci")
    assert (made.id, made.state, made.status, made.answer) == (
        sent.delivery,
        "delivered",
        200,
        "taken",
    )


def test_e3_the_signature_is_an_hmac_of_time_and_body(both: Registry, receiver: Receiver) -> None:
    """As any receiver computes it, from the documentation."""
    import hashlib
    import hmac

    hook(both, receiver)
    upload(both, wheel("demo"))
    tell(both)
    (sent,) = receiver.sent
    time, digest = (part.partition("=")[2] for part in sent.signature.split(","))
    signed = f"{time}.".encode() + sent.asked.body
    assert digest == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(int(time) - datetime.now(UTC).timestamp()) < 60


def test_e3_webhooks_are_of_a_repository_or_of_all(both: Registry, receiver: Receiver) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    hook(both, receiver, "one", "main")
    hook(both, receiver, "all")
    upload(both, wheel("demo"), "other")
    tell(both)
    assert [len(hooks(both).deliveries(name)) for name in ("one", "all")] == [0, 1]
    upload(both, wheel("demo"), "main")
    tell(both)
    assert [len(hooks(both).deliveries(name)) for name in ("one", "all")] == [1, 2]


def test_e3_only_the_events_that_are_asked_for(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver, events=("release.yanked", "release.unyanked"))
    upload(both, wheel("demo", "1.0"))
    both.acting_as(OPERATOR).projects.yank_release("main", "demo", "1.0", "broken")
    tell(both)
    assert receiver.types == ["release.yanked"]


def test_a_new_webhook_is_told_of_nothing_that_was_before(
    both: Registry, receiver: Receiver
) -> None:
    upload(both, wheel("demo", "1.0"))
    hook(both, receiver)
    upload(both, wheel("demo", "2.0"))
    tell(both)
    assert [sent.document["version"] for sent in receiver.sent] == ["2.0"]


def test_e3_two_secrets_sign_during_a_rotation(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver)
    changed = hooks(both).change("ci", secret=NEWER)
    assert changed.former_secret_until is not None
    left = changed.former_secret_until - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)
    hooks(both).test("ci")
    assert receiver.sent[-1].is_signed_by(NEWER, SECRET)
    hooks(both).change("ci", secret=NEWER)  # the same is no rotation
    hooks(both).test("ci")
    assert receiver.sent[-1].is_signed_by(NEWER, SECRET)
    with both._database.begin() as connection:
        connection.execute(update(webhooks).values(former_secret_until=datetime.now(UTC)))
    hooks(both).test("ci")
    assert receiver.sent[-1].is_signed_by(NEWER)


def test_e3_a_secret_can_end_at_once(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver)
    hooks(both).change("ci", secret=NEWER, former_secret_for=timedelta())
    hooks(both).test("ci")
    assert receiver.sent[-1].is_signed_by(NEWER)


def test_e3_a_failed_delivery_is_tried_again_with_the_same_id(
    both: Registry, receiver: Receiver
) -> None:
    hook(both, receiver)
    receiver.answer = lambda _sent: reply(b"broken", status="500 Oops")
    upload(both, wheel("demo"))
    assert tell(both) == "1 delivery failed."
    (failed,) = hooks(both).deliveries("ci")
    assert (failed.state, failed.attempts, failed.status, failed.answer) == (
        "failing",
        1,
        500,
        "broken",
    )
    pause = (failed.due_at - datetime.now(UTC)).total_seconds()
    assert 20 < pause <= 33
    assert not both._telling.is_urgent()
    receiver.answer = lambda _sent: reply()
    make_due(both)
    assert both._telling.is_urgent()
    tell(both)
    first, second = receiver.sent
    assert (first.delivery, first.asked.body) == (second.delivery, second.asked.body)
    (made,) = hooks(both).deliveries("ci")
    assert (made.state, made.attempts, made.failure) == ("delivered", 2, None)
    assert hooks(both).get("ci").failing_since is None


def test_e3_events_of_a_project_are_in_order_and_wait_for_each_other(
    both: Registry, receiver: Receiver
) -> None:
    """What one project waits for, others do not."""
    hook(both, receiver)
    refused = {"1.0"}
    receiver.answer = lambda sent: (
        reply(status="400 No") if sent.document["version"] in refused else reply()
    )
    for version in ("1.0", "1.1", "1.2"):
        upload(both, wheel("demo", version))
    upload(both, wheel("other", "2.0"))
    tell(both)
    assert [sent.document["version"] for sent in receiver.sent] == ["1.0", "2.0"]
    refused.clear()
    make_due(both)
    tell(both)
    taken = [sent.document["version"] for sent in receiver.sent[2:]]
    assert taken == ["1.0", "1.1", "1.2"]


def test_e3_of_a_receiver_that_is_down_only_the_first_delivery_is_tried(
    both: Registry, receiver: Receiver
) -> None:
    """Else each project would wait its 10 seconds."""

    def cut(_sent: object) -> bytes:
        raise Cut

    hook(both, receiver)
    receiver.answer = cut
    for project in ("a", "b", "c"):
        upload(both, wheel(project))
    assert tell(both) == "1 delivery failed."
    assert not both._telling.is_urgent()
    upload(both, wheel("d"))
    assert tell(both) == ""  # it waits for the same moment
    assert len(receiver.sent) == 1
    webhook = hooks(both).get("ci")
    assert webhook.failing_since is not None
    assert "connection" in (webhook.failure or "")
    receiver.answer = lambda _sent: reply()
    (first, *_others) = reversed(hooks(both).deliveries("ci"))
    hooks(both).redeliver("ci", first.id)  # and with that, all are due
    tell(both)
    assert [sent.document["project"] for sent in receiver.sent[1:]] == ["a", "b", "c", "d"]


def test_e3_who_fails_for_a_day_is_switched_off_with_notice(
    both: Registry, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    telling = Telling(both._database, {}, lambda: now)
    hook(both, receiver)
    receiver.answer = lambda _sent: reply(status="503 Down")
    upload(both, wheel("demo", "1.0"))
    upload(both, wheel("demo", "2.0"))
    times = []
    with caplog.at_level(logging.ERROR):
        while hooks(both).get("ci").enabled:
            times.append(now)
            telling.run()
            now = max(now, hooks(both).deliveries("ci")[-1].due_at)
            if len(times) > 20:
                break
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 13
    assert timedelta(hours=24) <= times[-1] - times[0] <= timedelta(hours=26.5)
    assert timedelta(seconds=30) <= pauses[0] <= timedelta(seconds=33)
    assert all(earlier < later for earlier, later in pairwise(pauses[:11]))
    off = hooks(both).get("ci")
    assert not off.enabled
    assert off.failure == "The receiver answers with status 503."
    (entry, *_) = both.acting_as(OPERATOR).activity.entries(limit=1)
    assert (entry.action, entry.detail and entry.detail["webhook"]) == ("switch off webhook", "ci")
    assert "'ci' is switched off" in caplog.text
    second, first = hooks(both).deliveries("ci")
    assert (first.state, second.state) == ("given up", "waiting")
    assert telling.run() == ""


def test_what_happens_while_a_webhook_is_off_is_not_told(
    both: Registry, receiver: Receiver
) -> None:
    """What was waiting is."""
    hook(both, receiver)
    upload(both, wheel("demo", "1.0"))
    both._telling.decide()
    hooks(both).change("ci", enabled=False)
    upload(both, wheel("demo", "2.0"))
    assert tell(both) == ""
    assert not both._telling.is_urgent()
    hooks(both).change("ci", enabled=True)
    upload(both, wheel("demo", "3.0"))
    tell(both)
    assert [sent.document["version"] for sent in receiver.sent] == ["1.0", "3.0"]


def test_e3_what_one_receiver_refuses_for_a_day_does_not_end_the_others(
    both: Registry, receiver: Receiver
) -> None:
    """A delivery is given up, and the webhook stays on while others are taken."""
    now = datetime.now(UTC)
    telling = Telling(both._database, {}, lambda: now)
    hook(both, receiver)
    receiver.answer = lambda sent: (
        reply(status="400 No") if sent.document["version"] == "1.0" else reply()
    )
    upload(both, wheel("demo", "1.0"))
    upload(both, wheel("demo", "1.1"))
    for number in range(13):
        upload(both, wheel("other", f"2.{number}"))
        telling.run()
        now += timedelta(hours=10)
    assert hooks(both).get("ci").enabled
    states = {each.body: each.state for each in hooks(both).deliveries("ci")}
    assert sorted(states.values()) == ["delivered"] * 14 + ["given up"]


def test_e3_redelivery_and_test(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver)
    upload(both, wheel("demo"))
    tell(both)
    (made,) = hooks(both).deliveries("ci")
    again = hooks(both).redeliver("ci", made.id)
    assert (again.id, again.attempts, again.state) == (made.id, 2, "delivered")
    assert [sent.delivery for sent in receiver.sent] == [made.id, made.id]
    receiver.answer = lambda _sent: reply(b"no such hook", status="404 Not Found")
    tested = hooks(both).test("ci")
    assert (tested.event, tested.status, tested.answer) == ("webhook.test", 404, "no such hook")
    assert tested.state == "given up"
    assert receiver.sent[-1].document["type"] == "webhook.test"
    assert tell(both) == ""
    with pytest.raises(UnknownDelivery):
        hooks(both).redeliver("ci", 999)


def test_e3_old_deliveries_are_deleted(both: Registry, receiver: Receiver) -> None:
    hook(both, receiver)
    for project in ("a", "b"):
        upload(both, wheel(project))
        tell(both)
    newer, older = hooks(both).deliveries("ci")
    month_ago = datetime.now(UTC) - timedelta(days=31)
    with both._database.begin() as connection:
        connection.execute(
            update(deliveries).where(deliveries.c.id == older.id).values(ended_at=month_ago)
        )
    both.chores.run_due()
    assert [each.id for each in hooks(both).deliveries("ci")] == [newer.id]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"url": "ftp://ci.example/hook"}, "https://"),
        ({"url": "https://user:pw@ci.example/"}, "user name"),
        ({"url": "http://ci.example/", "allow_http": False}, "allow http"),
        ({"secret": "short"}, "16"),
        ({"secret": "with\na line break in it"}, "ASCII"),
        ({"secret": None}, "secret"),
        ({"events": ("file.upload",)}, "file.uploaded"),
        ({"form": "xml"}, "json, slack, teams"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    registry: Registry, given: dict[str, object], what: str
) -> None:
    settings = {"url": "https://ci.example/hook", "secret": SECRET, **given}
    with pytest.raises(InvalidSetting, match=what):
        hooks(registry).create("ci", **settings)  # type: ignore[arg-type]
    assert hooks(registry).all() == []


def test_names_are_taken_and_unknown(registry: Registry, receiver: Receiver) -> None:
    hook(registry, receiver)
    with pytest.raises(NameTaken):
        hook(registry, receiver)
    with pytest.raises(UnknownRepository):
        hook(registry, receiver, "other", "nowhere")
    for call in (hooks(registry).get, hooks(registry).delete, hooks(registry).test):
        with pytest.raises(UnknownWebhook):
            call("unheard-of")
    hooks(registry).delete("ci")
    assert hooks(registry).all() == []


@pytest.mark.parametrize("form", WEBHOOK_FORMS)
def test_no_secret_is_shown_anywhere(
    registry: Registry, receiver: Receiver, form: WebhookForm, caplog: pytest.LogCaptureFixture
) -> None:
    """S1: the path of a URL can be one, too."""
    with caplog.at_level(logging.DEBUG):
        webhook = hooks(registry).create(
            "chat", url="https://127.0.0.1:9/services/T0/B0/topsecret", form=form, secret=SECRET
        )
        hooks(registry).change("chat", secret=NEWER)
        tested = hooks(registry).test("chat")
    entries = registry.acting_as(OPERATOR).activity.entries(limit=3)
    everything = f"{webhook} {tested} {entries} {caplog.text}"
    assert webhook.destination == "https://127.0.0.1:9/"
    assert tested.failure is not None
    for secret in ("topsecret", SECRET, NEWER):
        assert secret not in everything


def test_no_secret_is_shown_that_an_answer_repeats(both: Registry, receiver: Receiver) -> None:
    """S1: pages of errors like to say what was asked for."""
    receiver.url += "/services/T0/topsecret?key=secret%20too"
    receiver.answer = lambda sent: reply(
        f"No POST {sent.asked.target} or secret too here.".encode(), status="404 Not Found"
    )
    hook(both, receiver, form="slack")
    tested = hooks(both).test("ci")
    assert tested.answer is not None
    assert tested.answer.startswith("No POST /hook/")
    assert "secret" not in tested.answer


def test_administrators_manage_webhooks_but_not_private_networks(
    registry: Registry, receiver: Receiver
) -> None:
    """E5"""
    admin = hooks(registry, ADMINISTRATOR)
    admin.create("ci", "main", url="https://ci.example/hook", secret=SECRET)
    admin.change("ci", allow_http=True)
    with pytest.raises(PermissionDenied):
        admin.change("ci", allow_private_network=True)
    with pytest.raises(PermissionDenied):
        admin.create(
            "b", url=receiver.url, secret=SECRET, allow_http=True, allow_private_network=True
        )
    hook(registry, receiver, "inside")
    with pytest.raises(PermissionDenied):
        admin.change("inside", url="https://other.example/")
    admin.change("inside", events=("file.uploaded",), url=receiver.url)
    admin.delete("inside")


@pytest.mark.parametrize(
    "actor",
    [
        Actor("user@example.com"),
        Actor("admin@example.com", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.USERS})),
    ],
)
def test_nobody_else_manages_webhooks(registry: Registry, receiver: Receiver, actor: Actor) -> None:
    hook(registry, receiver)
    for call in (hooks(registry, actor).get, hooks(registry, actor).test):
        with pytest.raises(PermissionDenied):
            call("ci")
    with pytest.raises(PermissionDenied):
        hooks(registry, actor).all()
    with pytest.raises(PermissionDenied):
        hooks(registry, actor).create("other", "main", url="https://x.example/", secret=SECRET)
