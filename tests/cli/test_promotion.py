"""pypi-repo release promote and project promote"""

from typing import Any
from urllib.parse import urljoin

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import sdist, wheel
from tests.support.http import JSON, basic

WHEEL, SDIST, NEWER = wheel("Team.Tool"), sdist("Team.Tool"), wheel("Team.Tool", "2.0")


@pytest.fixture
def cli(main_cli: CommandLine, index: Index) -> CommandLine:
    """Team.Tool 1.0 (a wheel and an sdist) and 2.0 (a wheel) are in `main`."""
    main_cli.ok("repository", "create", "releases")
    for dist in (WHEEL, SDIST, NEWER):
        assert index.upload(dist, "ada", PASSWORD) == 200
    return main_cli


def filenames(cli: CommandLine, repository: str) -> list[str]:
    shown = cli.json("project", "show", repository, "team-tool")
    return [file["filename"] for file in shown["files"]]


def test_a_release(cli: CommandLine) -> None:
    """M2"""
    promote = ("release", "promote", "main", "team-tool", "1", "releases")
    assert cli.ok(*promote).startswith("Copied Team.Tool 1 with 2 files (")
    assert filenames(cli, "releases") == [WHEEL.filename, SDIST.filename]
    assert filenames(cli, "main") == [WHEEL.filename, SDIST.filename, NEWER.filename]
    assert "already" in cli.ok(*promote)
    assert cli.ok(*promote, "--move", "--yes").startswith("Moved Team.Tool 1 with 2 files (")
    assert filenames(cli, "main") == [NEWER.filename]


def test_installers_get_the_same(cli: CommandLine, index: Index) -> None:
    """M1: a server that runs shows it with the next request, and the files are where they were."""
    before = page(index, "main")
    assert page(index, "releases") is None
    cli.ok("release", "yank", "main", "team-tool", "2.0", "--reason", "broken")
    cli.ok("project", "promote", "main", "team-tool", "releases", "--move", "--yes")
    after = page(index, "releases")
    assert page(index, "main") is None
    assert before is not None
    assert after is not None
    assert [{**file, "yanked": False} for file in after["files"]] == before["files"]
    assert [file["yanked"] for file in after["files"]] == [False, False, "broken"]
    for file in after["files"]:
        url = urljoin("/repositories/releases/simple/team-tool/", file["url"])
        for suffix in ("", ".metadata") if file.get("core-metadata") else ("",):
            answer = index.client.get(url + suffix, headers=basic("ada", PASSWORD))
            assert answer.status_code == 200


def page(index: Index, repository: str) -> dict[str, Any] | None:
    """The project page as installers see it; None where there is none."""
    headers = {**basic("ada", PASSWORD), "Accept": JSON}
    answer = index.client.get(f"/repositories/{repository}/simple/team-tool/", headers=headers)
    return answer.get_json(force=True) if answer.status_code == 200 else None


def test_a_project(cli: CommandLine) -> None:
    """M2"""
    cli.ok("project", "promote", "main", "Team.Tool", "releases")
    assert filenames(cli, "releases") == filenames(cli, "main")
    cli.ok("project", "promote", "main", "Team.Tool", "releases", "--move", "--yes")
    assert filenames(cli, "releases") == [WHEEL.filename, SDIST.filename, NEWER.filename]
    cli.refused("project", "show", "main", "Team.Tool")


def test_what_the_target_refuses(cli: CommandLine) -> None:
    cli.ok("repository", "set", "releases", "--max-file-size", "1")
    assert WHEEL.filename in cli.refused(
        "release", "promote", "main", "team-tool", "1.0", "releases", "--move", "--yes"
    )
    cli.refused("project", "show", "releases", "team-tool")
    assert filenames(cli, "main") == [WHEEL.filename, SDIST.filename, NEWER.filename]


@pytest.mark.parametrize("what", [("release", "team-tool", "1"), ("project", "team-tool")])
def test_m2_a_move_is_asked_about(cli: CommandLine, what: tuple[str, ...]) -> None:
    """Nothing undoes it, as opposed to a deletion."""
    noun, *names = what
    move = (noun, "promote", "main", *names, "releases", "--move")
    assert "stay taken in main" in cli.refused(*move)
    assert cli.json("project", "list", "releases") == []
    assert cli.ok(*move, "--yes").startswith("Moved ")
