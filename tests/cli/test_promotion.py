"""pypi-repo release promote and project promote"""

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import sdist, wheel

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
    assert cli.ok(*promote, "--move").startswith("Moved Team.Tool 1 with 2 files (")
    assert filenames(cli, "main") == [NEWER.filename]


def test_a_project(cli: CommandLine) -> None:
    """M2"""
    cli.ok("project", "promote", "main", "Team.Tool", "releases")
    assert filenames(cli, "releases") == filenames(cli, "main")
    cli.ok("project", "promote", "main", "Team.Tool", "releases", "--move")
    assert filenames(cli, "releases") == [WHEEL.filename, SDIST.filename, NEWER.filename]
    cli.refused("project", "show", "main", "Team.Tool")


def test_what_the_target_refuses(cli: CommandLine) -> None:
    cli.ok("repository", "set", "releases", "--max-file-size", "1")
    assert WHEEL.filename in cli.refused(
        "release", "promote", "main", "team-tool", "1.0", "releases", "--move"
    )
    cli.refused("project", "show", "releases", "team-tool")
    assert filenames(cli, "main") == [WHEEL.filename, SDIST.filename, NEWER.filename]
