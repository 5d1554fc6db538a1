"""pypi-repo trash ..., and how to undo what was deleted."""

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import sdist, wheel

ONE, TWO, SOURCE = wheel("demo"), wheel("demo", "2.0"), sdist("demo")


@pytest.fixture
def cli(main_cli: CommandLine, index: Index) -> CommandLine:
    for distribution in (ONE, TWO, SOURCE):
        assert index.upload(distribution, "ada", PASSWORD) == 200
    return main_cli


DELETING = {
    "file": ["file", "delete", "main", ONE.filename],
    "release": ["release", "delete", "main", "demo", "1.0"],
    "project": ["project", "delete", "main", "demo"],
}


@pytest.mark.parametrize("what", DELETING)
def test_a_deletion_says_how_to_undo_it(cli: CommandLine, what: str) -> None:
    """R2: with a command that does it."""
    before = cli.json("project", "show", "main", "demo")["files"]
    said = cli.ok(*DELETING[what], "--yes")
    _deleted, _colon, command = said.strip().partition("Undo it with: pypi-repo ")
    restored = cli.ok(*command.split())
    assert restored.startswith("Restored ")
    assert cli.json("project", "show", "main", "demo")["files"] == before


def test_the_trash_is_listed(cli: CommandLine) -> None:
    """R2"""
    assert cli.json("trash", "list", "main") == []
    cli.ok(*DELETING["file"], "--yes")
    cli.ok(*DELETING["project"], "--yes")
    listed = cli.json("trash", "list", "main")
    table = cli.ok("trash", "list", "main").splitlines()
    assert [(each["action"], each["name"], each["files"]) for each in listed] == [
        ("delete project", "demo", 2),
        ("delete file", ONE.filename, 1),
    ]
    assert (listed[1]["version"], listed[1]["filename"]) == ("1.0", ONE.filename)
    assert listed[0]["size"] > len(TWO.content) + len(SOURCE.content)
    assert table[0].split() == [
        *("ID", "ACTION", "NAME", "FILES", "SIZE", "DELETED_AT", "DELETED_BY"),
    ]
    assert len(table) == 3


def test_purging_asks_first_and_is_for_good(cli: CommandLine) -> None:
    """R2"""
    for what in ("file", "release"):
        cli.ok(*DELETING[what], "--yes")
    newest, oldest = (str(entry["id"]) for entry in cli.json("trash", "list", "main"))
    assert f"deletes {ONE.filename} from the trash" in cli.refused("trash", "purge", "main", oldest)
    assert "deletes 2 entries from" in cli.refused("trash", "purge", "main")
    assert cli.ok("trash", "purge", "main", oldest, "--yes").startswith(f"Deleted {ONE.filename} ")
    assert [str(entry["id"]) for entry in cli.json("trash", "list", "main")] == [newest]
    assert "no entry" in cli.refused("trash", "restore", "main", oldest)
    assert "no entry" in cli.refused("trash", "purge", "main", newest, oldest, "--yes")
    assert cli.ok("trash", "purge", "main", "--yes").startswith("Deleted demo 1.0 with 1 file ")
    assert cli.ok("trash", "purge", "main", "--yes") == "The trash of main is empty.\n"


def test_without_a_trash_there_is_nothing_to_undo(cli: CommandLine) -> None:
    """R1: by the environment, which `serve` reads as well."""
    result = cli.run(*DELETING["release"], "--yes", env={"PYPI_REPO_TRASH_DAYS": "0"})
    assert result.exit_code == 0
    assert "Undo" not in result.stdout
    assert cli.json("trash", "list", "main") == []


@pytest.mark.parametrize("days", ["soon", "-1", "3651", "1.5"])
def test_the_days_of_the_trash_must_be_a_number(cli: CommandLine, days: str) -> None:
    result = cli.run("trash", "list", "main", env={"PYPI_REPO_TRASH_DAYS": days})
    assert result.exit_code == 2
    assert "PYPI_REPO_TRASH_DAYS" in result.stderr


def test_the_quota_can_count_the_trash(cli: CommandLine) -> None:
    """R3"""
    cli.ok("repository", "set", "main", "--quota-counts-trash")
    assert cli.json("repository", "show", "main")["quota_counts_trash"] is True
