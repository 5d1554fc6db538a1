"""Publishers in the management API (T3, T8)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo import OPERATOR, Area, Registry
from pypi_repo.storage.identity.publishers import PublisherRows
from tests.conftest import ADMINISTRATOR, PASSWORD
from tests.support.api import ApiClient, create_publisher
from tests.support.identity_provider import ScriptedProvider

GIVEN = {"kind": "github", "claims": {"repository_owner_id": "4711"}, "repository": "main"}
SHOWN = {
    **GIVEN,
    "name": "tool",
    "issuer": "https://token.actions.githubusercontent.com",
    "projects": [],
    "may": "upload",
    "minutes": 15,
    "allow_http": False,
    "allow_private_network": False,
    "ca_file": None,
    "created_by": ADMINISTRATOR,
    "last_used_at": None,
    "refusal": None,
    "last_job": None,
}


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    return ApiClient(registry, ADMINISTRATOR)


@pytest.fixture
def issuer() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


def _refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.get_json()["error"]) == (status, code), response.text


def test_t3_a_publisher_from_creation_to_deletion(api: ApiClient) -> None:
    created = api.put("publishers/tool", GIVEN)
    assert created.status_code == 201
    assert created.headers["Location"].endswith("/api/v1/publishers/tool")
    document = created.get_json()
    assert {name: document[name] for name in SHOWN} == SHOWN
    given = {"projects": ["Acme_*"], "may": "read", "minutes": 30}
    changed = api.put("publishers/tool", GIVEN | given)
    assert changed.status_code == 200
    assert changed.get_json() == document | given | {"projects": ["acme-*"]}
    patch = {"kind": "gitlab", "claims": {"project_id": "1"}}
    patched = api.call("PATCH", "publishers/tool", json=patch)
    assert patched.get_json() == changed.get_json() | patch | {"issuer": "https://gitlab.com"}
    again = api.put("publishers/tool", GIVEN)
    assert again.get_json() == document, "what is left out has its default again"
    assert [each["name"] for each in api.get("publishers").get_json()["items"]] == ["tool"]
    assert api.delete("publishers/tool").status_code == 204
    for method in ("GET", "DELETE"):
        _refused(api.call(method, "publishers/tool"), 404, "unknown-publisher")
    _refused(api.call("PATCH", "publishers/tool", json={"may": "read"}), 404, "unknown-publisher")


def test_t3_a_claim_that_is_probably_mistyped_is_told(api: ApiClient) -> None:
    wrong = {"claims": {"repository_id": "1", "repositry": "acme/demo"}}
    warned = [
        api.put("publishers/tool", GIVEN | wrong),
        api.put("publishers/tool", GIVEN | wrong),
        api.call("PATCH", "publishers/tool", json=wrong),
    ]
    for answer in warned:
        (warning,) = answer.get_json()["warnings"]
        assert warning.endswith("did you mean repository?")
    assert api.put("publishers/tool", GIVEN).get_json()["warnings"] == []
    assert "warnings" not in api.get("publishers/tool").get_json()


def test_lists_have_pages(api: ApiClient) -> None:
    for name in ("a", "b", "c"):
        api.put(f"publishers/{name}", GIVEN)
    assert [each["name"] for each in api.all("publishers", 2)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"kind": "jenkins"}, 422, "unprocessable-entity"),
        ({"kind": "circleci", "claims": {"sub": "x"}}, 400, "invalid-setting"),
        ({"kind": "oidc", "issuer": None}, 400, "invalid-setting"),
        ({"issuer": ""}, 422, "unprocessable-entity"),
        ({"issuer": "http://ci.example.com"}, 400, "invalid-setting"),
        ({"claims": {}}, 400, "invalid-setting"),
        ({"claims": {"repository_owner_id": 4711}}, 422, "unprocessable-entity"),
        ({"claims": {"repository_owner": "acme"}}, 400, "invalid-setting"),
        ({"claims": GIVEN["claims"] | {"exp": "1"}}, 400, "invalid-setting"),  # type: ignore[operator]
        ({"repository": "nowhere"}, 404, "unknown-repository"),
        ({"projects": ["-"]}, 400, "invalid-setting"),
        ({"may": "delete"}, 422, "unprocessable-entity"),
        ({"minutes": 1}, 400, "invalid-setting"),
        ({"allow_private_network": True}, 403, "permission-denied"),
        ({"ca_file": "/etc/passwd"}, 403, "permission-denied"),
        ({"surplus": 1}, 422, "unprocessable-entity"),
    ],
)
def test_settings_that_are_refused(
    changed: dict[str, Any], status: int, code: str, api: ApiClient
) -> None:
    _refused(api.put("publishers/tool", GIVEN | changed), status, code)
    _refused(api.get("publishers/tool"), 404, "unknown-publisher")
    api.put("publishers/tool", GIVEN)
    before = api.get("publishers/tool").get_json()
    _refused(api.call("PATCH", "publishers/tool", json=changed), status, code)
    assert api.get("publishers/tool").get_json() == before


def test_an_issuer_is_asked(api: ApiClient, registry: Registry, issuer: ScriptedProvider) -> None:
    create_publisher(registry, live=issuer.url)
    checked = api.call("POST", "publishers/release/check")
    assert checked.get_json() == {
        "issuer": issuer.url,
        "jwks_uri": f"{issuer.url}/jwks",
        "keys": 1,
    }
    moved = api.call("PATCH", "publishers/release", json={"issuer": "http://10.0.0.1"})
    _refused(moved, 403, "permission-denied")
    issuer.close()
    registry.acting_as(OPERATOR).publishers.change("release", issuer="http://127.0.0.1:9")
    _refused(api.call("POST", "publishers/release/check"), 502, "identity-provider-failed")


def test_t8_what_the_last_job_said_is_shown(api: ApiClient, registry: Registry) -> None:
    api.put("publishers/tool", GIVEN | {"claims": {"repository_owner_id": "4711", "ref": "main"}})
    with registry._database.begin() as connection:
        stored = PublisherRows(connection)
        found = stored.publisher("tool")
        assert found is not None
        claims = {"repository_owner_id": "4711", "run_id": 7}
        stored.note_received(found, json.dumps(claims), datetime.now(UTC), "not ref")
    document = api.get("publishers/tool").get_json()
    assert document["refusal"] == "not ref"
    assert document["last_job"].pop("at")
    assert document["last_job"] == {
        "compared": [
            {
                "claim": "repository_owner_id",
                "wanted": "4711",
                "received": ["4711"],
                "is_met": True,
            },
            {"claim": "ref", "wanted": "main", "received": [], "is_met": False},
        ],
        "others": {"run_id": "7"},
    }


def test_who_does_not_manage_users_manages_no_publishers(registry: Registry) -> None:
    administrators = registry.acting_as(OPERATOR).administrators
    areas = [Area.REPOSITORIES, Area.SETTINGS]
    administrators.create("small@example.com", PASSWORD, areas=areas)
    small = ApiClient(registry, "small@example.com")
    _refused(small.put("publishers/tool", GIVEN), 403, "permission-denied")
    _refused(small.get("publishers"), 403, "permission-denied")
    reading = ApiClient(registry, ADMINISTRATOR, read_only=True)
    assert reading.get("publishers").status_code == 200
    _refused(reading.put("publishers/tool", GIVEN), 403, "permission-denied")
