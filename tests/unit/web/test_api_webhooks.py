"""Webhooks in the management API (E3, E5)."""

from collections.abc import Iterator

import pytest

from pypi_repo import OPERATOR, Area, Registry
from tests.conftest import ADMINISTRATOR
from tests.support.api import ApiClient
from tests.support.distributions import wheel
from tests.support.receiver import SECRET, Receiver, hook, receiving
from tests.support.scripted_server import reply
from tests.support.uploads import upload

URL = "https://ci.example/hook?key=topsecret"
NEWER = "another-horse-battery"
SHOWN = {
    "name": "ci",
    "destination": "https://ci.example/",
    "repository": "main",
    "form": "json",
    "events": ["file.uploaded"],
    "enabled": True,
    "allow_http": False,
    "allow_private_network": False,
    "former_secret_until": None,
    "failing_since": None,
    "failure": None,
    "created_by": ADMINISTRATOR,
}


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    return ApiClient(registry, ADMINISTRATOR)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def test_webhooks(registry: Registry, api: ApiClient) -> None:
    wanted = {"url": URL, "secret": SECRET, "events": ["file.uploaded"], "repository": "main"}
    made = api.put("webhooks/ci", wanted)
    assert made.status_code == 201
    document = made.get_json()
    assert document.pop("created_at") is not None
    assert document == SHOWN
    before = len(registry.acting_as(OPERATOR).activity.entries())
    again = api.put("webhooks/ci", wanted)
    kept = api.put("webhooks/ci", {name: wanted[name] for name in wanted if name != "secret"})
    assert [again.status_code, kept.status_code] == [200, 200]
    assert len(registry.acting_as(OPERATOR).activity.entries()) == before
    assert registry.acting_as(OPERATOR).webhooks.get("ci").secret == SECRET
    assert [each["name"] for each in api.get("webhooks").get_json()["items"]] == ["ci"]
    assert "topsecret" not in api.get("webhooks/ci").text
    assert api.delete("webhooks/ci").status_code == 204
    assert api.get("webhooks/ci").get_json()["error"] == "unknown-webhook"


def test_e3_rotation(api: ApiClient) -> None:
    api.put("webhooks/ci", {"url": URL, "secret": SECRET})
    changed = api.call("PATCH", "webhooks/ci", json={"secret": NEWER})
    assert changed.status_code == 200
    assert changed.get_json()["former_secret_until"] is not None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"repository": None}, 400, "invalid-setting"),
        ({"events": ["file.upload"]}, 400, "invalid-setting"),
        ({"url": "ftp://x.example/"}, 400, "invalid-setting"),
        ({"secret": "short"}, 422, "unprocessable-entity"),
        ({"allow_private_network": True}, 403, "permission-denied"),
    ],
)
def test_what_is_refused(api: ApiClient, change: dict[str, object], status: int, code: str) -> None:
    wanted = {"url": URL, "secret": SECRET, "repository": "main"}
    assert api.put("webhooks/ci", wanted).status_code == 201
    refused = api.put("webhooks/ci", {**wanted, **change})
    assert (refused.status_code, refused.get_json()["error"]) == (status, code)


def test_e3_deliveries_test_and_redelivery(
    registry: Registry, api: ApiClient, receiver: Receiver
) -> None:
    hook(registry, receiver)
    receiver.answer = lambda _sent: reply(b"broken", status="500 Oops")
    tested = api.call("POST", "webhooks/ci/test")
    assert tested.status_code == 200
    made = tested.get_json()
    assert (made["event"], made["event_id"], made["state"]) == ("webhook.test", None, "given up")
    assert (made["status"], made["answer"], made["attempts"]) == (500, "broken", 1)
    receiver.answer = lambda _sent: reply()
    again = api.call("POST", f"webhooks/ci/deliveries/{made['id']}/redeliver").get_json()
    assert (again["id"], again["state"], again["attempts"]) == (made["id"], "delivered", 2)
    assert api.get(f"webhooks/ci/deliveries/{made['id']}").get_json() == again
    upload(registry, wheel("demo"))
    registry._telling.decide()
    (about_file, _test) = api.get("webhooks/ci/deliveries").get_json()["items"]
    its = [about_file[name] for name in ("subject", "version", "filename")]
    assert its == ["main/demo", "1.0", "demo-1.0-py3-none-any.whl"]
    api.call("POST", f"webhooks/ci/deliveries/{about_file['id']}/redeliver")
    newest = api.call("POST", "webhooks/ci/test").get_json()
    first = api.get("webhooks/ci/deliveries?limit=1").get_json()
    assert [each["id"] for each in first["items"]] == [newest["id"]]
    rest = api.get(f"webhooks/ci/deliveries?cursor={first['next']}").get_json()
    assert [each["id"] for each in rest["items"]] == [about_file["id"], made["id"]]
    missing = api.call("POST", "webhooks/ci/deliveries/999/redeliver")
    assert (missing.status_code, missing.get_json()["error"]) == (404, "unknown-delivery")


def test_only_who_manages_repositories(registry: Registry, receiver: Receiver) -> None:
    hook(registry, receiver)
    users = ApiClient(registry, ADMINISTRATOR, frozenset({Area.USERS}))
    for path in ("webhooks", "webhooks/ci", "webhooks/ci/deliveries"):
        assert users.get(path).status_code == 403
    assert users.call("POST", "webhooks/ci/test").status_code == 403
    assert receiver.sent == []
