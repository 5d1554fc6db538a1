"""pypi-repo import ... (I1, I2, I3)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from tests.cli.conftest import PASSWORD, CommandLine, typed
from tests.conftest import READER
from tests.support.distributions import sdist, wheel
from tests.support.live import LiveServer
from tests.support.scripted_index import ScriptedIndex
from tests.support.uploads import upload
from tests.support.waiting import wait_until

FILES = [wheel("demo", "1.0"), sdist("demo", "1.0"), wheel("other", "2.0")]
ODD = wheel("demo", "1.5", filename="Demo-1.5-py3-none-any.whl")
LOCAL = ("--allow-http", "--allow-private-network")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in FILES:
        file.save(tmp_path / "packages")
    return tmp_path / "packages"


def test_a_folder(main_cli: CommandLine, folder: Path) -> None:
    said = main_cli.ok("import", "main", str(folder))
    again = main_cli.ok("import", "main", str(folder))

    size = sum(len(file.content) for file in FILES)
    assert said.startswith("Imported 3 files (")
    assert said.endswith("; 0 were here already.\n")
    assert again == "Imported 0 files (0 bytes); 3 were here already.\n"
    listed = {each["name"]: each for each in main_cli.json("project", "list", "main")}
    assert sorted(listed) == ["demo", "other"]
    assert sum(each["size"] for each in listed.values()) == size


def test_what_is_left_out_is_told(main_cli: CommandLine, folder: Path) -> None:
    """I3: each file with its reason, and exit status 1."""
    ODD.save(folder)
    done = main_cli.run("import", "main", str(folder))
    assert (done.exit_code, done.stdout) == (1, "")
    told, end = done.stderr.splitlines()
    assert told.startswith(f"Left out: {ODD.filename}: ")
    assert end.startswith("Error: Imported 3 files (")
    assert end.endswith("0 were here already, and 1 was left out.")


def test_as_it_is(main_cli: CommandLine, folder: Path) -> None:
    """I3."""
    ODD.save(folder)
    done = main_cli.run("import", "main", str(folder), "--as-is", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["imported"], report["here"], report["left_out"]) == (4, 0, [])
    (exempted,) = report["exempted"]
    assert (exempted["project"], exempted["filename"]) == ("demo", ODD.filename)
    assert main_cli.ok("import", "main", str(folder)).endswith("4 were here already.\n")


def test_an_assessment(main_cli: CommandLine, folder: Path) -> None:
    """I3."""
    ODD.save(folder)
    done = main_cli.run("import", "main", str(folder), "--assess")
    found = main_cli.json("import", "main", str(folder), "--assess")

    assert done.exit_code == 0
    assert done.stderr.startswith(f"Refused by the profile: {ODD.filename}: ")
    lines = {
        key.strip(): value.strip()
        for key, _colon, value in (line.partition(":") for line in done.stdout.splitlines())
    }
    assert lines["projects"] == "2, of which 2 are not here yet"
    assert lines["refused by the profile"] == "1, unless imported with --as-is"
    assert (found["files"], found["here"], len(found["refused"])) == (4, 0, 1)
    assert main_cli.json("project", "list", "main") == []


def test_only_some_projects(main_cli: CommandLine, folder: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "projects.txt"
    wanted.write_text("oth*  # ours\n")
    assert main_cli.ok("import", "main", str(folder), "--projects", str(wanted)).startswith(
        "Imported 1 file ("
    )


@pytest.fixture
def elsewhere(registry: Registry) -> Iterator[str]:
    """The simple index of another registry, which wants to know who reads it."""
    for file in FILES:
        upload(registry, file)
    registry.acting_as(OPERATOR).projects.yank_file("main", FILES[0].filename, "broken")
    server = LiveServer(registry.wsgi_app())
    yield f"{server.url}/repositories/main/simple/"
    server.close()


def test_another_registry(main_cli: CommandLine, elsewhere: str) -> None:
    """I1: by the URL of its simple index, with credentials from stdin."""
    options = (*LOCAL, "--username", READER, "--password-stdin")
    wrong = main_cli.refused("import", "main", elsewhere, *options, stdin="wrong\n")
    said = main_cli.ok("import", "main", elsewhere, *options, stdin=f"{PASSWORD}\n")

    assert "credentials" in wrong
    assert said.startswith("Imported 3 files (")
    shown = main_cli.json("project", "show", "main", "demo")
    assert {file["filename"]: file["yanked"] for file in shown["files"]} == {
        FILES[0].filename: True,
        FILES[1].filename: False,
    }


def test_refusals_name_the_options(main_cli: CommandLine) -> None:
    """Each the one that is meant, and there is no upstream."""
    for url, option in (
        ("http://127.0.0.1:9/simple/", "(with --allow-http)"),
        ("https://127.0.0.1:9/simple/", "(with --allow-private-network)"),
        ("https://me:pw@127.0.0.1/simple/", "(with --username and --password-stdin)"),
        ("devpi+https://127.0.0.1:9/root/pypi", "(with --allow-private-network)"),
        ("https://no..host/simple/", "tell who runs it."),
    ):
        said = main_cli.refused("import", "main", url)
        assert option in said
        assert "source" in said
        assert "upstream" not in said


@pytest.mark.parametrize("options", [("--username", "me"), ("--password-stdin",), ("--jobs", "0")])
def test_wrong_usage(main_cli: CommandLine, folder: Path, options: tuple[str, ...]) -> None:
    assert main_cli.run("import", "main", str(folder), *options).exit_code == 2


def test_an_interrupted_import_goes_on(main_cli: CommandLine) -> None:
    """I3: Ctrl+C ends it within files, and what is there stays there."""
    with ScriptedIndex() as index:
        for number in range(20):
            file = wheel("demo", f"1.{number}")
            index.add(file.filename, file.content)
        index.add("wanted-1.0-py3-none-any.whl", wheel("wanted").content)
        held = index.holds_back("wanted")
        names = main_cli.data.parent / "names.txt"
        names.write_text("demo\nwanted\n")
        options = ("--projects", str(names), *LOCAL, "--data", str(main_cli.data))
        process = subprocess.Popen(
            [sys.executable, "-m", "pypi_repo", "import", "main", index.url, *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: len(index.asked) >= 20)
        process.send_signal(signal.SIGINT)
        held.set()
        _stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 1
        assert stderr == "Error: Interrupted; the same command goes on where it was.\n"
        said = main_cli.ok("import", "main", index.url, *options[:-2])
    assert said.endswith(" here already.\n")
    assert len(main_cli.json("project", "list", "main")) == 2
    assert main_cli.json("upkeep", "verify")["problems"] == []


def test_a_terminal_shows_how_far_it_is(main_cli: CommandLine, folder: Path) -> None:
    """I3."""
    status, seen = typed(
        *("import", "main", str(folder), "--data", str(main_cli.data)), cwd=folder, answers={}
    )
    assert status == 0
    assert "2 of 2 projects, 3 files" in seen
    assert "Imported 3 files" in seen
