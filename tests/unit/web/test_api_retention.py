"""Retention rules and pins in the management API."""

from typing import Any

import pytest

from pypi_repo import Area, Registry
from tests.conftest import ADMINISTRATOR
from tests.support.aging import grow_old
from tests.support.api import ApiClient
from tests.support.distributions import wheel
from tests.support.uploads import page, upload

RULES = "repositories/main/retention/rules"
RETENTION = "repositories/main/retention"
PIN = "repositories/main/projects/demo/releases/1.0/pin"
NOTHING = {
    "only": [],
    "keep_last": None,
    "keep_younger": None,
    "keep_downloaded": None,
    "keep_matching": None,
}


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    """With four old releases."""
    for version in ("1.0", "2.0", "3.0", "4.0"):
        upload(registry, wheel(version=version))
    grow_old(registry._database)
    return ApiClient(registry, ADMINISTRATOR)


def _refused(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.get_json()["error"] == code
    return str(response.get_json()["detail"])


def test_k1_rules(api: ApiClient) -> None:
    wanted = {
        "pattern": "acme-*",
        "only": ["pre", "dev"],
        "keep_last": 3,
        "keep_younger": "90d",
        "keep_downloaded": "30d",
        "keep_matching": ">=2.0",
    }
    made = api.post(RULES, wanted)
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/{RULES}/1"
    shown = made.get_json()
    assert {name: shown[name] for name in wanted} == wanted
    assert (shown["id"], shown["author"], shown["previewed_at"]) == (1, ADMINISTRATOR, None)
    assert api.get(f"{RULES}/1").get_json() == shown
    api.post(RULES, {"pattern": "*", "keep_last": 10})
    listed = api.get(f"{RULES}?limit=1").get_json()
    assert [rule["id"] for rule in listed["items"]] == [1]
    (second,) = api.get(f"{RULES}?cursor={listed['next']}").get_json()["items"]
    assert {name: second[name] for name in NOTHING} == {**NOTHING, "keep_last": 10}
    assert api.delete(f"{RULES}/1").status_code == 204
    _refused(api.get(f"{RULES}/1"), 404, "unknown-retention-rule")
    _refused(api.delete(f"{RULES}/1"), 404, "unknown-retention-rule")


@pytest.mark.parametrize(
    "document",
    [
        {"pattern": "*"},
        {"pattern": "a b", "keep_last": 1},
        {"pattern": "*", "keep_younger": "soon"},
        {"pattern": "*", "keep_downloaded": ""},
        {"pattern": "*", "keep_matching": "2.0"},
    ],
)
def test_k1_rules_that_say_nothing_or_nonsense(api: ApiClient, document: dict[str, Any]) -> None:
    _refused(api.post(RULES, document), 400, "invalid-setting")


def test_k3_look_then_preview_then_run(registry: Registry, api: ApiClient) -> None:
    rule = api.post(RULES, {"pattern": "*", "keep_last": 1}).get_json()["id"]
    first = api.get(f"{RETENTION}/expiring?limit=2").get_json()
    second = api.get(f"{RETENTION}/expiring?limit=2&cursor={first['next']}").get_json()
    items = first["items"] + second["items"]
    assert [(each["project"], each["version"]) for each in items] == [
        *(("demo", "1.0"), ("demo", "2.0"), ("demo", "3.0")),
    ]
    assert {each["rule_id"] for each in items} == {rule}
    assert {each["reason"] for each in items} == {"not among the last final release"}
    assert second["next"] is None
    size = sum(each["size"] for each in items)
    _refused(api.post(f"{RETENTION}/run", {}), 409, "not-previewed")
    seen = api.call("POST", f"{RETENTION}/preview")
    assert seen.get_json() == {
        "releases": 3,
        "files": 3,
        "size": size,
        "kept": 1,
        "is_previewed": True,
        "items": items,
    }
    assert api.get(f"{RULES}/{rule}").get_json()["previewed_at"] is not None
    done = api.post(f"{RETENTION}/run", {"limit": 2}).get_json()
    assert (done["releases"], done["files"], done["is_complete"]) == (2, 2, False)
    done = api.post(f"{RETENTION}/run", {}).get_json()
    assert (done["releases"], done["is_complete"]) == (1, True)
    assert page(registry).versions == ("4.0",)


@pytest.mark.parametrize("cursor", ["LTE", "eA", "OTk5OTk5OTk5OTk5", "wrong!"])
def test_cursors_from_elsewhere(api: ApiClient, cursor: str) -> None:
    _refused(api.get(f"{RETENTION}/expiring?cursor={cursor}"), 400, "invalid-setting")


def test_k2_pins(api: ApiClient) -> None:
    _refused(api.get(PIN), 404, "not-found")
    _refused(api.delete(PIN), 404, "not-found")
    assert api.put(PIN, {"reason": "in use"}).get_json() == {"reason": "in use"}
    assert api.put(PIN, {"reason": "in use"}).status_code == 200
    assert api.get(PIN.replace("1.0", "1")).get_json() == {"reason": "in use"}
    api.post(RULES, {"pattern": "*", "keep_last": 1})
    listed = api.get(f"{RETENTION}/expiring").get_json()["items"]
    assert [each["version"] for each in listed] == ["2.0", "3.0"]
    assert api.delete(PIN).status_code == 204
    _refused(api.get(PIN), 404, "not-found")
    _refused(api.put(PIN.replace("1.0", "9.0"), {}), 404, "unknown-release")


def test_only_administrators_of_repositories(registry: Registry) -> None:
    api = ApiClient(registry, ADMINISTRATOR, frozenset({Area.USERS}))
    for response in (
        api.get(RULES),
        api.post(RULES, {"pattern": "*", "keep_last": 1}),
        api.get(f"{RETENTION}/expiring"),
        api.call("POST", f"{RETENTION}/preview"),
        api.post(f"{RETENTION}/run", {}),
        api.put(PIN, {}),
    ):
        _refused(response, 403, "permission-denied")
