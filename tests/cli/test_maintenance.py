"""pypi-repo db ... and upkeep ..."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel


def test_upgrade_and_current(cli: CommandLine) -> None:
    cli.data.mkdir()
    (cli.data / "registry.db").touch()
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
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    said = main_cli.refused("repository", "list")

    assert "newer than this version" in said
    assert main_cli.ok("db", "current") == "9999\n"


def blobs_of(cli: CommandLine) -> list[Path]:
    return [path for path in (cli.data / "blobs").rglob("*") if path.is_file()]


def test_sweep_frees_what_was_deleted_a_day_ago(main_cli: CommandLine, index: Index) -> None:
    for version in ("1.0", "2.0"):
        assert index.upload(wheel("demo", version, padding=10_000), "ada", PASSWORD) == 200
    main_cli.ok("release", "delete", "main", "demo", "1.0")
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


def test_verify(main_cli: CommandLine, index: Index) -> None:
    for version in ("1.0", "2.0", "3.0", "4.0"):
        assert index.upload(wheel("demo", version), "ada", PASSWORD) == 200
    good = main_cli.ok("upkeep", "verify")
    by_name = {path.name: path for path in blobs_of(main_cli)}
    by_name["demo-1.0-py3-none-any.whl"].unlink()
    content = by_name["demo-2.0-py3-none-any.whl"].read_bytes()
    by_name["demo-2.0-py3-none-any.whl"].write_bytes(content[:-1])
    by_name["demo-3.0-py3-none-any.whl"].write_bytes(content[::-1])
    result = main_cli.run("upkeep", "verify")

    assert good == "All files are what was uploaded.\n"
    assert result.exit_code == 1
    lines = sorted(result.stdout.splitlines())
    assert [line.split(":")[0] for line in lines] == [
        f"demo-{version}-py3-none-any.whl" for version in ("1.0", "2.0", "3.0")
    ]
    assert "missing" in lines[0]
    assert "bytes" in lines[1]
    assert "3 files are damaged" in result.stderr


def test_verify_of_an_empty_registry(main_cli: CommandLine) -> None:
    assert main_cli.ok("upkeep", "verify") == "All files are what was uploaded.\n"
    assert main_cli.ok("upkeep", "sweep").startswith("Deleted 0 files")
