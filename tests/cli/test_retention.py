"""pypi-repo retention ..., release pin and unpin (K1 to K3)."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from pypi_repo.storage.database.operation_tables import chores
from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.aging import fill, grow_old
from tests.support.distributions import wheel


@pytest.fixture
def old_cli(main_cli: CommandLine, index: Index) -> CommandLine:
    """With old releases of two projects."""
    for version in ("1.0", "2.0", "3.0", "3.1.dev1", "3.1.dev2"):
        assert index.upload(wheel(version=version), "ada", PASSWORD) == 200
    assert index.upload(wheel("other", "1.0"), "ada", PASSWORD) == 200
    grow_old(index.registry._database)
    return main_cli


def versions(cli: CommandLine, project: str = "demo") -> set[str]:
    shown = cli.json("project", "show", "main", project)
    return {file["version"] for file in shown["files"]}


def test_k1_a_rule_from_its_making_to_its_end(old_cli: CommandLine) -> None:
    said = old_cli.ok("retention", "add", "main", "Demo*", "--keep-last", "1", "--only", "dev")
    old_cli.ok(
        *("retention", "add", "main", "*", "--keep-last", "2", "--keep-younger", "90d"),
        *(
            "--keep-downloaded",
            "30d",
            "--keep-matching",
            ">=2",
            "--only",
            "dev",
            "--only",
            "finals",
        ),
    )
    first, second = old_cli.json("retention", "list", "main")
    table = old_cli.ok("retention", "list", "main").splitlines()
    asked = old_cli.refused("retention", "delete", "main", str(first["id"]))
    old_cli.ok("retention", "delete", "main", str(first["id"]), "--yes")

    assert said.startswith(
        f"Added retention rule {first['id']} to main: demo* dev: keep-last 1. See what it deletes:"
    )
    assert (first["pattern"], first["only"], first["keep_last"]) == ("demo*", ["dev"], 1)
    assert (first["author"], first["previewed_at"]) == ("operator", None)
    assert second["only"] == ["finals", "dev"]
    assert [second[f"keep_{term}"] for term in ("last", "younger", "downloaded", "matching")] == [
        *(2, "90d", "30d", ">=2"),
    ]
    assert len(table) == 3
    assert f"This deletes retention rule {first['id']} (demo* dev: keep-last 1) of main" in asked
    assert [rule["id"] for rule in old_cli.json("retention", "list", "main")] == [second["id"]]


def test_k3_preview_then_run(old_cli: CommandLine) -> None:
    old_cli.ok("retention", "add", "main", "demo", "--keep-last", "1")
    refused = old_cli.refused("retention", "run", "main")
    before = versions(old_cli)
    listed = old_cli.json("retention", "preview", "main")
    shown = old_cli.run("retention", "preview", "main")
    done = old_cli.ok("retention", "run", "main")

    assert "preview them first" in refused
    assert before == {"1.0", "2.0", "3.0", "3.1.dev1", "3.1.dev2"}
    assert [(each["project"], each["version"]) for each in listed] == [
        *(("demo", "1.0"), ("demo", "2.0"), ("demo", "3.1.dev1")),
    ]
    assert set(listed[0]) == {
        *("project", "version", "files", "size", "here_since", "downloaded_on", "rule", "reason"),
    }
    assert listed[0]["reason"] == "not among the last final release"
    assert datetime.fromisoformat(listed[0]["here_since"]) < datetime.now(UTC)
    header, *rows = shown.stdout.splitlines()
    assert header.split()[:3] == ["PROJECT", "VERSION", "FILES"]
    assert [row.split()[1] for row in rows] == ["1.0", "2.0", "3.1.dev1"]
    assert shown.stderr.startswith("3 releases with 3 files (")
    assert shown.stderr.endswith("would be deleted, 2 releases of the same projects kept.\n")
    assert done.startswith("Deleted 3 releases with 3 files (")
    assert done.endswith("from main.\n")
    assert versions(old_cli) == {"3.0", "3.1.dev2"}
    assert versions(old_cli, "other") == {"1.0"}


def test_k3_the_chore_deletes_what_was_previewed(old_cli: CommandLine, index: Index) -> None:
    old_cli.ok("retention", "add", "main", "demo", "--keep-last", "1", "--only", "finals")
    before = old_cli.ok("upkeep", "run")
    old_cli.ok("retention", "preview", "main")
    with index.registry._database.begin() as connection:
        connection.execute(update(chores).values(due_at=datetime.now(UTC)))
    after = old_cli.ok("upkeep", "run")
    assert "retention: nothing to do.\n" in before
    assert "retention: Deleted 2 releases with 2 files, " in after
    assert versions(old_cli) == {"3.0", "3.1.dev1", "3.1.dev2"}


def test_k3_no_more_than_a_limit(old_cli: CommandLine) -> None:
    old_cli.ok("retention", "add", "main", "*", "--keep-last", "1")
    old_cli.json("retention", "preview", "main")
    said = old_cli.ok("retention", "run", "main", "--limit", "2")
    assert said.endswith("from main. More is left for the next run.\n")
    assert versions(old_cli) == {"3.0", "3.1.dev1", "3.1.dev2"}
    old_cli.misused("retention", "run", "main", "--limit", "0")


def test_k2_pins(old_cli: CommandLine) -> None:
    old_cli.ok("retention", "add", "main", "*", "--keep-last", "1", "--only", "finals")
    pinned = old_cli.ok("release", "pin", "main", "demo", "1.0", "--reason", "in use")
    assert [each["version"] for each in old_cli.json("retention", "preview", "main")] == ["2.0"]
    shown = old_cli.ok("project", "show", "main", "demo").splitlines()
    assert ["pinned:", "1.0=in", "use"] in [line.split() for line in shown]
    assert old_cli.json("project", "show", "main", "demo")["pinned"] == {"1.0": "in use"}
    unpinned = old_cli.ok("release", "unpin", "main", "demo", "1.0.0")
    assert len(old_cli.json("retention", "preview", "main")) == 2
    assert pinned == "Pinned demo 1.0 in main.\n"
    assert unpinned == "demo 1.0.0 in main is no longer pinned.\n"
    assert "has no release" in old_cli.refused("release", "pin", "main", "demo", "9.0")


def test_nothing_to_show_is_said(main_cli: CommandLine) -> None:
    for command in ("list", "preview"):
        result = main_cli.run("retention", command, "main")
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == (
            "There are no retention rules in main; `retention add` makes one.\n"
        )
        assert main_cli.json("retention", command, "main") == []
    main_cli.ok("retention", "add", "main", "*", "--keep-last", "1")
    assert main_cli.run("retention", "preview", "main").stderr == (
        "Nothing in main would be deleted.\n"
    )
    assert "no retention rule 7" in main_cli.refused("retention", "delete", "main", "7", "--yes")


def test_what_a_rule_cannot_say(main_cli: CommandLine) -> None:
    assert "Say what the rule keeps" in main_cli.refused("retention", "add", "main", "*")
    for wrong in (("--keep-younger", "soon"), ("--keep-last", "-1"), ("--keep-matching", "2")):
        main_cli.refused("retention", "add", "main", "*", *wrong)
    main_cli.misused("retention", "add", "main", "*", "--keep-last", "1", "--only", "final")


def test_k5_a_long_preview_is_printed_as_it_is_found(main_cli: CommandLine, index: Index) -> None:
    """In the form of a short one."""
    fill(index.registry._database, projects=3, releases_each=700)
    main_cli.ok("retention", "add", "main", "*", "--keep-last", "1")
    printed = main_cli.ok("retention", "preview", "main", "--json")
    listed = json.loads(printed)
    assert len(listed) == 3 * 699
    assert printed == json.dumps(listed, indent=2) + "\n"
    header, *rows = main_cli.ok("retention", "preview", "main").splitlines()
    assert len(rows) == 3 * 699
    assert len({row.index("not among") for row in rows} | {header.index("REASON")}) == 1
