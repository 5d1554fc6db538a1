"""pypi-repo user ..."""

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel

DEV = "dev@example.com"


def test_create_reads_the_password_from_stdin(main_cli: CommandLine, index: Index) -> None:
    printed = main_cli.ok("user", "create", DEV, "--password-stdin", stdin=f"{PASSWORD}\n")

    assert printed.startswith(f"Created repository user {DEV}, who may read and write every ")
    assert index.status(DEV, PASSWORD) == 200
    assert index.upload(wheel("demo"), DEV, PASSWORD) == 200


@pytest.mark.parametrize(
    ("options", "said", "narrows"),
    [
        ([], "read and write every repository, including those created later.", True),
        (["--read-only"], "read every repository, including those created later.", True),
        (["--access", "main=read"], "read main.", False),
        (
            ["--access", "main=write", "--access", "other=read"],
            "read and write main and read other.",
            False,
        ),
        (
            ["--access", "main/Acme_*=write", "--access", "main=read"],
            "read main and read and write projects Acme_* of main.",
            False,
        ),
        (
            ["--read-only", "--access", "main=none"],
            "not use main and read every other repository, including those created later.",
            False,
        ),
    ],
)
def test_create_says_what_the_user_may(
    options: list[str], said: str, narrows: bool, main_cli: CommandLine
) -> None:
    main_cli.ok("repository", "create", "other")
    first, *more = main_cli.ok(
        "user", "create", DEV, "--password-stdin", *options, stdin=PASSWORD
    ).splitlines()

    assert first == f"Created repository user {DEV}, who may {said}"
    assert bool(more) == narrows
    if more:
        assert more[0].startswith(f"`pypi-repo user set {DEV} --access REPO=read` ")
        main_cli.ok("user", "set", DEV, "--access", "main=read")


def test_a_generated_password(main_cli: CommandLine, index: Index) -> None:
    """Alone on stdout, so that $(pypi-repo user create ...) is the password."""
    created = main_cli.run("user", "create", DEV, "--generate-password")
    again = main_cli.run("user", "set-password", "ada", "--generate-password")

    assert (created.exit_code, again.exit_code) == (0, 0)
    assert f"Created repository user {DEV}" in created.stderr
    assert "ada" in again.stderr
    for user, result in ((DEV, created), ("ada", again)):
        password = result.output.splitlines()[-1]
        assert result.stdout == f"{password}\n"
        assert len(password) >= 20
        assert index.status(user, password) == 200
    assert created.stdout != again.stdout
    assert "Say one of" in main_cli.misused(
        "user", "create", "x", "--generate-password", "--password-stdin"
    )


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nnot the password\n"])
def test_the_password_is_the_first_line(ending: str, main_cli: CommandLine, index: Index) -> None:
    password = " a:b@c with spaces and ü "
    main_cli.ok("user", "create", DEV, "--password-stdin", stdin=password + ending)

    assert index.status(DEV, password) == 200
    assert index.status(DEV, password.strip()) == 401


def test_read_only(main_cli: CommandLine, index: Index) -> None:
    main_cli.ok("user", "create", DEV, "--password-stdin", "--read-only", stdin=PASSWORD)

    assert index.status(DEV, PASSWORD) == 200
    assert index.upload(wheel("demo"), DEV, PASSWORD) == 403


def test_access_to_named_repositories(main_cli: CommandLine, index: Index) -> None:
    for name in ("tools", "secret"):
        main_cli.ok("repository", "create", name)
    main_cli.ok(
        "user", "create", DEV, "--password-stdin", "--access", "main=read",
        "--access", "tools=write", stdin=PASSWORD,
    )  # fmt: skip

    assert index.upload(wheel("demo"), DEV, PASSWORD, "main") == 403
    assert index.upload(wheel("demo"), DEV, PASSWORD, "tools") == 200
    statuses = [index.status(DEV, PASSWORD, name) for name in ("main", "tools", "secret")]
    assert statuses == [200, 200, 403]


def test_list_shows_access_and_no_secrets(main_cli: CommandLine) -> None:
    main_cli.ok("user", "create", DEV, "--password-stdin", "--access", "main=read", stdin=PASSWORD)
    listed = {each["name"]: each for each in main_cli.json("user", "list")}
    table = main_cli.ok("user", "list")

    assert (listed["ada"]["everywhere"], listed["ada"]["access"]) == ("write", {})
    assert (listed[DEV]["everywhere"], listed[DEV]["access"]) == ("none", {"main": "read"})
    assert set(listed[DEV]) == {
        *("name", "everywhere", "access", "groups", "disabled", "tokens_only"),
        *("created_at", "last_used_at"),
    }
    for output in (table, str(listed)):
        assert PASSWORD not in output
        assert "$2b$" not in output
    assert "main=read" in table


def test_set_changes_what_a_user_may(main_cli: CommandLine, index: Index) -> None:
    def upload(number: int) -> int:
        return index.upload(wheel("demo", f"1.{number}"), "ada", PASSWORD)

    before = upload(0)
    main_cli.ok("user", "set", "ada", "--read-only")
    read_only = upload(1)
    main_cli.ok("user", "set", "ada", "--access", "main=write")
    named = upload(2)
    main_cli.ok("repository", "create", "other")
    elsewhere = index.status("ada", PASSWORD, "other")
    main_cli.ok("user", "set", "ada", "--read-write")
    everywhere = index.status("ada", PASSWORD, "other")

    assert (before, read_only, named, elsewhere, everywhere) == (200, 403, 200, 403, 200)


def test_set_password(main_cli: CommandLine, index: Index) -> None:
    assert index.status("ada", PASSWORD) == 200
    main_cli.ok("user", "set-password", "ada", "--password-stdin", stdin="another horse")

    assert index.status("ada", PASSWORD) == 401
    assert index.status("ada", "another horse") == 200


def test_delete(main_cli: CommandLine, index: Index) -> None:
    assert index.status("ada", PASSWORD) == 200
    main_cli.ok("user", "delete", "ada", "--yes")

    assert index.status("ada", PASSWORD) == 401
    assert main_cli.json("user", "list") == []


def test_names_are_stored_in_lower_case(main_cli: CommandLine, index: Index) -> None:
    main_cli.ok("user", "create", "Dev@Example.com", "--password-stdin", stdin=PASSWORD)

    assert index.status("dev@example.com", PASSWORD) == 200
    assert "already" in main_cli.refused(
        "user", "create", "DEV@EXAMPLE.COM", "--password-stdin", stdin=PASSWORD
    )


@pytest.mark.parametrize(
    ("password", "part"),
    [
        ("short", "at least 8 characters"),
        ("x" * 73, "at most 72 bytes"),
        ("ü" * 37, "at most 72 bytes"),
        ("", "at least 8 characters"),
        ("ppr_0123456789", "may not begin with"),
    ],
)
def test_impossible_passwords(password: str, part: str, main_cli: CommandLine) -> None:
    for command in (["create", DEV], ["set-password", "ada"]):
        said = main_cli.refused("user", *command, "--password-stdin", stdin=password)
        assert part in said
        assert not password or password not in said


def test_refusals(main_cli: CommandLine) -> None:
    unknown_repository = main_cli.refused(
        "user", "create", DEV, "--password-stdin", "--access", "absent=read", stdin=PASSWORD
    )
    invalid = main_cli.refused("user", "create", "a b", "--password-stdin", stdin=PASSWORD)

    assert "absent" in unknown_repository
    assert "is not a valid account name" in invalid
    assert [each["name"] for each in main_cli.json("user", "list")] == ["ada"]
    for command in (["set", "nobody", "--read-only"], ["delete", "nobody"]):
        assert "'nobody'" in main_cli.refused("user", *command)
    assert "'nobody'" in main_cli.refused(
        "user", "set-password", "nobody", "--password-stdin", stdin=PASSWORD
    )


def test_wrong_usage(main_cli: CommandLine) -> None:
    both = ["--read-only", "--read-write"]
    create = ["user", "create", DEV, "--password-stdin"]

    assert "main=read or main=write" in main_cli.misused(*create, "--access", "main=rw")
    assert "main=read or main=write" in main_cli.misused(*create, "--access", "main")
    assert "Say one of" in main_cli.misused(*create, *both, stdin=PASSWORD)
    for wrong in ("main/=read", "/acme-*=read", "=read"):
        assert "main/acme-*=write" in main_cli.misused(*create, "--access", wrong)
    assert "--explain REPO" in main_cli.misused("user", "show", "ada", "demo")
    assert "Say one of" in main_cli.misused("user", "set", "ada")
    assert "Say one of" in main_cli.misused("user", "set", "ada", "--read-only", "--read-write")
    assert "--password-stdin" in main_cli.misused("user", "create", DEV)
    assert [each["name"] for each in main_cli.json("user", "list")] == ["ada"]


def test_disable_and_enable(main_cli: CommandLine, index: Index) -> None:
    assert index.status("ada", PASSWORD) == 200
    main_cli.ok("user", "set", "ada", "--disable")
    assert index.status("ada", PASSWORD) == 401
    (listed,) = main_cli.json("user", "list")
    assert (listed["disabled"], listed["everywhere"]) == (True, "write")
    main_cli.ok("user", "set", "ada", "--enable")
    assert index.status("ada", PASSWORD) == 200


def test_access_to_projects(main_cli: CommandLine, index: Index) -> None:
    """G1."""
    main_cli.ok("user", "set", "ada", "--access", "main=read", "--access", "main/Acme.*=write")

    assert index.upload(wheel("demo"), "ada", PASSWORD) == 403
    assert index.upload(wheel("acme-app"), "ada", PASSWORD) == 200
    (listed,) = main_cli.json("user", "list")
    assert listed["access"] == {"main": "read", "main/acme-*": "write"}
    assert "can only add" in main_cli.refused("user", "set", "ada", "--access", "main/demo=none")
    assert "matches no project" in main_cli.refused("user", "set", "ada", "--access", "main/-=read")


def test_groups_of_a_user(main_cli: CommandLine, index: Index) -> None:
    """G1: a new user of a group has no other rights, unless they are given."""
    main_cli.ok("group", "create", "platform", "--access", "main=read")
    main_cli.ok("group", "create", "other")
    said = main_cli.ok(
        "user", "create", DEV, "--password-stdin", "--group", "platform", stdin=PASSWORD
    )
    statuses = [index.status(DEV, PASSWORD), index.upload(wheel("demo"), DEV, PASSWORD)]
    main_cli.ok("user", "set", DEV, "--group", "other")

    assert said == f"Created repository user {DEV}, who may do what group platform may.\n"
    assert statuses == [200, 403]
    assert index.status(DEV, PASSWORD) == 403
    assert main_cli.json("user", "show", DEV)["groups"] == ["other"]
    assert "`pypi-repo group list`" in main_cli.refused("user", "set", DEV, "--group", "absent")


def test_rights_are_explained(main_cli: CommandLine) -> None:
    main_cli.ok("user", "set", "ada", "--access", "main=read")
    main_cli.ok("group", "create", "platform", "--access", "main/acme-*=write")
    main_cli.ok("group", "add", "platform", "ada")

    assert main_cli.ok("user", "show", "ada", "--explain", "main", "Acme.App").splitlines() == [
        "Project acme-app of repository main: ada may read it and upload to it.",
        "Group platform has read and write access to projects acme-* of repository main.",
        "The user itself has read access to repository main.",
    ]
    assert main_cli.ok("user", "show", "ada", "--explain", "main", "demo").startswith(
        "Project demo of repository main: ada may read it, and not upload to it.\n"
    )
    assert main_cli.json("user", "show", "ada", "--explain", "main", "acme-app") == {
        "user": "ada",
        "repository": "main",
        "project": "acme-app",
        "may_read": True,
        "may_upload": True,
        "public": False,
        "disabled": False,
        "rights": [
            {"group": "platform", "repository": "main", "pattern": "acme-*", "access": "write"},
            {"group": None, "repository": "main", "pattern": None, "access": "read"},
        ],
    }
    assert "'absent'" in main_cli.refused("user", "show", "ada", "--explain", "absent")
    main_cli.ok("user", "set", "ada", "--access", "main=none")
    main_cli.ok("group", "delete", "platform", "--yes")
    assert main_cli.ok("user", "show", "ada", "--explain", "main").splitlines() == [
        "Repository main: ada may neither read it nor upload to it.",
        "The user itself has no access to repository main.",
    ]
