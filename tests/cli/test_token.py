"""pypi-repo token ..."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import CommandLine, Index
from tests.support.distributions import wheel


def created(cli: CommandLine, *options: str) -> str:
    """The secret of a new token of ada: the last line printed."""
    return cli.ok("token", "create", "ada", *options).splitlines()[-1]


def test_create_prints_the_token_as_the_last_line(main_cli: CommandLine, index: Index) -> None:
    result = main_cli.run("token", "create", "ada", "--name", "CI of the website")
    secret = result.output.splitlines()[-1]

    assert result.exit_code == 0
    assert result.stdout == f"{secret}\n"  # so that $(pypi-repo token create ...) is the token
    assert "CI of the website" in result.stderr
    assert secret.startswith("ppr_")
    assert index.status("__token__", secret) == 200
    assert index.status("ada", secret) == 200
    assert index.upload(wheel("demo"), "__token__", secret) == 200


def test_read_only(main_cli: CommandLine, index: Index) -> None:
    secret = created(main_cli, "--read-only")

    assert index.status("__token__", secret) == 200
    assert index.upload(wheel("demo"), "__token__", secret) == 403


def test_for_one_repository(main_cli: CommandLine, index: Index) -> None:
    main_cli.ok("repository", "create", "tools")
    secret = created(main_cli, "--repository", "tools")

    assert index.status("__token__", secret, "tools") == 200
    assert index.status("__token__", secret, "main") == 403


def test_for_projects(main_cli: CommandLine, index: Index) -> None:
    """G3."""
    secret = created(main_cli, "--project", "Acme_*", "--project", "demo")

    assert index.upload(wheel("acme-app"), "__token__", secret) == 200
    assert index.upload(wheel("demo"), "__token__", secret) == 200
    assert index.upload(wheel("other"), "__token__", secret) == 403
    assert main_cli.json("token", "list", "ada")[0]["projects"] == ["acme-*", "demo"]
    assert "matches no project" in main_cli.refused("token", "create", "ada", "--project", "a b")


@pytest.mark.parametrize(
    ("text", "lasting"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
    ],
)
def test_expires_in(text: str, lasting: timedelta, main_cli: CommandLine) -> None:
    created(main_cli, "--expires-in", text)
    [token] = main_cli.json("token", "list", "ada")
    expires_at = datetime.fromisoformat(token["expires_at"])

    assert abs(expires_at - datetime.now(UTC) - lasting) < timedelta(minutes=1)


def test_list_shows_the_prefix_and_nothing_more(main_cli: CommandLine) -> None:
    secret = created(main_cli, "--name", "laptop", "--read-only", "--repository", "main")
    [token] = main_cli.json("token", "list", "ada")
    table = main_cli.ok("token", "list", "ada")

    assert token["name"] == "laptop"
    assert (token["repository"], token["read_only"]) == ("main", True)
    assert token["expires_at"] is None
    assert secret.startswith(token["prefix"])
    assert len(token["prefix"]) < len(secret) / 2
    for output in (table, json.dumps(token)):
        assert secret not in output
        assert secret[len(token["prefix"]) :] not in output
    assert "laptop" in table


def test_only_the_number_says_which_token_is_revoked(main_cli: CommandLine) -> None:
    """Other commands about tokens take a user."""
    result = main_cli.run("token", "revoke", "dev@example.com", "1")

    assert result.exit_code == 2
    assert "'dev@example.com' is no number; write only the number that" in result.stderr


def test_revoke(main_cli: CommandLine, index: Index) -> None:
    kept, secret = created(main_cli), created(main_cli)
    assert index.status("__token__", secret) == 200
    [last] = [
        token
        for token in main_cli.json("token", "list", "ada")
        if secret.startswith(token["prefix"])
    ]
    printed = main_cli.ok("token", "revoke", str(last["id"]), "--yes")

    assert f"Revoked token {last['id']}" in printed
    assert index.status("__token__", secret) == 401
    assert index.status("__token__", kept) == 200
    assert len(main_cli.json("token", "list", "ada")) == 1


def test_deleting_the_user_ends_its_tokens(main_cli: CommandLine, index: Index) -> None:
    secret = created(main_cli)
    assert index.status("__token__", secret) == 200
    main_cli.ok("user", "delete", "ada", "--yes")

    assert index.status("__token__", secret) == 401


def test_refusals(main_cli: CommandLine) -> None:
    assert "'nobody'" in main_cli.refused("token", "create", "nobody")
    assert "'nobody'" in main_cli.refused("token", "list", "nobody")
    assert "'absent'" in main_cli.refused("token", "create", "ada", "--repository", "absent")
    assert "999" in main_cli.refused("token", "revoke", "999")
    assert "future" in main_cli.refused("token", "create", "ada", "--expires-in", "0d")
    assert main_cli.json("token", "list", "ada") == []


@pytest.mark.parametrize("duration", ["90", "d", "-1d", "1.5d", "soon", "1y", ""])
def test_impossible_durations(duration: str, main_cli: CommandLine) -> None:
    said = main_cli.misused("token", "create", "ada", "--expires-in", duration)

    assert "write it like 30s, 10m, 12h or 7d" in said


def test_wrong_usage(main_cli: CommandLine) -> None:
    assert "is no number" in main_cli.misused("token", "revoke", "laptop")
    assert "Missing argument" in main_cli.misused("token", "create")
