"""pypi-repo user invite ..."""

import re
from datetime import UTC, datetime, timedelta

from tests.cli.conftest import CommandLine

DEV = "dev@example.com"
_LINK = re.compile(r"account/invitation/(ppi_[A-Za-z0-9_-]{43})\n")


def test_a_new_user_is_invited(main_cli: CommandLine) -> None:
    """The link alone is on stdout, for whoever pipes it on."""
    result = main_cli.run("user", "invite", DEV, "--access", "main=read")
    assert result.exit_code == 0
    found = _LINK.fullmatch(result.stdout)
    assert found is not None
    assert f"Invited repository user {DEV}, who may read main." in result.stderr
    assert "--public-url" in result.stderr
    shown = main_cli.json("user", "show", DEV)
    assert shown["access"] == {"main": "read"}
    with main_cli.registry() as registry:
        assert registry.invitations.accept(found[1], "a horse of my own") == DEV


def test_the_link_begins_with_the_url_of_the_registry(main_cli: CommandLine) -> None:
    url = "https://packages.example/pypi/"
    by_option = main_cli.run("user", "invite", DEV, "--public-url", url)
    by_environment = main_cli.run("user", "invite", DEV, env={"PYPI_REPO_PUBLIC_URL": url})
    for result in (by_option, by_environment):
        assert result.stdout.startswith(f"{url}account/invitation/ppi_")
        assert "--public-url" not in result.stderr


def test_a_new_link_for_a_user_that_exists(main_cli: CommandLine) -> None:
    first = _LINK.fullmatch(main_cli.ok("user", "invite", DEV))
    second = _LINK.fullmatch(main_cli.ok("user", "invite", DEV, "--expires-in", "12h"))
    assert first is not None
    assert second is not None
    with main_cli.registry() as registry:
        invitation = registry.invitations.find(second[1])
        assert invitation.expires_at - datetime.now(UTC) <= timedelta(hours=12)
        assert invitation.user == DEV
    assert "user set" in main_cli.misused("user", "invite", DEV, "--read-only")


def test_a_wrong_life_creates_nobody(main_cli: CommandLine) -> None:
    assert "90 days" in main_cli.refused("user", "invite", DEV, "--expires-in", "91d")
    assert "check the name" in main_cli.refused("user", "show", DEV)


def test_who_is_invited_into_a_group_may_do_what_it_may(main_cli: CommandLine) -> None:
    main_cli.ok("group", "create", "team")
    result = main_cli.run("user", "invite", DEV, "--group", "team")
    assert f"Invited repository user {DEV}, who may do what group team may." in result.stderr
