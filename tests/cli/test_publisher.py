"""pypi-repo publisher ... (T3, T8)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo import OPERATOR
from pypi_repo.storage.identity.publishers import PublisherRows
from tests.cli.conftest import CommandLine
from tests.support.identity_provider import ScriptedProvider

LOCAL = ("--allow-http", "--allow-private-network")
OWNER = ("--claim", "repository_owner_id=4711")
DEFAULTS: dict[str, Any] = {
    "name": "tool",
    "for": "github",
    "issuer": "https://token.actions.githubusercontent.com",
    "claims": {"repository_owner_id": "4711"},
    "repository": "main",
    "projects": [],
    "may": "upload",
    "minutes": 15,
    "allow_http": False,
    "allow_private_network": False,
    "ca_file": None,
    "created_by": "operator",
    "last_used_at": None,
    "refusal": None,
    "last_job": None,
}


@pytest.fixture
def issuer() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


@pytest.fixture(autouse=True)
def repository(cli: CommandLine) -> None:
    cli.ok("repository", "create", "main")


def command(*more: str, kind: str = "github", verb: str = "create") -> tuple[str, ...]:
    return ("publisher", verb, "tool", "--for", kind, "--repository", "main", *more)


def received(cli: CommandLine, claims: dict[str, Any], refusal: str | None = None) -> None:
    """As if a job had come with these claims."""
    with cli.registry() as registry, registry._database.begin() as connection:
        stored = PublisherRows(connection)
        found = stored.publisher("tool")
        assert found is not None
        stored.note_received(found, json.dumps(claims), datetime.now(UTC), refusal)


def test_a_claim_that_is_probably_mistyped_is_told(cli: CommandLine) -> None:
    created = cli.run(*command(*OWNER, "--claim", "repositry=acme/demo"))
    changed = cli.run("publisher", "set", "tool", *OWNER)

    assert created.stderr.endswith("did you mean repository?\n")
    assert changed.stderr == ""


def test_the_audience_is_that_of_the_environment(cli: CommandLine) -> None:
    """As the server of the same environment has it."""
    made = cli.run(*command(*OWNER), env={"PYPI_REPO_OIDC_AUDIENCE": "acme-packages"})
    assert "audience acme-packages" in made.stdout
    assert "pypi-repo" not in made.stdout


def test_t3_a_publisher_has_careful_defaults(cli: CommandLine) -> None:
    printed = cli.ok(*command(*OWNER))
    assert "audience pypi-repo" in printed
    assert "--publish-url https://HOST/repositories/main/" in printed
    assert "  permissions:\n    contents: read\n    id-token: write\n" in printed
    shown = cli.json("publisher", "show", "tool")
    assert {key: shown[key] for key in DEFAULTS} == DEFAULTS
    assert shown.keys() - DEFAULTS.keys() == {"created_at"}
    (listed,) = cli.json("publisher", "list")
    assert listed == {key: DEFAULTS[key] for key in listed}
    assert "tool" in cli.ok("publisher", "list")
    assert "No job" in cli.ok("publisher", "show", "tool")


def test_t3_a_publisher_with_everything(
    cli: CommandLine, issuer: ScriptedProvider, tmp_path: Any
) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("")
    more = (
        *("--issuer", issuer.url, "--claim", "sub=job:a=b", "--claim", "ref=refs/tags/*", *LOCAL),
        *("--project", "Acme_*", "--project", "demo", "--may", "read", "--minutes", "360"),
    )
    printed = cli.ok(*command(*more, kind="oidc"))
    assert "@HOST/repositories/main/simple/" in printed
    expected = {
        "issuer": issuer.url,
        "claims": {"sub": "job:a=b", "ref": "refs/tags/*"},
        "projects": ["acme-*", "demo"],
        "may": "read",
        "minutes": 360,
        "allow_http": True,
        "allow_private_network": True,
    }
    assert cli.json("publisher", "show", "tool").items() >= expected.items()
    checked = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks", "keys": 1}
    assert cli.json("publisher", "check", "tool") == checked
    cli.ok("publisher", "set", "tool", "--ca-file", str(certificates))
    assert cli.json("publisher", "show", "tool")["ca_file"] == str(certificates)
    cli.ok("publisher", "set", "tool", "--ca-file", "none")
    assert cli.json("publisher", "show", "tool")["ca_file"] is None


@pytest.mark.parametrize(
    ("kind", "claim", "issuer"),
    [
        ("github", "repository_id=1", "https://token.actions.githubusercontent.com"),
        ("gitlab", "project_id=1", "https://gitlab.com"),
        ("google", "sub=1", "https://accounts.google.com"),
        ("buildkite", "organization_slug=acme", "https://agent.buildkite.com"),
    ],
)
def test_t3_known_providers_have_their_issuer(
    kind: str, claim: str, issuer: str, cli: CommandLine
) -> None:
    cli.ok(*command("--claim", claim, kind=kind))
    assert cli.json("publisher", "show", "tool")["issuer"] == issuer


def test_settings_are_changed(cli: CommandLine) -> None:
    cli.ok("repository", "create", "other")
    cli.ok(*command(*OWNER, "--project", "demo"))
    change = ("publisher", "set", "tool")
    cli.ok(*change, "--repository", "other", "--may", "read", "--minutes", "30", "--all-projects")
    shown = cli.json("publisher", "show", "tool")
    expected = {"repository": "other", "may": "read", "minutes": 30, "projects": []}
    assert shown.items() >= (expected | {"claims": {"repository_owner_id": "4711"}}).items()
    cli.ok(*change, "--for", "gitlab", "--claim", "project_id=3", "--project", "acme-*")
    shown = cli.json("publisher", "show", "tool")
    expected = {"for": "gitlab", "issuer": "https://gitlab.com", "projects": ["acme-*"]}
    assert shown.items() >= (expected | {"claims": {"project_id": "3"}}).items()
    cli.ok(*change, "--issuer", "http://git.invalid", *LOCAL)
    cli.ok(*change, "--issuer", "https://git.invalid", "--https-only", "--public-network-only")
    expected = {"allow_http": False, "allow_private_network": False}
    assert cli.json("publisher", "show", "tool").items() >= expected.items()
    assert "Say what to change" in cli.misused(*change)
    assert "either" in cli.misused(*change, "--project", "demo", "--all-projects")
    assert "with --yes" in cli.refused("publisher", "delete", "tool")
    cli.ok("publisher", "delete", "tool", "--yes")
    assert "publisher list" in cli.refused("publisher", "show", "tool")
    assert cli.json("publisher", "list") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--for", "github", "--claim", "repository_owner_id"), "both sides of an equals sign"),
        (("--for", "github", "--claim", "=4711"), "both sides of an equals sign"),
        (("--for", "github", *OWNER, *OWNER), "is there twice"),
        (("--for", "jenkins", *OWNER), "'jenkins' is not one of"),
        (("--for", "github", *OWNER, "--may", "delete"), "'delete' is not one of"),
        (("--for", "github", *OWNER, "--ca-file", "/nowhere"), "does not exist"),
        (OWNER, "--for"),
    ],
)
def test_commands_that_cannot_be_meant(
    arguments: tuple[str, ...], sentence: str, cli: CommandLine
) -> None:
    name = ("publisher", "create", "tool", "--repository", "main")
    assert sentence in cli.misused(*name, *arguments)
    assert cli.json("publisher", "list") == []


@pytest.mark.parametrize(
    ("kind", "more", "sentence"),
    [
        ("circleci", ("--claim", "oidc.circleci.com/org-id=1"), "needs the URL of its issuer"),
        ("oidc", ("--claim", "sub=x"), "needs the URL of its issuer"),
        ("github", (), "add one of repository_id, repository_owner_id"),
        ("github", ("--claim", "repository_owner=acme"), "add one of repository_id"),
        ("github", ("--claim", "repository_owner_id=4*"), "add one of repository_id"),
        ("oidc", ("--issuer", "https://ci.invalid", "--claim", "sub=*"), "exact value"),
        ("github", (*OWNER, "--claim", "aud=pypi-repo"), "aud says nothing about a job"),
        ("github", (*OWNER, "--issuer", "ci.invalid"), "URL of an issuer begins with https://"),
        ("github", (*OWNER, "--issuer", "http://ci.invalid"), "not encrypted"),
        ("github", (*OWNER, "--minutes", "14"), "15 to 360 minutes"),
        ("github", (*OWNER, "--minutes", "361"), "15 to 360 minutes"),
        ("github", (*OWNER, "--project", "-x"), "matches no project"),
    ],
)
def test_settings_that_are_refused(
    kind: str, more: tuple[str, ...], sentence: str, cli: CommandLine
) -> None:
    assert sentence in cli.refused(*command(*more, kind=kind))
    assert cli.json("publisher", "list") == []


def test_names_that_are_wrong(cli: CommandLine) -> None:
    unknown = cli.refused(
        "publisher", "create", "tool", "--for", "github", "--repository", "nowhere", *OWNER
    )
    assert "no repository 'nowhere'" in unknown
    assert "repository list" in unknown
    assert "publisher name" in cli.refused(
        "publisher", "create", "Tool!", "--for", "github", "--repository", "main", *OWNER
    )
    cli.ok(*command(*OWNER))
    assert "already" in cli.refused(*command(*OWNER))
    for verb in ("check", "show"):
        assert "no publisher 'other'" in cli.refused("publisher", verb, "other")
    assert "no publisher 'other'" in cli.refused("publisher", "set", "other", "--minutes", "30")
    assert "no publisher 'other'" in cli.refused("publisher", "delete", "other", "--yes")


def test_t8_an_issuer_that_does_not_answer_is_told_so(cli: CommandLine) -> None:
    claims = ("--claim", "sub=x", "--issuer", "http://127.0.0.1:9", *LOCAL)
    result = cli.run(*command(*claims, kind="oidc"))
    assert result.exit_code == 0
    assert "`pypi-repo publisher check tool` asks it again" in result.stderr
    assert "The issuer cannot be reached" in cli.refused("publisher", "check", "tool")


def test_t8_a_wrong_issuer_is_told_so(cli: CommandLine, issuer: ScriptedProvider) -> None:
    """A slash too many, and a page that is no issuer."""
    for url, sentence in (
        (f"{issuer.url}/", "The issuer calls itself by another URL"),
        (f"{issuer.url}/nothing", "The issuer does not say what it should"),
    ):
        result = cli.run(*command("--claim", "sub=x", "--issuer", url, *LOCAL, kind="oidc"))
        assert sentence in result.stderr
        assert sentence in cli.refused("publisher", "check", "tool")
        cli.ok("publisher", "delete", "tool", "--yes")


def test_t8_what_the_last_job_said_is_shown(cli: CommandLine) -> None:
    cli.ok(*command(*OWNER, "--claim", "environment=pypi", "--claim", "ref=refs/tags/*"))
    claims = {"repository_owner_id": "4711", "environment": "stag\x1b[31ming", "run_id": 7}
    refusal = "The claim environment must be 'pypi', and is 'staging'."
    received(cli, claims, refusal)
    shown = cli.json("publisher", "show", "tool")
    assert shown["refusal"] == refusal
    assert shown["last_used_at"] is None
    assert shown["last_job"]["compared"] == [
        {"claim": name, "wanted": wanted, "received": values, "is_met": is_met}
        for name, wanted, values, is_met in (
            ("repository_owner_id", "4711", ["4711"], True),
            ("environment", "pypi", ["stag\x1b[31ming"], False),
            ("ref", "refs/tags/*", [], False),
        )
    ]
    assert shown["last_job"]["others"] == {"run_id": "7"}
    printed = cli.ok("publisher", "show", "tool")
    assert "  ok      repository_owner_id is '4711'\n" in printed
    assert "  FAILED  environment must be 'pypi', and is 'stag\\x1b[31ming'\n" in printed
    assert "  FAILED  ref must be 'refs/tags/*', and is not there\n" in printed
    assert "  run_id=7\n" in printed
    received(cli, {"repository_owner_id": "4711", "environment": "pypi", "ref": "refs/tags/v1"})
    assert cli.json("publisher", "show", "tool")["last_used_at"] is not None
    assert "matches:" in cli.ok("publisher", "show", "tool")


def test_a_publisher_ends_with_its_repository(cli: CommandLine) -> None:
    cli.ok(*command(*OWNER))
    cli.ok("repository", "delete", "main", "--yes")
    assert cli.json("publisher", "list") == []
    with cli.registry() as registry:
        assert registry.acting_as(OPERATOR).publishers.all() == []


def test_attestations_that_jobs_cannot_bring_are_warned_of(cli: CommandLine) -> None:
    """T9: only GitHub, GitLab and Google say enough of a job to compare it with a certificate."""
    warning = "Jobs of the publisher tool cannot upload to projects that need attestations"
    uuid = "organization_id=0123-4567"
    pipeline = ("--claim", uuid, "--claim", "pipeline_slug=demo")
    cli.ok(*command(*pipeline, "--project", "acme-core", kind="buildkite"))
    told = {
        patterns: cli.run("repository", "set", "main", "--attestations-required", patterns).stderr
        for patterns in ("demo", "acme-*", "*", "acme-core demo", "none")
    }
    cli.ok("repository", "set", "main", "--attestations-required", "acme-*")
    again = cli.run("publisher", "set", "tool", "--minutes", "20").stderr
    cli.ok("publisher", "create", "other", *command(*OWNER)[3:])
    other = cli.run("publisher", "set", "other", "--minutes", "20").stderr
    reading = cli.run("publisher", "set", "tool", "--may", "read").stderr
    cli.ok("publisher", "delete", "tool", "--yes")
    github = cli.run(*command(*OWNER)).stderr

    assert {patterns: warning in said for patterns, said in told.items()} == {
        "demo": False,
        "acme-*": True,
        "*": True,
        "acme-core demo": True,
        "none": False,
    }
    assert warning in again
    assert reading == other == github == ""
