"""The portal's pages about webhooks, without a browser (E3, E5)."""

from collections.abc import Iterator
from typing import Any

import pytest

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.services.events.webhooks import Webhooks
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.distributions import wheel
from tests.support.portal import PortalClient, refused_fields, text_of
from tests.support.receiver import SECRET, Receiver, hook, receiving, tell
from tests.support.scripted_server import reply
from tests.support.uploads import upload

URL = "https://ci.example/hook?key=topsecret"
NEWER = "another-horse-battery"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    portal = PortalClient(registry)
    portal.sign_in(ADMINISTRATOR, PASSWORD)
    return portal


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def hooks(registry: Registry) -> Webhooks:
    return registry.acting_as(OPERATOR).webhooks


def form(**given: Any) -> dict[str, Any]:
    """The fields that a page sends if nothing else is filled in."""
    return {"url": URL, "form": "json", "secret": SECRET, **given}


def test_an_empty_list_says_what_a_webhook_is_good_for(portal: PortalClient) -> None:
    page = text_of(portal.get("webhooks"))
    assert "No webhook yet" in page
    assert "write into a chat" in page


def test_e5_a_private_network_is_named_at_once(
    registry: Registry, portal: PortalClient, receiver: Receiver
) -> None:
    sent = form(name="ci", url=receiver.url, allow_http="yes")
    page = text_of(portal.send("new-webhook", **sent))
    assert "Created the webhook ci. Nothing can be delivered yet. The receiver, or a link" in page
    changed = text_of(
        portal.send("webhooks/ci", **form(url="", secret="", allow_http="yes", enabled="yes"))
    )
    assert "Saved the webhook ci. Nothing can be delivered yet. The receiver" in changed
    assert receiver.sent == []


def test_creating_one(registry: Registry, portal: PortalClient) -> None:
    assert "everything in this registry" in text_of(portal.get("new-webhook"))
    events = ["file.uploaded", "file.deleted"]
    sent = form(name="ci", repository="main", event=events)
    page = text_of(portal.send("new-webhook", **sent))
    assert "Created the webhook ci." in page
    made = hooks(registry).get("ci")
    assert (made.url, made.secret, made.repository) == (URL, SECRET, "main")
    assert made.events == ("file.uploaded", "file.deleted")
    assert (made.enabled, made.allow_http, made.created_by) == (True, False, ADMINISTRATOR)
    listed = text_of(portal.get("webhooks"))
    assert "ci https://ci.example/ on main file.uploaded, file.deleted" in listed


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "No Name"}, "name"),
        ({"name": "taken"}, "name"),
        ({"url": "http://ci.example/"}, "url"),
        ({"url": ""}, "url"),
        ({"secret": ""}, "secret"),
        ({"secret": "short"}, "secret"),
        ({"form": "xml"}, "form"),
        ({"event": "file.upload"}, "events"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    registry: Registry, portal: PortalClient, given: dict[str, str], field: str
) -> None:
    hooks(registry).create("taken", url=URL, secret=SECRET)
    answer = portal.post("new-webhook", **{**form(name="ci"), **given})
    assert [*refused_fields(answer)] == [field]
    assert [found.name for found in hooks(registry).all()] == ["taken"]


def test_e3_changing_one_keeps_what_is_not_typed_in(
    registry: Registry, portal: PortalClient
) -> None:
    hooks(registry).create("ci", url=URL, secret=SECRET)
    page = portal.get("webhooks/ci")
    assert "topsecret" not in page.text
    assert SECRET not in page.text
    changed = form(url="", secret="", enabled="", event="file.deleted")
    assert "Saved the webhook ci." in text_of(portal.send("webhooks/ci", **changed))
    found = hooks(registry).get("ci")
    assert (found.url, found.secret, found.former_secret) == (URL, SECRET, None)
    assert (found.enabled, found.events) == (False, ("file.deleted",))
    assert "switched off" in text_of(portal.get("webhooks"))
    rotated = portal.send("webhooks/ci", **form(url="", secret=NEWER, enabled="yes"))
    assert "The secret before signs as well for a day." in text_of(rotated)
    found = hooks(registry).get("ci")
    assert (found.secret, found.former_secret, found.enabled) == (NEWER, SECRET, True)


def test_e3_a_test_and_what_is_answered(
    registry: Registry, portal: PortalClient, receiver: Receiver
) -> None:
    hook(registry, receiver)
    receiver.answer = lambda _sent: reply(HOSTILE.encode())
    answer = portal.send("webhooks/ci/test")
    assert "the receiver answers with status 200" in text_of(answer)
    assert HOSTILE not in answer.text
    assert "webhook.test" in text_of(answer)
    receiver.answer = lambda _sent: reply(status="500 Oops")
    failed = text_of(portal.post("webhooks/ci/test"))
    assert "The receiver answers with status 500." in failed
    assert "failing" in text_of(portal.get("webhooks"))


def test_e3_deliveries_and_redelivery(
    registry: Registry, portal: PortalClient, receiver: Receiver
) -> None:
    hook(registry, receiver)
    for number in range(26):
        upload(registry, wheel("demo", f"1.{number}"))
    assert "26 deliveries to be made" not in text_of(portal.get("webhooks/ci"))
    registry._telling.decide()
    assert "26 deliveries to be made" in text_of(portal.get("webhooks/ci"))
    tell(registry)
    newest = hooks(registry).deliveries("ci")[0]
    first = portal.get("webhooks/ci")
    assert "file.uploaded main/demo demo-1.25-py3-none-any.whl" in text_of(first)
    assert first.text.count("Redeliver 1,") == 0
    assert "Earlier" in text_of(first)
    assert portal.get("webhooks/ci?before=2").text.count("Redeliver 1,") == 1
    assert portal.get("webhooks/ci?before=x").status_code == 400
    again = portal.send(f"webhooks/ci/deliveries/{newest.id}/redeliver")
    assert "2 attempts" in text_of(again)
    assert receiver.sent[-1].delivery == newest.id


def test_deleting_one(registry: Registry, portal: PortalClient) -> None:
    hooks(registry).create("ci", url=URL, secret=SECRET)
    assert "also those that are still to be made" in text_of(portal.get("webhooks/ci"))
    assert "Deleted the webhook ci." in text_of(portal.send("webhooks/ci/delete"))
    assert hooks(registry).all() == []
    assert portal.get("webhooks/ci").status_code == 404


def test_only_who_manages_repositories_sees_them(registry: Registry) -> None:
    hooks(registry).create("ci", url=URL, secret=SECRET)
    registry.acting_as(OPERATOR).administrators.create(
        "u@example.com", PASSWORD, areas=[Area.USERS]
    )
    portal = PortalClient(registry)
    portal.sign_in("u@example.com", PASSWORD)
    assert "Webhooks" not in text_of(portal.get(""))
    for path in ("webhooks", "webhooks/ci", "new-webhook"):
        assert portal.get(path).status_code == 403
