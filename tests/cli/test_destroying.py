"""What destroys says what goes, asks at a terminal, and wants --yes elsewhere."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pypi_repo import OPERATOR
from pypi_repo.settings import format_size
from tests.cli.conftest import PASSWORD, CommandLine, Index, typed
from tests.support.distributions import sdist, wheel

ONE, TWO, SOURCE = wheel("demo"), wheel("demo", "2.0"), sdist("demo")
ONES_AND_SOURCE = f"2 files ({format_size(len(ONE.content) + len(SOURCE.content))})"
ALL = f"3 files ({format_size(sum(len(each.content) for each in (ONE, TWO, SOURCE)))})"


@pytest.fixture
def filled(main_cli: CommandLine, index: Index) -> CommandLine:
    """A project with three files; ada has two tokens; two administrators, one with a token."""
    for distribution in (ONE, TWO, SOURCE):
        assert index.upload(distribution, "ada", PASSWORD) == 200
    registry = index.registry
    registry.acting_as(OPERATOR).accounts.create_token("ada", name="laptop")
    registry.acting_as(OPERATOR).accounts.create_token("ada", name="CI")
    registry.acting_as(OPERATOR).administrators.create("root", PASSWORD)
    registry.acting_as(OPERATOR).administrators.create("second", PASSWORD)
    registry.acting_as(OPERATOR).administrators.create_token("second", name="terraform")
    operator = registry.acting_as(OPERATOR)
    operator.upstreams.create("public", url="https://index.example/simple/")
    operator.sources.add_rule("main", "deny", "demo<2")
    operator.sources.add_rule(
        "main", "exempt", "demo", reason="a fix", until=datetime.now(UTC) + timedelta(days=1)
    )
    return main_cli


DESTROYING = [
    (["repository", "delete", "main"], f"deletes repository main with 1 project and {ALL}"),
    (["project", "delete", "main", "Demo"], f"deletes demo with {ALL} from main"),
    (["release", "delete", "main", "demo", "1.0.0"], f"demo 1.0.0 with {ONES_AND_SOURCE} from"),
    (
        ["file", "delete", "main", TWO.filename],
        f"deletes {TWO.filename} ({format_size(len(TWO.content))}) from main",
    ),
    (
        ["upstream", "delete", "public"],
        "deletes upstream public (https://index.example/simple/) with its cached files",
    ),
    (["rule", "delete", "main", "1"], "deletes rule 1 (deny demo<2) of main"),
    (["exception", "delete", "main", "2"], "deletes exception 2 (demo) of main"),
    (["user", "delete", "ada"], "deletes repository user ada with 2 tokens"),
    (["token", "revoke", "2"], "revokes token 2 (CI) of ada"),
    (["admin", "delete", "second"], "deletes administrator second with 1 token"),
    (["admin", "token", "revoke", "1"], "revokes token 1 (terraform) of second"),
]
IDS = [" ".join(command[:-1]) for command, _part in DESTROYING]


@pytest.mark.parametrize(("command", "part"), DESTROYING, ids=IDS)
def test_nothing_goes_without_yes(command: list[str], part: str, filled: CommandLine) -> None:
    said = filled.refused(*command)

    assert part in said
    assert "--yes" in said
    assert filled.ok(*command, "--yes").partition(" ")[0] in ("Deleted", "Revoked")


@pytest.mark.parametrize(("command", "_part"), DESTROYING, ids=IDS)
def test_every_one_of_them_has_yes(command: list[str], _part: str, cli: CommandLine) -> None:
    assert "--yes" in cli.run_anywhere(*command, "--help").stdout


def test_what_was_said_is_what_went(filled: CommandLine) -> None:
    assert ONES_AND_SOURCE in filled.ok("release", "delete", "main", "demo", "1.0", "--yes")
    left = filled.json("project", "show", "main", "demo")["files"]
    assert [file["filename"] for file in left] == [TWO.filename]
    assert "has no release" in filled.refused("release", "delete", "main", "demo", "1.0")


def test_nobody_is_asked_through_a_closed_door(main_cli: CommandLine) -> None:
    """Without any standard input there is a sentence too."""
    program = f"{sys.executable} -m pypi_repo repository delete main --data {main_cli.data} <&-"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "--yes" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(
    ("answer", "code", "kept"), [("y", 0, []), ("n", 1, ["main"]), ("", 1, ["main"])]
)
def test_asked_at_a_terminal(
    answer: str, code: int, kept: list[str], filled: CommandLine, tmp_path: Path
) -> None:
    command = ["repository", "delete", "main", "--data", str(filled.data)]
    ended, seen = typed(*command, cwd=tmp_path, answers={"[y/N]: ": answer})

    assert ended == code
    assert "with 1 project and 3 files" in seen.partition("[y/N]")[0]
    assert ("Nothing was done." in seen) == bool(kept)
    assert [each["name"] for each in filled.json("repository", "list")] == kept
