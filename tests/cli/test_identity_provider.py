"""pypi-repo identity-provider ..., and users without passwords (O1, O3, O6)."""

from collections.abc import Iterator
from typing import Any

import pytest

from pypi_repo import OPERATOR
from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, SUBJECT, ScriptedProvider

LOCAL = ("--allow-http", "--allow-private-network")
DEFAULTS: dict[str, Any] = {
    "name": "sso",
    "title": "sso",
    "client_id": CLIENT_ID,
    "has_client_secret": False,
    "for": "users",
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
    "refused_at": None,
    "refusal": None,
    "identities": [],
}


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


def create(cli: CommandLine, issuer: str, *more: str, stdin: str = "", kind: str = "users") -> str:
    arguments = ("--issuer", issuer, "--client-id", CLIENT_ID, "--for", kind)
    return cli.ok("identity-provider", "create", "sso", *arguments, *more, stdin=stdin)


def test_o1_a_provider_has_careful_defaults(cli: CommandLine) -> None:
    printed = create(cli, "https://sso.invalid/realms/acme")
    assert "https://HOST/account/sign-in/sso/callback" in printed
    shown = cli.json("identity-provider", "show", "sso")
    assert {key: shown[key] for key in DEFAULTS} == DEFAULTS
    assert shown["issuer"] == "https://sso.invalid/realms/acme"
    (listed,) = cli.json("identity-provider", "list")
    assert (listed["name"], listed["enabled"]) == ("sso", True)


def test_o1_a_provider_with_everything(cli: CommandLine, provider: ScriptedProvider) -> None:
    cli.ok("group", "create", "developers")
    more = (
        *("--client-secret-stdin", "--title", "Acme", "--scope", "openid", "--scope", "groups"),
        *("--name-claim", "preferred_username", "--groups-claim", "groups", "--create"),
        *("--map", "cn=dev,ou=x=developers", "--require", "hd=a=b", "--session-hours", "8"),
    )
    create(cli, provider.url, *LOCAL, *more, stdin=f"{CLIENT_SECRET}\n")
    assert (
        cli.json("identity-provider", "show", "sso").items()
        >= {
            "has_client_secret": True,
            "title": "Acme",
            "scopes": ["openid", "groups"],
            "mapping": {"cn=dev,ou=x": "developers"},
            "conditions": {"hd": "a=b"},
            "creates": True,
            "session_hours": 8,
        }.items()
    )
    assert CLIENT_SECRET not in cli.ok("identity-provider", "show", "sso")
    with cli.registry() as registry:
        assert registry.acting_as(OPERATOR).identity_providers.get("sso").client_secret == (
            CLIENT_SECRET
        )
        entries = registry.acting_as(OPERATOR).activity.entries()
        assert CLIENT_SECRET not in repr(entries)
    assert cli.json("identity-provider", "check", "sso") == {
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
        "jwks_uri": f"{provider.url}/jwks",
        "keys": 1,
    }


def test_a_provider_that_does_not_answer_is_told_so(cli: CommandLine) -> None:
    arguments = ("--issuer", "http://127.0.0.1:9", "--client-id", "x", "--for", "users", *LOCAL)
    result = cli.run("identity-provider", "create", "sso", *arguments)
    assert result.exit_code == 0
    assert "identity-provider check sso` asks it again" in result.stderr
    assert "The identity provider cannot be reached" in cli.refused(
        "identity-provider", "check", "sso"
    )


def test_settings_are_changed(cli: CommandLine) -> None:
    create(cli, "https://sso.invalid", "--require", "hd=example.com")
    cli.ok("identity-provider", "set", "sso", "--disable", "--no-conditions", "--title", "Other")
    assert (
        cli.json("identity-provider", "show", "sso").items()
        >= {
            "enabled": False,
            "conditions": {},
            "title": "Other",
        }.items()
    )
    assert "Say what to change" in cli.misused("identity-provider", "set", "sso")
    cli.ok("identity-provider", "delete", "sso", "--yes")
    assert "identity-provider list" in cli.refused("identity-provider", "show", "sso")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--map", "dev=developers"), "claim of groups"),
        (("--groups-claim", "groups", "--map", "dev=nobody"), "groups that do not exist: nobody"),
        (("--session-hours", "0"), "session hours"),
        (("--scope", "email"), "openid"),
    ],
)
def test_settings_that_make_no_sense(
    more: tuple[str, ...], sentence: str, cli: CommandLine
) -> None:
    arguments = ("--issuer", "https://sso.invalid", "--client-id", "x", "--for", "users")
    assert sentence in cli.refused("identity-provider", "create", "sso", *arguments, *more)


@pytest.mark.parametrize("issuer", ["http://sso.invalid", "sso.invalid", "https://a?b", "ftp://a"])
def test_urls_that_are_no_issuers(issuer: str, cli: CommandLine) -> None:
    arguments = ("--issuer", issuer, "--client-id", "x", "--for", "users")
    assert "issuer" in cli.refused("identity-provider", "create", "sso", *arguments)


def test_o3_people_are_linked_on_purpose(cli: CommandLine) -> None:
    create(cli, "https://sso.invalid")
    cli.ok("user", "create", "dev@example.com", "--tokens-only")
    subject = ("--subject", SUBJECT)
    link = ("identity-provider", "link", "sso", *subject)
    assert "--user NAME" in cli.misused(*link, "--administrator", "dev@example.com")
    assert "no repository user" in cli.refused(*link, "--user", "nobody")
    cli.ok(*link, "--user", "Dev@example.com")
    (identity,) = cli.json("identity-provider", "show", "sso")["identities"]
    assert identity.items() >= {"account": "dev@example.com", "subject": SUBJECT}.items()
    assert f"dev@example.com (subject {SUBJECT}), last sign-in never" in cli.ok(
        "identity-provider", "show", "sso"
    )
    assert "linked at 'sso' already" in cli.refused(*link, "--user", "dev@example.com")
    issuer = ("--issuer", "https://other.invalid")
    assert "People are linked" in cli.refused("identity-provider", "set", "sso", *issuer)
    cli.ok("identity-provider", "unlink", "sso", *subject)
    assert "Nobody is linked" in cli.refused("identity-provider", "unlink", "sso", *subject)
    cli.ok("identity-provider", "set", "sso", *issuer)


def test_o6_passwords_can_be_switched_off(cli: CommandLine, index: Index) -> None:
    cli.ok("user", "create", "dev@example.com", "--password-stdin", stdin=PASSWORD)
    token = cli.ok("token", "create", "dev@example.com").splitlines()[-1]
    assert index.status("dev@example.com", PASSWORD) == 200
    cli.ok("user", "set", "dev@example.com", "--tokens-only")
    assert index.status("dev@example.com", PASSWORD) == 401
    assert index.status("__token__", token) == 200
    (shown,) = [each for each in cli.json("user", "list") if each["name"] == "dev@example.com"]
    assert shown["tokens_only"] is True
    cli.ok("user", "set", "dev@example.com", "--passwords")
    assert index.status("dev@example.com", PASSWORD) == 200
    usage = cli.misused("user", "create", "x", "--tokens-only", "--generate-password")
    assert "Say one of --tokens-only" in usage
