"""pypi-repo admin ..."""

import pytest

from pypi_repo import InvalidCredentials
from tests.cli.conftest import PASSWORD, CommandLine, Index


def create(cli: CommandLine, name: str) -> None:
    cli.ok("admin", "create", name, "--password-stdin", stdin=PASSWORD)


def test_create_and_list(main_cli: CommandLine) -> None:
    create(main_cli, "Root@Example.com")
    create(main_cli, "second")
    listed = main_cli.json("admin", "list")
    table = main_cli.ok("admin", "list")

    assert [each["name"] for each in listed] == ["root@example.com", "second"]
    assert all(set(each) == {"name", "areas", "created_at"} for each in listed)
    assert "root@example.com" in table
    assert "$2b$" not in table + str(listed)


def test_an_administrator_is_no_repository_user(main_cli: CommandLine, index: Index) -> None:
    create(main_cli, "root")

    assert index.status("root", PASSWORD) == 401
    assert [each["name"] for each in main_cli.json("user", "list")] == ["ada"]
    assert "'root'" in main_cli.refused("user", "delete", "root")
    assert "'root'" in main_cli.refused("token", "create", "root")


def test_set_password(main_cli: CommandLine) -> None:
    create(main_cli, "root")
    printed = main_cli.ok(
        "admin", "set-password", "root", "--password-stdin", stdin="another horse"
    )

    assert printed == "Changed the password of administrator root.\n"


def test_a_generated_password(main_cli: CommandLine, index: Index) -> None:
    created = main_cli.run("admin", "create", "root", "--generate-password")
    first = created.stdout.removesuffix("\n")
    second = main_cli.ok("admin", "set-password", "root", "--generate-password").strip()

    assert created.output.splitlines()[-1] == first
    assert index.registry.sessions.sign_in("root", second, "192.0.2.1")
    with pytest.raises(InvalidCredentials):
        index.registry.sessions.sign_in("root", first, "192.0.2.1")


def test_delete_all_but_the_last(main_cli: CommandLine) -> None:
    create(main_cli, "root")
    create(main_cli, "second")
    main_cli.ok("admin", "delete", "second", "--yes")
    said = main_cli.refused("admin", "delete", "root", "--yes")

    assert [each["name"] for each in main_cli.json("admin", "list")] == ["root"]
    assert "administrator" in said


def test_refusals(main_cli: CommandLine) -> None:
    create(main_cli, "root")
    again = main_cli.refused("admin", "create", "root", "--password-stdin", stdin=PASSWORD)
    short = main_cli.refused("admin", "create", "third", "--password-stdin", stdin="secret")
    unknown = main_cli.refused(
        "admin", "set-password", "nobody", "--password-stdin", stdin=PASSWORD
    )

    assert "already" in again
    assert "at least 8 characters" in short
    assert "secret" not in short
    assert "'nobody'" in unknown
    assert "'nobody'" in main_cli.refused("admin", "delete", "nobody")
    assert "--password-stdin" in main_cli.misused("admin", "create", "third")


def test_areas(main_cli: CommandLine) -> None:
    create(main_cli, "root")
    areas = ["--area", "users", "--area", "repositories"]
    main_cli.ok("admin", "create", "second", *areas, "--password-stdin", stdin=PASSWORD)
    assert {each["name"]: each["areas"] for each in main_cli.json("admin", "list")} == {
        "root": ["repositories", "users", "settings"],
        "second": ["repositories", "users"],
    }
    main_cli.ok("admin", "set", "second", "--area", "settings")
    assert "settings" in main_cli.ok("admin", "list").splitlines()[-1]
    assert "--area" in main_cli.misused("admin", "set", "root")
    main_cli.ok("admin", "set", "root", "--area", "users")
    assert "last one" in main_cli.refused("admin", "set", "second", "--area", "users")


def test_tokens_open_the_api(main_cli: CommandLine, index: Index) -> None:
    create(main_cli, "root")
    secret = main_cli.ok(
        *("admin", "token", "create", "root", "--area", "users", "--name", "terraform"),
        *("--read-only", "--expires-in", "7d"),
    ).splitlines()[-1]
    assert index.api_status(secret, "users") == 200
    assert index.api_status(secret, "administrators") == 403
    (listed,) = main_cli.json("admin", "token", "list", "root")
    assert (listed["name"], listed["areas"], listed["read_only"]) == ("terraform", ["users"], True)
    assert secret not in main_cli.ok("admin", "token", "list", "root")
    main_cli.ok("admin", "token", "revoke", str(listed["id"]), "--yes")
    assert index.api_status(secret, "users") == 401
    assert "a year" in main_cli.refused("admin", "token", "create", "root", "--expires-in", "9999d")
