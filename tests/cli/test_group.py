"""pypi-repo group ..."""

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel

PLATFORM = ["--access", "main=read", "--access", "main/acme-*=write"]


def test_members_may_do_what_their_group_may(main_cli: CommandLine, index: Index) -> None:
    """G1."""
    main_cli.ok("user", "set", "ada", "--access", "main=none")
    said = main_cli.ok("group", "create", "platform", *PLATFORM)
    before = index.status("ada", PASSWORD)
    added = main_cli.ok("group", "add", "platform", "Ada")
    during = index.status("ada", PASSWORD)
    uploads = [index.upload(wheel(name), "ada", PASSWORD) for name in ("acme-app", "demo")]
    main_cli.ok("group", "remove", "platform", "ada")

    assert said == (
        "Created group platform, whose members may read main and read and write projects acme-* "
        "of main.\n"
    )
    assert added == "Group platform has 1 member.\n"
    assert (before, during, uploads) == (403, 200, [200, 403])
    assert index.status("ada", PASSWORD) == 403


def test_groups_are_listed_and_shown(main_cli: CommandLine) -> None:
    assert main_cli.json("group", "list") == []
    main_cli.ok("group", "create", "platform", "--description", "Builds it", *PLATFORM)
    main_cli.ok("group", "create", "all", "--read-only")
    main_cli.ok("group", "add", "platform", "ada")
    everyone, platform = main_cli.json("group", "list")

    assert (everyone["name"], everyone["everywhere"], everyone["access"]) == ("all", "read", {})
    assert platform == main_cli.json("group", "show", "platform")
    assert platform["access"] == {"main": "read", "main/acme-*": "write"}
    assert (platform["description"], platform["members"]) == ("Builds it", ["ada"])
    assert "main/acme-*=write" in main_cli.ok("group", "show", "platform")
    assert "ada" in main_cli.ok("group", "list")


def test_set_replaces_what_is_given(main_cli: CommandLine) -> None:
    main_cli.ok("group", "create", "platform", *PLATFORM)
    main_cli.ok("group", "set", "platform", "--description", "Builds it")
    described = main_cli.json("group", "show", "platform")
    main_cli.ok("group", "set", "platform", "--read-write", "--access", "main=read")
    given = main_cli.json("group", "show", "platform")

    assert (described["description"], len(described["access"])) == ("Builds it", 2)
    assert (given["description"], given["everywhere"]) == ("Builds it", "write")
    assert given["access"] == {"main": "read"}


def test_delete_keeps_the_members(main_cli: CommandLine) -> None:
    main_cli.ok("group", "create", "platform", *PLATFORM)
    main_cli.ok("group", "add", "platform", "ada")
    asked = main_cli.refused("group", "delete", "platform")
    said = main_cli.ok("group", "delete", "platform", "--yes")

    assert "which gives rights to 1 member; nothing was done" in asked
    assert said == "Deleted group platform with 1 member.\n"
    assert main_cli.json("group", "list") == []
    assert main_cli.json("user", "show", "ada")["groups"] == []


def test_refusals(main_cli: CommandLine) -> None:
    main_cli.ok("group", "create", "platform")

    assert "already" in main_cli.refused("group", "create", "platform")
    assert "group name" in main_cli.refused("group", "create", "a b")
    assert "`pypi-repo repository list`" in main_cli.refused(
        "group", "set", "platform", "--access", "absent=read"
    )
    assert "`pypi-repo user list`" in main_cli.refused("group", "add", "platform", "ada", "nobody")
    for command in (
        ["show"],
        ["delete"],
        ["set", "--read-only"],
        ["add", "ada"],
        ["remove", "ada"],
    ):
        action, *more = command
        place = [action, "absent", *more]
        assert "`pypi-repo group list`" in main_cli.refused("group", *place)
    assert "Say --description" in main_cli.misused("group", "set", "platform")
    assert "Say one of" in main_cli.misused(
        "group", "set", "platform", "--read-only", "--read-write"
    )
    assert main_cli.json("group", "show", "platform")["members"] == []
