"""pypi-repo webhook ..."""

from collections.abc import Iterator

import pytest

from pypi_repo import OPERATOR
from tests.cli.conftest import CommandLine
from tests.support.receiver import SECRET, Receiver, receiving
from tests.support.scripted_server import reply

URL = "https://ci.example/hook?key=topsecret"
NEWER = "another-horse-battery"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def ci(main_cli: CommandLine, receiver: Receiver) -> CommandLine:
    """With the webhook `ci`, which leads to the receiver."""
    inside = ("--allow-http", "--allow-private-network")
    main_cli.ok("webhook", "create", "ci", receiver.url, "--secret-stdin", *inside, stdin=SECRET)
    return main_cli


def test_a_new_webhook_has_careful_defaults(cli: CommandLine) -> None:
    printed = cli.ok("webhook", "create", "ci", URL, "--secret-stdin", stdin=f"{SECRET}\n")
    shown = cli.json("webhook", "show", "ci")
    assert "`pypi-repo webhook test ci`" in printed
    assert shown.pop("created_at") is not None
    assert shown == {
        "name": "ci",
        "destination": "https://ci.example/",
        "repository": None,
        "form": "json",
        "events": ["all"],
        "signed": True,
        "former_secret_until": None,
        "enabled": True,
        "allow_http": False,
        "allow_private_network": False,
        "failing_since": None,
        "failure": None,
        "created_by": "operator",
        "waiting": 0,
    }


def test_the_options_of_create(main_cli: CommandLine) -> None:
    main_cli.ok(
        *("webhook", "create", "chat", "http://chat.example/T0/secret", "--form", "slack"),
        *("--repository", "main", "--event", "file.uploaded", "--event", "release.yanked"),
        "--allow-http",
    )
    shown = main_cli.json("webhook", "show", "chat")
    assert (shown["repository"], shown["form"]) == ("main", "slack")
    assert shown["events"] == ["file.uploaded", "release.yanked"]
    assert (shown["destination"], shown["signed"]) == ("http://chat.example/", False)
    assert [found["name"] for found in main_cli.json("webhook", "list")] == ["chat"]
    assert "chat" in main_cli.ok("webhook", "list")


def test_e3_a_secret_is_required_where_it_signs(cli: CommandLine) -> None:
    assert "secret" in cli.refused("webhook", "create", "ci", URL)
    assert "no secret" in cli.misused("webhook", "create", "ci", URL, "--secret-stdin")


def test_e3_a_test_says_what_is_answered(ci: CommandLine, receiver: Receiver) -> None:
    assert "status 200" in ci.ok("webhook", "test", "ci")
    receiver.answer = lambda _sent: reply(b"broken", status="500 Oops")
    assert "status 500" in ci.refused("webhook", "test", "ci")
    tests = ci.json("webhook", "deliveries", "ci")
    assert [(each["event"], each["state"], each["answer"]) for each in tests] == [
        ("webhook.test", "given up", "broken"),
        ("webhook.test", "delivered", "taken"),
    ]


def test_e3_deliveries_are_made_by_upkeep_and_once_more_by_hand(
    ci: CommandLine, receiver: Receiver
) -> None:
    with ci.registry() as registry:
        registry.acting_as(OPERATOR).sources.add_rule("main", "deny", "demo<2")
    assert "webhooks: Made 1 delivery." in ci.ok("upkeep", "run")
    (made,) = ci.json("webhook", "deliveries", "ci")
    assert (made["event"], made["state"], made["status"]) == ("file.hidden", "delivered", 200)
    assert "status 200" in ci.ok("webhook", "redeliver", "ci", str(made["id"]))
    assert [sent.delivery for sent in receiver.sent] == [made["id"]] * 2
    assert "delivered" in ci.ok("webhook", "deliveries", "ci")
    assert "no delivery 999" in ci.refused("webhook", "redeliver", "ci", "999")


def test_e3_rotation(ci: CommandLine, receiver: Receiver) -> None:
    said = ci.ok("webhook", "set", "ci", "--secret-stdin", stdin=NEWER)
    assert "signs as well until" in said
    ci.ok("webhook", "test", "ci")
    assert receiver.sent[-1].is_signed_by(NEWER, SECRET)
    at_once = ("--former-secret-for", "0s")
    ci.ok("webhook", "set", "ci", "--secret-stdin", *at_once, stdin=SECRET)
    ci.ok("webhook", "test", "ci")
    assert receiver.sent[-1].is_signed_by(SECRET)


def test_settings_are_changed_one_by_one(ci: CommandLine) -> None:
    ci.ok("webhook", "set", "ci", "--event", "file.deleted", "--off")
    shown = ci.json("webhook", "show", "ci")
    assert (shown["events"], shown["enabled"]) == (["file.deleted"], False)
    ci.ok("webhook", "set", "ci", "--all-events", "--on", "--url", "https://other.example/")
    shown = ci.json("webhook", "show", "ci")
    assert (shown["events"], shown["enabled"]) == (["all"], True)
    assert shown["destination"] == "https://other.example/"
    for wrong in ((), ("--all-events", "--event", "file.deleted"), ("--former-secret-for", "1h")):
        ci.misused("webhook", "set", "ci", *wrong)


def test_e5_a_private_network_needs_an_option(main_cli: CommandLine, receiver: Receiver) -> None:
    """It is named at once, and again when the webhook is tried."""
    created = main_cli.run(
        *("webhook", "create", "ci", receiver.url, "--secret-stdin", "--allow-http"), stdin=SECRET
    )
    command = "pypi-repo webhook set ci --allow-private-network"
    assert created.exit_code == 0
    for said in (created.stderr, main_cli.refused("webhook", "test", "ci")):
        assert "The receiver, or a link of it, leads into a private network" in said
        assert f"(`{command}`)" in said
    assert receiver.sent == []
    assert main_cli.run(*command.split()[1:]).stderr == ""
    main_cli.ok("webhook", "test", "ci")


def test_deleting_asks(ci: CommandLine) -> None:
    assert "--yes" in ci.refused("webhook", "delete", "ci")
    ci.ok("webhook", "delete", "ci", "--yes")
    assert ci.json("webhook", "list") == []
    assert "no webhook 'ci'" in ci.refused("webhook", "show", "ci")
