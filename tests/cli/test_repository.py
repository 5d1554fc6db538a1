"""pypi-repo repository ..."""

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel


def test_a_new_repository_is_private_and_protected(cli: CommandLine) -> None:
    printed = cli.ok("repository", "create", "main")
    shown = cli.json("repository", "show", "main")

    assert printed.startswith("Created repository main; ")
    assert "/repositories/main/" in printed
    assert shown["name"] == "main"
    assert shown["public"] is False
    assert shown["allow_overwrite"] is False
    assert shown["max_file_size"] is None
    assert shown["description"] == ""


def test_create_with_every_option(cli: CommandLine) -> None:
    cli.ok(
        "repository", "create", "tools", "--public", "--allow-overwrite",
        "--description", "For everybody", "--max-file-size", "500MiB",
    )  # fmt: skip
    shown = cli.json("repository", "show", "tools")

    assert (shown["public"], shown["allow_overwrite"]) == (True, True)
    assert shown["description"] == "For everybody"
    assert shown["max_file_size"] == 500 * 1024 * 1024


def test_what_uploads_must_prove(cli: CommandLine) -> None:
    cli.ok("repository", "create", "main", "--trusted-publishing-only", "tools Acme_*")
    made = cli.json("repository", "show", "main")
    lines = cli.ok("repository", "show", "main").splitlines()
    cli.ok("repository", "set", "main", "--attestations-required", "*")
    changed = cli.json("repository", "show", "main")
    cli.ok("repository", "set", "main", "--trusted-publishing-only", "none")
    lifted = cli.json("repository", "show", "main")

    assert made["trusted_publishing_only"] == ["acme-*", "tools"]
    assert ["trusted_publishing_only:", "acme-*,", "tools"] in [line.split() for line in lines]
    assert changed["trusted_publishing_only"] == ["acme-*", "tools"]
    assert changed["attestations_required"] == lifted["attestations_required"] == ["*"]
    assert lifted["trusted_publishing_only"] == []
    for wrong in ("", "-", "é"):
        cli.misused("repository", "set", "main", "--trusted-publishing-only", wrong)


def test_list(cli: CommandLine) -> None:
    empty = cli.json("repository", "list")
    for name in ("tools", "main"):
        cli.ok("repository", "create", name, "--description", f"About {name}")
    table = cli.ok("repository", "list").splitlines()

    assert empty == []
    assert sorted(each["name"] for each in cli.json("repository", "list")) == ["main", "tools"]
    assert table[0].split()[:2] == ["NAME", "PUBLIC"]
    assert len(table) == 3
    assert any("About tools" in line for line in table)


def test_show_for_people(cli: CommandLine) -> None:
    cli.ok("repository", "create", "main")
    lines = cli.ok("repository", "show", "main").splitlines()

    assert lines[0].split() == ["name:", "main"]
    assert ["public:", "no"] in [line.split() for line in lines]


def test_set_and_its_opposites(cli: CommandLine) -> None:
    cli.ok("repository", "create", "main", "--description", "Ours")
    cli.ok("repository", "set", "main", "--public", "--allow-overwrite")
    opened = cli.json("repository", "show", "main")
    cli.ok("repository", "set", "main", "--private")
    private = cli.json("repository", "show", "main")
    cli.ok("repository", "set", "main", "--protect", "--max-file-size", "1GiB")
    closed = cli.json("repository", "show", "main")

    assert (opened["public"], opened["allow_overwrite"]) == (True, True)
    assert (private["public"], private["allow_overwrite"]) == (False, True)
    assert (closed["public"], closed["allow_overwrite"]) == (False, False)
    assert closed["max_file_size"] == 1024**3
    assert closed["description"] == "Ours"


def test_set_acts_on_the_next_request(main_cli: CommandLine, index: Index) -> None:
    anonymous = "/repositories/main/simple/"
    before = index.client.get(anonymous).status_code
    main_cli.ok("repository", "set", "main", "--public")
    opened = index.client.get(anonymous).status_code
    main_cli.ok("repository", "set", "main", "--private")
    closed = index.client.get(anonymous).status_code

    assert (before, opened, closed) == (401, 200, 401)


def test_overwriting_as_set(main_cli: CommandLine, index: Index) -> None:
    editions = [wheel("demo", files={"demo/n.txt": b"%d" % n}) for n in range(3)]
    first = index.upload(editions[0], "ada", PASSWORD)
    protected = index.upload(editions[1], "ada", PASSWORD)
    main_cli.ok("repository", "set", "main", "--allow-overwrite")
    allowed = index.upload(editions[1], "ada", PASSWORD)
    main_cli.ok("repository", "set", "main", "--protect")
    again = index.upload(editions[2], "ada", PASSWORD)

    assert (first, protected, allowed, again) == (200, 409, 200, 409)


def test_the_largest_file_as_set(main_cli: CommandLine, index: Index) -> None:
    main_cli.ok("repository", "set", "main", "--max-file-size", "10KiB")

    assert index.upload(wheel("small"), "ada", PASSWORD) == 200
    assert index.upload(wheel("large", padding=20_000), "ada", PASSWORD) == 413


def test_delete(main_cli: CommandLine, index: Index) -> None:
    assert index.upload(wheel("demo"), "ada", PASSWORD) == 200
    main_cli.ok("repository", "delete", "main", "--yes")

    assert main_cli.json("repository", "list") == []
    assert index.status("ada", PASSWORD) == 404


def test_refusals(main_cli: CommandLine) -> None:
    taken = main_cli.refused("repository", "create", "main")
    invalid = main_cli.refused("repository", "create", "Not Valid")
    for command in (["show"], ["set", "--public"], ["delete"]):
        unknown = main_cli.refused("repository", command[0], "absent", *command[1:])
        assert "no repository 'absent'" in unknown

    assert "a repository 'main' already" in taken
    assert "is not a valid repository name" in invalid


def test_wrong_usage(main_cli: CommandLine) -> None:
    assert "Say what to change" in main_cli.misused("repository", "set", "main")
    assert "is not a size" in main_cli.misused(
        "repository", "set", "main", "--max-file-size", "much"
    )
    assert "Missing argument" in main_cli.misused("repository", "create")
    assert "No such option" in main_cli.misused("repository", "create", "x", "--secret")
    assert "No such command" in main_cli.misused("repository", "frobnicate")
