"""Identity providers in the portal (O1, O3)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from pypi_repo import EVERY_AREA, OPERATOR, Actor, ActorKind, Area, Registry
from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.domain.identity.provider import AccountKind
from pypi_repo.web.portal.app import PortalApp
from tests.conftest import ADMINISTRATOR, PASSWORD, USER
from tests.support.identity_provider import CLIENT_SECRET, SUBJECT, ScriptedProvider
from tests.support.portal import PortalClient, refusal_of, text_of

ISSUER = "https://sso.example.com"


@pytest.fixture
def portal(registry: Registry) -> PortalClient:
    client = PortalClient(registry)
    client.sign_in(ADMINISTRATOR, PASSWORD)
    return client


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


def form(**changed: Any) -> dict[str, Any]:
    given = {
        "name": "sso",
        "title": "Acme",
        "accounts": "users",
        "issuer": ISSUER,
        "client_id": "pypi-repo",
        "client_secret": CLIENT_SECRET,
        "scopes": "openid email groups",
        "name_claim": "email",
        "groups_claim": "groups",
        "mapping": "cn=dev,ou=x = developers\r\n\r\nops=developers\n",
        "conditions": "hd = example.com",
        "session_hours": "8",
        "enabled": "yes",
        "creates": "yes",
    }
    return {name: value for name, value in {**given, **changed}.items() if value is not None}


def test_o1_a_provider_from_creation_to_deletion(portal: PortalClient, registry: Registry) -> None:
    registry.acting_as(OPERATOR).groups.create("developers")
    assert "No identity provider yet" in text_of(portal.get("identity-providers"))
    page = portal.send("new-identity-provider", **form())
    assert "http://localhost/account/sign-in/sso/callback" in page.text
    assert CLIENT_SECRET not in page.text
    management = registry.acting_as(OPERATOR).identity_providers
    found = management.get("sso")
    assert found.client_secret == CLIENT_SECRET
    assert found.mapping == {"cn=dev,ou=x": ("developers",), "ops": ("developers",)}
    assert (found.conditions, found.creates) == ({"hd": "example.com"}, True)
    assert "cn=dev,ou=x = developers" in page.text
    changed = form(title="Other", client_secret="", enabled=None, mapping="", conditions="")
    page = portal.send("identity-providers/sso", **changed)
    found = management.get("sso")
    assert (found.title, found.client_secret, found.enabled) == ("Other", CLIENT_SECRET, False)
    assert (found.mapping, found.conditions) == ({}, {})
    assert "Saved" in text_of(page)
    page = portal.send("identity-providers/sso/delete")
    assert "Deleted the identity provider sso" in text_of(page)
    assert management.all() == []


@pytest.mark.parametrize(
    ("account_url", "accounts", "expected"),
    [
        ("../account/", "users", "http://localhost/tools/account/sign-in/sso/callback"),
        ("../../me/", "users", "http://localhost/me/sign-in/sso/callback"),
        (None, "users", None),
        (None, "administrators", "http://localhost/tools/portal/sign-in/sso/callback"),
    ],
)
def test_the_callback_url_is_where_the_account_app_is(
    registry: Registry, account_url: str | None, accounts: AccountKind, expected: str | None
) -> None:
    """A host may mount it anywhere, or not at all."""
    registry.acting_as(OPERATOR).identity_providers.create(
        "sso", title="Acme", issuer=ISSUER, client_id="pypi-repo", accounts=accounts
    )
    actor = Actor("root", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)
    portal = PortalApp(registry, account_url=account_url, authenticate=lambda _environ: actor)
    client, base = Client(portal), "http://localhost/tools/portal/"
    page = client.get("/identity-providers/sso", base_url=base).text
    assert re.findall(r"http[^ <]*/callback", page) == ([] if expected is None else [expected])
    offered = client.get("/new-identity-provider", base_url=base).text
    assert ('value="users"' in offered) is (account_url is not None)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": "a/b"}, "identity provider name"),
        ({"issuer": "http://sso.example.com"}, "not encrypted"),
        ({"accounts": "everybody"}, "accounts are one of"),
        ({"mapping": "developers"}, "both sides"),
        ({"mapping": "dev = nobody"}, "do not exist"),
        ({"accounts": "administrators", "mapping": "dev = everything"}, "areas"),
        ({"conditions": "= x"}, "both sides"),
        ({"session_hours": "many"}, "number of hours"),
        ({"scopes": "email"}, "openid"),
        ({"client_id": ""}, "client_id"),
    ],
)
def test_a_form_that_is_refused(
    changed: dict[str, Any], sentence: str, portal: PortalClient, registry: Registry
) -> None:
    response = portal.post("new-identity-provider", **form(**{"mapping": "", **changed}))
    assert response.status_code == 400
    assert sentence in refusal_of(response)
    assert CLIENT_SECRET not in response.text
    assert registry.acting_as(OPERATOR).identity_providers.all() == []


def test_o3_people_are_linked_and_the_last_refusal_says_whom(
    portal: PortalClient, registry: Registry, provider: ScriptedProvider
) -> None:
    provider.create_on(registry, title="<i>Acme</i>")
    begun = registry.sign_in.begin("users", "sso", "http://localhost/x")
    provider.person["email"] = "<script>alert(1)</script>"
    answer = provider.answer_to(begun.url)
    with pytest.raises(PermissionDenied):
        registry.sign_in.finish(
            "users", "sso", "http://localhost/x", begun.secret, answer, address="192.0.2.7"
        )
    page = portal.get("identity-providers/sso")
    assert f"the subject '{SUBJECT}' can be linked" in text_of(page)
    assert "<script>alert" not in page.text
    linked = portal.send("identity-providers/sso/link", account=USER, subject=SUBJECT)
    assert f"{USER} can sign in" in text_of(linked)
    refused = portal.post("identity-providers/sso/link", account="nobody", subject="x")
    assert refused.status_code == 404
    unlinked = portal.send("identity-providers/sso/unlink", subject=SUBJECT)
    assert "is not linked" in text_of(unlinked)


def test_o6_the_password_of_a_user_is_switched_off(
    portal: PortalClient, registry: Registry
) -> None:
    page = portal.send(f"users/{USER}", do="tokens-only")
    assert f"The password of {USER} is refused now." in text_of(page)
    assert registry.acting_as(OPERATOR).accounts.user(USER).tokens_only
    page = portal.send(f"users/{USER}", do="passwords")
    assert "is accepted again" in text_of(page)
    assert not registry.acting_as(OPERATOR).accounts.user(USER).tokens_only


def test_o1_a_provider_is_asked(
    portal: PortalClient, registry: Registry, provider: ScriptedProvider
) -> None:
    provider.create_on(registry)
    page = portal.send("identity-providers/sso/check")
    assert "It answers as it should, and has 1 key" in text_of(page)
    provider.changed_discovery = {"issuer": "https://evil.example"}
    page = portal.post("identity-providers/sso/check")
    assert page.status_code == 502
    assert "calls itself by another URL" in refusal_of(page)


def test_who_may_not_manage_administrators_sees_none(registry: Registry) -> None:
    administrators = registry.acting_as(OPERATOR).administrators
    administrators.create("small@example.com", PASSWORD, areas=[Area.USERS])
    portal = PortalClient(registry)
    portal.sign_in("small@example.com", PASSWORD)
    for path in ("identity-providers", "new-identity-provider", "identity-providers/sso"):
        assert portal.get(path).status_code == 403
    assert "Identity providers" not in text_of(portal.get(""))


def test_only_the_operator_lets_a_provider_into_a_private_network(
    portal: PortalClient, registry: Registry, provider: ScriptedProvider
) -> None:
    provider.create_on(registry)
    response = portal.post(
        "identity-providers/sso", **form(issuer="http://127.0.0.1:1", allow_http="yes", mapping="")
    )
    assert response.status_code == 403
    assert registry.acting_as(OPERATOR).identity_providers.get("sso").issuer == provider.url
