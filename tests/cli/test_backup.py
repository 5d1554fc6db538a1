"""pypi-repo backup ..."""

import json
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pypi_repo import OPERATOR
from pypi_repo.settings import format_size
from tests.cli.conftest import PASSWORD, CommandLine, Index, stuck
from tests.support.distributions import wheel

NAME = r"\d{8}T\d{6}\.\d{6}Z"
DEMO, OTHER = wheel("demo"), wheel("other", padding=5000)
SIZE = format_size(len(DEMO.content) + len(OTHER.content))


@pytest.fixture
def filled(main_cli: CommandLine, index: Index) -> CommandLine:
    """With two files, and everything that a command line says about a backup."""
    for distribution in (DEMO, OTHER):
        assert index.upload(distribution, "ada", PASSWORD) == 200
    return main_cli


@pytest.fixture
def empty(tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path / "restored")
    command_line.registry().close()
    return command_line


def wheels(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.whl"))


def test_there_and_back(filled: CommandLine, empty: CommandLine, tmp_path: Path) -> None:
    place = str(tmp_path / "backup")
    made = filled.ok("backup", "create", place)
    again = filled.ok("backup", "create", place)
    restored = empty.ok("backup", "restore", place)

    assert re.fullmatch(
        rf"Backed up {NAME}: 2 files, {SIZE}; copied 4 of the stored files, .*\.\n", made
    )
    assert "copied 0 of the stored files, 0 bytes" in again
    assert restored.startswith("Restored ")
    assert restored.split()[1] == again.split()[2]
    assert empty.ok("upkeep", "verify") == "All files are as they were uploaded.\n"
    assert empty.ok("user", "list") == filled.ok("user", "list")
    with empty.registry() as registry:
        assert [project.name for project in registry.acting_as(OPERATOR).projects.all("main")] == [
            "demo",
            "other",
        ]


def test_show_needs_no_registry(filled: CommandLine, empty: CommandLine, tmp_path: Path) -> None:
    place = str(tmp_path / "backup")
    name = filled.ok("backup", "create", place).split()[2].rstrip(":")
    filled.ok("file", "delete", "main", DEMO.filename, "--yes")
    filled.ok("backup", "create", place)
    shown = empty.run_anywhere("backup", "show", place, "--json")
    table = empty.run_anywhere("backup", "show", place).stdout.splitlines()
    empty.ok("backup", "restore", place, "--dump", name)

    first, second = json.loads(shown.stdout)
    assert first["name"] == name
    assert (first["repositories"], first["files"], second["files"]) == (1, 2, 1)
    assert first["bytes"] == len(DEMO.content) + len(OTHER.content)
    assert first["revision"] == filled.ok("db", "current").strip()
    assert table[1].startswith(name)
    assert len(table) == 3
    assert [project["name"] for project in empty.json("project", "list", "main")] == [
        "demo",
        "other",
    ]


def test_refusals(filled: CommandLine, empty: CommandLine, tmp_path: Path) -> None:
    place = str(tmp_path / "backup")
    nothing = empty.run_anywhere("backup", "show", place)
    filled.ok("backup", "create", place)

    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "There is no backup in" in nothing.stderr
    assert "is not empty" in filled.refused("backup", "restore", place)
    assert "inside the file store" in filled.refused(
        "backup", "create", str(filled.data / "blobs" / "backup")
    )
    assert "is empty" in empty.refused("backup", "create", place)
    refused = empty.refused("backup", "restore", place, "--dump", "x")
    assert "no dump x" in refused
    assert refused.endswith(" (see `pypi-repo backup show DIR`).\n")
    assert "No file system" in filled.refused("backup", "create", "nonsense://place")


def test_a_damaged_file(filled: CommandLine, empty: CommandLine, tmp_path: Path) -> None:
    place = tmp_path / "backup"
    (path,) = filled.data.rglob(DEMO.filename)
    path.unlink()
    made = filled.run("backup", "create", str(place))
    refused = empty.run("backup", "restore", str(place))
    restored = empty.run("backup", "restore", str(place), "--skip-lost")

    line = f"{path.relative_to(filled.data / 'blobs')} (main): It is missing.\n"
    assert (made.exit_code, made.stdout) == (1, line)
    assert "1 files are damaged in the registry and not in the backup" in made.stderr
    assert (refused.exit_code, refused.stdout) == (1, line)
    assert "nothing was restored" in refused.stderr
    assert refused.stderr.endswith(" (with --skip-lost).\n")
    assert restored.exit_code == 0
    assert restored.stdout.startswith(line + "Left out 1 files")
    assert empty.ok("upkeep", "verify") == "All files are as they were uploaded.\n"
    assert [project["name"] for project in empty.json("project", "list", "main")] == [
        "demo",
        "other",
    ]


GO_ON = "Error: Interrupted; the same command goes on where it was.\n"
ENDS = pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, GO_ON), (signal.SIGTERM, GO_ON), (signal.SIGKILL, "")]
)


@ENDS
def test_a_backup_that_is_ended_half_way(
    number: signal.Signals, said: str, filled: CommandLine, empty: CommandLine, tmp_path: Path
) -> None:
    place = tmp_path / "backup"
    first, second = wheels(filled.data)
    with stuck(second, "backup", "create", str(place), "--data", str(filled.data)) as process:
        assert process.ended_by(number) == ("", said)
    halfway = filled.run_anywhere("backup", "show", str(place))
    copied = wheels(place)
    again = filled.ok("backup", "create", str(place))
    empty.ok("backup", "restore", str(place))

    assert "There is no backup" in halfway.stderr
    assert [path.name for path in copied] == [first.name]
    assert re.search("copied [12] of", again)  # what is beside the file may have been copied
    assert empty.ok("upkeep", "verify") == "All files are as they were uploaded.\n"


@ENDS
def test_a_restore_that_is_ended_half_way(
    number: signal.Signals, said: str, filled: CommandLine, empty: CommandLine, tmp_path: Path
) -> None:
    place = tmp_path / "backup"
    filled.ok("backup", "create", str(place))
    _first, second = wheels(place)
    with stuck(second, "backup", "restore", str(place), "--data", str(empty.data)) as process:
        assert process.ended_by(number) == ("", said)
    halfway = empty.json("repository", "list")
    again = empty.ok("backup", "restore", str(place))

    assert halfway == []
    assert re.search("copied [12] of", again)  # what is beside the file may have been copied
    assert empty.ok("upkeep", "verify") == "All files are as they were uploaded.\n"
    assert not (empty.data / "blobs" / ".restoring").exists()


def test_killed_at_any_moment(filled: CommandLine, empty: CommandLine, tmp_path: Path) -> None:
    """Whatever it was doing, the next one makes it whole."""
    place = str(tmp_path / "backup")
    ended = {"create": 0, "restore": 0}
    filled.ok("backup", "create", place)
    for command, data in (("create", filled.data), ("restore", empty.data)):
        for delay in (0.25, 0.35, 0.4, 0.45, 0.5, 0.6):
            with subprocess.Popen(
                [sys.executable, "-m", "pypi_repo", "backup", command, place, "--data", str(data)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(delay)
                process.kill()
            ended[command] += process.returncode == -signal.SIGKILL
    if empty.json("repository", "list") == []:
        empty.ok("backup", "restore", place)

    assert min(ended.values()) > 0, "none was killed; start earlier"
    assert empty.ok("upkeep", "verify") == "All files are as they were uploaded.\n"
    assert [project["name"] for project in empty.json("project", "list", "main")] == [
        "demo",
        "other",
    ]
