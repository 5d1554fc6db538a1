"""pypi-repo project ..., release ... and file ..."""

from typing import Any

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import sdist, wheel
from tests.support.http import JSON, basic

WHEEL, SDIST = "team_tool-1.0-py3-none-any.whl", "team_tool-1.0.tar.gz"


@pytest.fixture
def cli(main_cli: CommandLine, index: Index) -> CommandLine:
    """Team.Tool 1.0 (a wheel and an sdist) and 2.0 (a wheel) are in `main`."""
    for dist in (wheel("Team.Tool"), sdist("Team.Tool"), wheel("Team.Tool", "2.0")):
        assert index.upload(dist, "ada", PASSWORD) == 200
    return main_cli


def page(index: Index) -> Any:
    """The project page as installers see it."""
    headers = {**basic("ada", PASSWORD), "Accept": JSON}
    return index.client.get("/repositories/main/simple/team-tool/", headers=headers).get_json(
        force=True
    )


def yanked(index: Index) -> dict[str, bool | str]:
    return {file["filename"]: file["yanked"] for file in page(index)["files"]}


def test_list(cli: CommandLine, index: Index) -> None:
    assert index.upload(wheel("another"), "ada", PASSWORD) == 200
    listed = cli.json("project", "list", "main")
    table = cli.ok("project", "list", "main").splitlines()

    assert [(each["name"], each["latest"], each["status"]) for each in listed] == [
        ("another", "1.0", "active"),
        ("Team.Tool", "2.0", "active"),
    ]
    assert (listed[1]["releases"], listed[1]["files"]) == (2, 3)
    assert len(table) == 3
    assert table[0].split()[:3] == ["NAME", "LATEST", "STATUS"]
    assert table[2].split()[:3] == ["Team.Tool", "2.0", "active"]


def test_the_latest_is_what_installers_take(cli: CommandLine, index: Index) -> None:
    """Neither yanked nor a pre-release, where there is any such."""
    assert index.upload(wheel("Team.Tool", "3.0rc1"), "ada", PASSWORD) == 200
    cli.ok("release", "yank", "main", "team-tool", "2.0")

    assert [each["latest"] for each in cli.json("project", "list", "main")] == ["1.0"]


def test_list_goes_on_page_by_page(
    cli: CommandLine, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pypi_repo.cli.project._PAGE", 2)
    for name in ("a", "b", "c"):
        assert index.upload(wheel(name), "ada", PASSWORD) == 200

    names = [each["name"] for each in cli.json("project", "list", "main")]
    assert names == ["a", "b", "c", "Team.Tool"]


@pytest.mark.parametrize("spelling", ["team-tool", "Team.Tool", "TEAM_tool"])
def test_show_under_any_spelling(spelling: str, cli: CommandLine) -> None:
    shown = cli.json("project", "show", "main", spelling)
    text = cli.ok("project", "show", "main", spelling)
    files = {file["filename"]: file for file in shown["files"]}

    assert set(files) == {WHEEL, SDIST, "team_tool-2.0-py3-none-any.whl"}
    assert files[WHEEL]["size"] == len(wheel("Team.Tool").content)
    assert files[WHEEL]["digests"]["sha256"] == wheel("Team.Tool").sha256
    assert files[WHEEL]["uploaded_by"] == "ada"
    assert files[WHEEL]["yanked"] is False
    assert WHEEL in text
    assert SDIST in text


def test_set_status(cli: CommandLine, index: Index) -> None:
    cli.ok("project", "set-status", "main", "team-tool", "archived", "--reason", "Use another.")
    archived = page(index)["project-status"]
    closed = index.upload(wheel("Team.Tool", "3.0"), "ada", PASSWORD)
    cli.ok("project", "set-status", "main", "team-tool", "quarantined")
    offered = page(index)["files"]
    cli.ok("project", "set-status", "main", "team-tool", "active")
    open_again = index.upload(wheel("Team.Tool", "3.0"), "ada", PASSWORD)

    assert archived == {"status": "archived", "reason": "Use another."}
    assert (closed, open_again) == (403, 200)
    assert offered == []
    cli.ok("project", "set-status", "main", "team-tool", "deprecated")
    assert cli.json("project", "show", "main", "team-tool")["status"] == "deprecated"


def test_delete_project(cli: CommandLine, index: Index) -> None:
    cli.ok("project", "delete", "main", "team-tool", "--yes")

    assert cli.json("project", "list", "main") == []
    headers = basic("ada", PASSWORD)
    response = index.client.get("/repositories/main/simple/team-tool/", headers=headers)
    assert response.status_code == 404
    taken = wheel("Team.Tool", files={"team_tool/new.py": b""})
    assert index.upload(taken, "ada", PASSWORD) == 400


def test_yank_and_unyank_a_release(cli: CommandLine, index: Index) -> None:
    cli.ok("release", "yank", "main", "team-tool", "1.0", "--reason", "Broken.")
    during = yanked(index)
    cli.ok("release", "unyank", "main", "Team.Tool", "1.0.0")
    after = yanked(index)

    assert during == {WHEEL: "Broken.", SDIST: "Broken.", "team_tool-2.0-py3-none-any.whl": False}
    assert set(after.values()) == {False}


def test_yank_without_a_reason(cli: CommandLine, index: Index) -> None:
    cli.ok("release", "yank", "main", "team-tool", "2.0")

    assert yanked(index)["team_tool-2.0-py3-none-any.whl"] is True


def test_delete_release(cli: CommandLine, index: Index) -> None:
    cli.ok("release", "delete", "main", "team-tool", "1.0", "--yes")

    assert set(yanked(index)) == {"team_tool-2.0-py3-none-any.whl"}


def test_yank_and_unyank_a_file(cli: CommandLine, index: Index) -> None:
    cli.ok("file", "yank", "main", SDIST, "--reason", "Wrong licence.")
    during = yanked(index)
    shown = cli.json("project", "show", "main", "team-tool")
    cli.ok("file", "unyank", "main", SDIST)

    assert (during[SDIST], during[WHEEL]) == ("Wrong licence.", False)
    [file] = [file for file in shown["files"] if file["filename"] == SDIST]
    assert (file["yanked"], file["yanked_reason"]) == (True, "Wrong licence.")
    assert yanked(index)[SDIST] is False


def test_delete_file(cli: CommandLine, index: Index) -> None:
    cli.ok("file", "delete", "main", WHEEL, "--yes")

    assert WHEEL not in yanked(index)
    assert SDIST in yanked(index)


def test_refusals(cli: CommandLine) -> None:
    for command in (
        ["project", "list", "absent"],
        ["project", "show", "absent", "team-tool"],
        ["project", "show", "main", "absent"],
        ["project", "set-status", "main", "absent", "archived"],
        ["project", "delete", "main", "absent"],
        ["release", "yank", "main", "absent", "1.0"],
        ["release", "yank", "main", "team-tool", "9.9-absent"],
        ["release", "unyank", "main", "team-tool", "99!absent"],
        ["release", "delete", "main", "absent", "9.9"],
        ["file", "yank", "main", "absent.whl"],
        ["file", "unyank", "absent", WHEEL],
        ["file", "delete", "main", "absent.tar.gz"],
    ):
        assert "absent" in cli.refused(*command)


def test_wrong_usage(cli: CommandLine) -> None:
    said = cli.misused("project", "set-status", "main", "team-tool", "sleeping")

    for status in ("active", "archived", "quarantined", "deprecated"):
        assert status in said
    assert "Missing argument" in cli.misused("file", "delete", "main")
