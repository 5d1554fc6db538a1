"""Identity providers in the management API (O1, O3)."""

from collections.abc import Iterator
from typing import Any

import pytest

from pypi_repo import OPERATOR, Area, Registry
from tests.conftest import ADMINISTRATOR, USER
from tests.support.api import ApiClient
from tests.support.identity_provider import CLIENT_SECRET, SUBJECT, ScriptedProvider

GIVEN = {"issuer": "https://sso.example.com", "client_id": "app"}
SHOWN = {
    **GIVEN,
    "name": "sso",
    "title": "sso",
    "accounts": "users",
    "enabled": True,
    "scopes": ["openid", "profile", "email"],
    "name_claim": "email",
    "groups_claim": None,
    "mapping": {},
    "creates": False,
    "conditions": {},
    "session_hours": 12,
    "allow_http": False,
    "allow_private_network": False,
    "ca_file": None,
    "has_client_secret": False,
    "refused_at": None,
    "refusal": None,
}


@pytest.fixture
def api(registry: Registry) -> ApiClient:
    return ApiClient(registry, ADMINISTRATOR)


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


def _refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.get_json()["error"]) == (status, code), response.text


def test_o1_a_provider_from_creation_to_deletion(api: ApiClient, registry: Registry) -> None:
    registry.acting_as(OPERATOR).groups.create("developers")
    created = api.put("identity-providers/sso", GIVEN)
    assert created.status_code == 201
    document = created.get_json()
    assert {name: document[name] for name in SHOWN} == SHOWN
    given = GIVEN | {
        "client_secret": CLIENT_SECRET,
        "groups_claim": "groups",
        "mapping": {"dev": ["developers"]},
        "conditions": {"hd": "example.com"},
        "title": "Acme",
    }
    changed = api.put("identity-providers/sso", given)
    assert changed.status_code == 200
    assert CLIENT_SECRET not in changed.text
    assert changed.get_json()["has_client_secret"] is True
    changes = {"enabled": False, "session_hours": 3}
    patched = api.call("PATCH", "identity-providers/sso", json=changes)
    assert patched.get_json().items() >= changes.items()
    assert patched.get_json()["mapping"] == {"dev": ["developers"]}
    found = registry.acting_as(OPERATOR).identity_providers.get("sso")
    assert (found.client_secret, found.title) == (CLIENT_SECRET, "Acme")
    assert [each["name"] for each in api.get("identity-providers").get_json()["items"]] == ["sso"]
    assert api.delete("identity-providers/sso").status_code == 204
    _refused(api.get("identity-providers/sso"), 404, "unknown-identity-provider")


def test_o3_people_are_linked_on_purpose(api: ApiClient) -> None:
    api.put("identity-providers/sso", GIVEN)
    place = f"identity-providers/sso/accounts/{USER}"
    _refused(api.get(place), 404, "unknown-identity")
    linked = api.put(place, {"subject": SUBJECT})
    assert linked.status_code == 201
    assert api.get(place).get_json()["subject"] == SUBJECT
    _refused(api.put(place, {"subject": "other"}), 409, "conflict")
    listed = api.get("identity-providers/sso/accounts").get_json()["items"]
    assert [each["account"] for each in listed] == [USER]
    other = {"issuer": "https://other.example.com"}
    _refused(api.call("PATCH", "identity-providers/sso", json=other), 409, "conflict")
    assert api.delete(place).status_code == 204
    _refused(api.put("identity-providers/sso/accounts/x", {"subject": "x"}), 404, "unknown-account")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"issuer": "http://sso.example.com"}, 400, "invalid-setting"),
        ({"session_hours": 0}, 400, "invalid-setting"),
        ({"mapping": {"dev": []}, "groups_claim": "groups"}, 400, "invalid-setting"),
        ({"accounts": "everybody"}, 422, "unprocessable-entity"),
        ({"allow_private_network": True}, 403, "permission-denied"),
        ({"ca_file": "/etc/passwd"}, 403, "permission-denied"),
    ],
)
def test_settings_that_are_refused(
    changed: dict[str, Any], status: int, code: str, api: ApiClient
) -> None:
    _refused(api.put("identity-providers/sso", GIVEN | changed), status, code)
    assert api.get("identity-providers/sso").status_code == 404


def test_o6_a_user_without_a_password(api: ApiClient) -> None:
    created = api.put("users/new@example.com", {"tokens_only": True})
    assert created.status_code == 201
    assert created.get_json().items() >= {"tokens_only": True, "password": None}.items()
    changed = api.put("users/new@example.com", {"tokens_only": False})
    assert changed.get_json()["tokens_only"] is False


def test_o1_a_provider_is_asked(
    api: ApiClient, registry: Registry, provider: ScriptedProvider
) -> None:
    provider.create_on(registry)
    checked = api.call("POST", "identity-providers/sso/check")
    assert checked.get_json()["keys"] == 1


def test_nobody_gives_more_than_they_have(registry: Registry) -> None:
    """Who manages a provider can become whoever signs in with it."""
    administrators = registry.acting_as(OPERATOR).administrators
    administrators.create("small@example.com", "correct horse", areas=[Area.SETTINGS])
    small = ApiClient(registry, "small@example.com")
    _refused(small.put("identity-providers/sso", GIVEN), 403, "permission-denied")
    given = GIVEN | {"accounts": "administrators", "groups_claim": "groups"}
    for areas, status in (
        (["users"], 403),
        (["settings", "repositories"], 403),
        (["settings"], 201),
    ):
        response = small.put("identity-providers/sso", given | {"mapping": {"x": areas}})
        assert response.status_code == status, areas
    place = f"identity-providers/sso/accounts/{ADMINISTRATOR}"
    _refused(small.put(place, {"subject": "mine"}), 403, "permission-denied")
