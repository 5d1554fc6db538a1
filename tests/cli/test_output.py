"""What people see: nobody's words steer their terminal, and emptiness is said."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.text import printable
from pypi_repo.storage.database.tables import (
    administrator_tokens,
    projects,
    repositories,
    tokens,
)
from pypi_repo.storage.database.upstream_tables import source_rules
from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel

EVIL = "\x1b[2J\x1b[1mgone\x9b31m\r\n2  admin  \u202etxt\u200b\x7f"


def assert_harmless(text: str) -> None:
    assert printable(text.replace("\n", "")) == text.replace("\n", "")


def test_printable() -> None:
    assert printable("Größe  東京 🎉") == "Größe  東京 🎉"
    assert printable(EVIL) == (r"\x1b[2J\x1b[1mgone\x9b31m\r\n2  admin  \u202etxt\u200b\x7f")
    assert printable("a\u2028b\ud800") == r"a\u2028b\ud800"


def test_tables_and_sentences_hold_no_escape_sequences(main_cli: CommandLine, index: Index) -> None:
    registry = index.registry
    token, _secret = registry.acting_as(OPERATOR).accounts.create_token("ada")
    registry.acting_as(OPERATOR).administrators.create("root", PASSWORD)
    registry.acting_as(OPERATOR).administrators.create_token("root")
    assert index.upload(wheel("demo"), "ada", PASSWORD) == 200
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "archived")
    registry.acting_as(OPERATOR).sources.add_rule("main", "deny", "demo")
    _write_as_nobody_could(registry)
    for command in (
        ["repository", "list"],
        ["repository", "show", "main"],
        ["token", "list", "ada"],
        ["admin", "token", "list", "root"],
        ["project", "list", "main"],
        ["project", "show", "main", "demo"],
        ["rule", "list", "main"],
        ["token", "revoke", str(token.id), "--yes"],
        ["admin", "token", "revoke", "1", "--yes"],
    ):
        printed = main_cli.ok(*command)
        assert_harmless(printed)
        if command[:2] != ["project", "list"]:
            assert r"\x1b[2J" in printed
    assert_harmless(main_cli.refused("project", "show", "main", EVIL))
    assert_harmless(main_cli.refused("token", "create", "ada", "--name", EVIL))


def _write_as_nobody_could(registry: Registry) -> None:
    """As another program with the same database might, or a dump that was edited."""
    with registry._database.begin() as connection:
        for column in (
            repositories.c.description,
            projects.c.status_reason,
            tokens.c.name,
            administrator_tokens.c.name,
            source_rules.c.reason,
        ):
            connection.execute(update(column.table).values({column: EVIL}))


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["repository", "list"], "`repository create`"),
        (["upstream", "list"], "`upstream create`"),
        (["user", "list"], "`user create`"),
        (["admin", "list"], "`admin create`"),
    ],
)
def test_an_empty_registry_says_so(command: list[str], part: str, cli: CommandLine) -> None:
    cli.registry().close()
    result = cli.run(*command)

    assert (result.exit_code, result.stdout) == (0, "")
    assert part in result.stderr
    assert cli.json(*command) == []


def test_empty_lists_say_so(main_cli: CommandLine) -> None:
    tokens = main_cli.run("token", "list", "ada")
    projects = main_cli.run("project", "list", "main")
    rules = main_cli.run("rule", "list", "main")
    exceptions = main_cli.run("exception", "list", "main")

    assert (tokens.exit_code, tokens.stdout) == (0, "")
    assert "ada has no tokens" in tokens.stderr
    assert "no projects in main" in projects.stderr
    assert "`rule add`" in rules.stderr
    assert "`exception add`" in exceptions.stderr
    assert main_cli.json("token", "list", "ada") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to write to")
@pytest.mark.parametrize(
    "command",
    [
        ["repository", "list"],
        ["repository", "list", "--json"],
        ["repository", "create", "other"],
        ["serve", "--port", "0"],
    ],
    ids=" ".join,
)
def test_a_full_output_is_one_sentence(
    command: list[str], main_cli: CommandLine, index: Index
) -> None:
    done = into_full_output(command, main_cli.data)

    assert done.returncode == 1
    assert done.stderr == (
        "Error: Standard output cannot be written: No space left on device. Send it elsewhere.\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to write to")
def test_passwords_that_nobody_could_read_are_not_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = into_full_output(["serve", "--port", "0"], data)
    with Registry(Settings(database=f"sqlite:///{data}/registry.db")) as registry:
        made = [
            *registry.acting_as(OPERATOR).administrators.all(),
            *registry.acting_as(OPERATOR).accounts.users(),
        ]

    assert done.returncode == 1
    assert made == []


@pytest.mark.parametrize(
    "command",
    [
        ["project", "list", "\udcff"],
        ["token", "list", "\udcff"],
        ["token", "create", "ada", "--name", "\udcff"],
        ["repository", "set", "main", "--description", "a \udcff"],
        ["user", "set", "ada", "--access", "\udcff=read"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_arguments_that_are_not_utf_8_are_refused_in_a_sentence(
    command: list[str], main_cli: CommandLine
) -> None:
    refusal = main_cli.refused(*command)

    assert "is not UTF-8" in refusal
    assert_harmless(refusal)


def into_full_output(command: list[str], data: Path) -> subprocess.CompletedProcess[str]:
    with Path("/dev/full").open("w") as full:
        return subprocess.run(
            [sys.executable, "-m", "pypi_repo", *command, "--data", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
