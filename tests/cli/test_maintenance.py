"""pypi-repo db ... and upkeep ..."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from pypi_repo.settings import format_size
from tests.cli.conftest import PASSWORD, CommandLine, Index, stuck
from tests.support.distributions import wheel


def test_upgrade_and_current(cli: CommandLine) -> None:
    (cli.data / "registry.db").write_bytes(b"")
    before = cli.ok("db", "current")
    refused = cli.refused("repository", "list")
    upgraded = cli.ok("db", "upgrade")
    again = cli.ok("db", "upgrade")
    revision = cli.ok("db", "current").strip()

    assert before == "empty\n"
    assert "`pypi-repo db upgrade`" in refused
    assert upgraded == again
    assert upgraded.rstrip().endswith(f"is at revision {revision}.")
    assert cli.json("repository", "list") == []


def test_a_newer_schema_is_left_alone(main_cli: CommandLine) -> None:
    with closing(sqlite3.connect(main_cli.data / "registry.db")) as database, database:
        database.execute("UPDATE pypi_repo_version SET version_num = '9999'")
    said = main_cli.refused("repository", "list")

    assert "newer than this version" in said
    assert main_cli.ok("db", "current") == "9999\n"


def blobs_of(cli: CommandLine) -> list[Path]:
    return [path for path in (cli.data / "blobs").rglob("*") if path.is_file()]


def test_sweep_frees_what_was_purged_a_day_ago(main_cli: CommandLine, index: Index) -> None:
    for version in ("1.0", "2.0"):
        assert index.upload(wheel("demo", version, padding=10_000), "ada", PASSWORD) == 200
    main_cli.ok("release", "delete", "main", "demo", "1.0", "--yes")
    main_cli.ok("trash", "purge", "main", "--yes")
    at_once = main_cli.ok("upkeep", "sweep")
    for path in blobs_of(main_cli):
        two_days_ago = time.time() - 2 * 24 * 3600
        os.utime(path, (two_days_ago, two_days_ago))
    later = main_cli.ok("upkeep", "sweep")

    assert at_once.startswith("Deleted 0 files")
    assert later.startswith("Deleted 2 files")  # the wheel and its metadata
    assert {path.name.removesuffix(".metadata") for path in blobs_of(main_cli)} == {
        "demo-2.0-py3-none-any.whl"
    }


def test_sweep_tells_programs_what_it_did(main_cli: CommandLine, index: Index) -> None:
    assert main_cli.json("upkeep", "sweep") == {"blobs": 0, "bytes": 0}


def test_sweep_refuses_what_looks_like_the_wrong_database(cli: CommandLine) -> None:
    assert "has no repository" in cli.refused("upkeep", "sweep")


def damage(cli: CommandLine, index: Index) -> None:
    """Of four files one is lost, one cut and one turned round."""
    for version in ("1.0", "2.0", "3.0", "4.0"):
        assert index.upload(wheel("demo", version), "ada", PASSWORD) == 200
    by_name = {path.name: path for path in blobs_of(cli)}
    by_name["demo-1.0-py3-none-any.whl"].unlink()
    for version, part in (("2.0", slice(-1)), ("3.0", slice(None, None, -1))):
        path = by_name[f"demo-{version}-py3-none-any.whl"]
        path.write_bytes(path.read_bytes()[part])


def test_verify(main_cli: CommandLine, index: Index) -> None:
    good = main_cli.ok("upkeep", "verify")
    damage(main_cli, index)
    result = main_cli.run("upkeep", "verify")

    assert good == "All files are as they were uploaded.\n"
    assert result.exit_code == 1
    lines = sorted(result.stdout.splitlines(), key=lambda line: line.rpartition("/")[2])
    assert [line.rpartition("/")[2].partition(":")[0] for line in lines] == [
        f"demo-{version}-py3-none-any.whl (main)" for version in ("1.0", "2.0", "3.0")
    ]
    assert "missing" in lines[0]
    assert "bytes" in lines[1]
    assert "digest" in lines[2]
    # Nothing else, and no progress bar: this is no terminal.
    assert result.stderr == (
        "Error: 3 files are damaged; copy them back from a backup, where they have the same "
        "paths.\n"
    )


def test_verify_of_another_folder(main_cli: CommandLine, index: Index, tmp_path: Path) -> None:
    """Who follows the advice to copy files from a backup would copy all of them to there."""
    for version in ("1.0", "2.0"):
        assert index.upload(wheel("demo", version), "ada", PASSWORD) == 200
    elsewhere = main_cli.run("upkeep", "verify", "--blobs", f"file://{tmp_path}/elsewhere")
    for path in blobs_of(main_cli):
        if path.name.endswith(".metadata"):
            path.unlink()
    damaged = main_cli.run("upkeep", "verify")

    assert elsewhere.exit_code == 1
    assert elsewhere.stderr.startswith(
        f"Error: None of the files is in {tmp_path}/elsewhere; if they are elsewhere, correct "
        "--blobs or --data"
    )
    assert damaged.stderr.startswith("Error: 2 files are damaged")


def test_verify_tells_programs_what_it_found(main_cli: CommandLine, index: Index) -> None:
    damage(main_cli, index)
    result = main_cli.run("upkeep", "verify", "--json")
    report = json.loads(result.stdout)
    last = report["after"]
    rest = main_cli.json("upkeep", "verify", "--after", last)

    assert result.exit_code == 1
    assert "3 files are damaged" in result.stderr
    assert (report["complete"], report["files"]) == (True, 4)
    assert report["bytes"] == sum(
        len(wheel("demo", version).content) for version in ("1.0", "2.0", "3.0", "4.0")
    )
    assert sorted(problem["fault"] for problem in report["problems"]) == [
        "missing",
        "wrong-digest",
        "wrong-size",
    ]
    for problem in report["problems"]:
        assert set(problem) == {"path", "repositories", "fault", "what", "is_gone"}
        assert problem["repositories"] == ["main"]
    assert rest == {"after": last, "complete": True, "files": 0, "bytes": 0, "problems": []}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_verify_says_how_to_go_on(
    number: signal.Signals, options: list[str], main_cli: CommandLine, index: Index
) -> None:
    for version in ("1.0", "2.0"):
        assert index.upload(wheel("demo", version), "ada", PASSWORD) == 200
    first, second = sorted(path for path in blobs_of(main_cli) if path.suffix == ".whl")
    command = ["upkeep", "verify", *options, "--data", str(main_cli.data)]
    with stuck(second, *command) as process:
        output, errors = process.ended_by(number)
    digest = "".join(first.relative_to(main_cli.data / "blobs").parts[:-1])

    assert errors == (
        f"Error: Interrupted; go on with `pypi-repo upkeep verify --after {digest}`.\n"
    )
    if options:
        report = json.loads(output)
        assert (report["complete"], report["after"], report["files"]) == (False, digest, 1)
    rest = main_cli.json("upkeep", "verify", "--after", digest)
    assert (rest["files"], rest["problems"]) == (1, [])


@pytest.mark.parametrize("typed", ["xyz", "0" * 63, "g" * 64])
def test_verify_goes_on_after_no_mistyped_digest(main_cli: CommandLine, typed: str) -> None:
    assert "64 hexadecimal digits" in main_cli.run("upkeep", "verify", "--after", typed).stderr
    assert "after that one" in main_cli.ok("upkeep", "verify", "--after", "0" * 64)


def test_verify_shows_its_progress_on_a_terminal(main_cli: CommandLine, index: Index) -> None:
    assert index.upload(wheel("demo", "1.0"), "ada", PASSWORD) == 200
    size = len(wheel("demo", "1.0").content)
    shown, output = on_a_terminal("upkeep", "verify", "--data", str(main_cli.data))

    assert output == "All files are as they were uploaded.\n"
    assert "100%" in shown
    assert format_size(size) in shown


def on_a_terminal(*args: str) -> tuple[str, str]:
    """What a command draws on the terminal that its stderr is, and its stdout."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "pypi_repo", *args], stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        output, _ = process.communicate(timeout=120)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb") as terminal, suppress(OSError):  # which is how a terminal ends
        while piece := terminal.read1(100_000):
            shown += piece
    assert process.returncode == 0, shown
    return shown.decode(), output


def test_verify_of_an_empty_registry(main_cli: CommandLine) -> None:
    assert main_cli.ok("upkeep", "verify") == "All files are as they were uploaded.\n"
    assert main_cli.ok("upkeep", "sweep").startswith("Deleted 0 files")


def test_chores_are_done_and_listed(main_cli: CommandLine) -> None:
    before = main_cli.json("upkeep", "list")
    done = main_cli.ok("upkeep", "run")
    again = main_cli.json("upkeep", "run")
    after = main_cli.json("upkeep", "list")

    names = [chore["name"] for chore in before]
    assert {"expire", "trim-caches", "sweep"} <= set(names)
    assert {chore["ended_at"] for chore in before} == {None}
    assert done == "".join(f"{name}: nothing to do.\n" for name in names)
    assert again == []
    assert {chore["failure"] for chore in after} == {None}
    assert None not in {chore["ended_at"] for chore in after}


def test_a_chore_that_fails_is_told(main_cli: CommandLine) -> None:
    with closing(sqlite3.connect(main_cli.data / "registry.db")) as database, database:
        database.execute("INSERT INTO notes VALUES ('place', 'sealed', '2026-01-01 00:00:00.0')")
        database.execute(
            "CREATE TRIGGER broken BEFORE DELETE ON notes BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
    refused = main_cli.run("upkeep", "run")
    failures = {chore["name"]: chore["failure"] for chore in main_cli.json("upkeep", "list")}

    assert refused.exit_code == 1
    assert refused.stdout == "".join(
        f"{name}: nothing to do.\n" for name in failures if name != "expire"
    )
    failure, then = refused.stderr.splitlines()
    assert failure == f"expire: {failures['expire']}"
    assert then == "Error: A chore failed; it is tried again when it is due."
    assert "broken" in failures["expire"]
    assert failures["sweep"] is None


def test_chores_are_done_until_the_process_is_asked_to_end(main_cli: CommandLine) -> None:
    command = [sys.executable, "-m", "pypi_repo", "upkeep", "run", "--forever"]
    with subprocess.Popen(
        [*command, "--data", str(main_cli.data)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    assert lines[0] == "expire: nothing to do.\n"
    assert "--forever" in main_cli.misused("upkeep", "run", "--forever", "--json")
