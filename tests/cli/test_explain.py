"""pypi-repo explain ... and pypi-repo rule audit ..."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import urljoin

import pytest

from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel
from tests.support.http import basic
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream

LOCAL = ("--allow-http", "--allow-private-network")
FILE = wheel("demo", "2.0").filename


@pytest.fixture
def live() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    upstream.add(wheel("demo", "1.0"))
    upstream.add(wheel("demo", "2.0"))
    yield upstream
    upstream.close()


@pytest.fixture
def reading(main_cli: CommandLine, live: LiveUpstream) -> CommandLine:
    """Whose repository `main` has the upstream `public` among its sources."""
    main_cli.ok("upstream", "create", "public", live.url, *LOCAL)
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    return main_cli


def test_the_operator_learns_which_variable_is_missing(main_cli: CommandLine) -> None:
    secret = ("--credentials", "environment:PARTNER", "--no-file-hosts")
    main_cli.ok("upstream", "create", "public", "https://index.example/simple/", *secret)
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    found = main_cli.json("explain", "main", "demo")

    assert "the environment variable PARTNER is not set" in found["why"]


def test_where_a_project_comes_from_and_what_is_left_out(reading: CommandLine) -> None:
    """V8."""
    reading.ok("rule", "add", "main", "--deny", "demo>=2", "--reason", "too new")
    found = reading.json("explain", "main", "Demo")
    people = reading.ok("explain", "main", "demo")

    assert (found["project"], found["supplier"], found["merged"]) == (
        *("demo", "upstream:public", False),
    )
    assert "first of the sources" in found["why"]
    (asked,) = found["asked"]
    assert (asked["source"], asked["answer"]) == ("upstream:public", "supplies")
    assert datetime.fromisoformat(asked["checked_at"]).date() == datetime.now(UTC).date()
    (withheld,) = found["withheld"]
    assert (withheld["filename"], withheld["version"], withheld["code"], withheld["rule_id"]) == (
        *(FILE, "2.0", "denied", 1),
    )
    assert "too new" in withheld["reason"]
    assert "supplier:    upstream:public" in people
    assert FILE in people
    assert "demo-1.0-" not in people


def test_how_many_projects_were_not_compared(main_cli: CommandLine, live: LiveUpstream) -> None:
    """B3: an empty list does not mean that nothing is hidden."""
    with main_cli.registry() as registry:
        for name in ("demo", "mine"):
            upload(registry, wheel(name, "1.0"))
    before = main_cli.run("explain", "main")
    main_cli.ok("upstream", "create", "public", live.url, *LOCAL)
    main_cli.ok("repository", "set", "main", "--source", "upstream:public")
    found = main_cli.run("explain", "main")

    nothing = "No project of main is known to hide one in a source.\n"
    assert before.stderr == nothing
    assert found.stderr == (
        f"{nothing}2 projects of main were not compared: no source was asked for demo, mine.\n"
    )


def test_a_project_that_nobody_supplies(reading: CommandLine) -> None:
    found = reading.json("explain", "main", "absent")

    assert (found["supplier"], found["withheld"]) == ("", [])
    assert found["asked"][0]["answer"] == "has-none"
    assert "no repository 'nowhere'" in reading.refused("explain", "nowhere", "demo")
    assert "not a valid" in reading.refused("explain", "main", "a/b")


def test_the_names_that_hide_something(reading: CommandLine, index: Index) -> None:
    """V11."""
    nothing = reading.run("explain", "main")
    reading.ok("repository", "create", "base")
    assert index.upload(wheel("demo", "9.0"), "ada", PASSWORD, "base") == 200
    assert (
        index.client.get(
            "/repositories/main/simple/demo/", headers=basic("ada", PASSWORD)
        ).status_code
        == 200
    )  # so that something is known of it
    reading.ok(
        *("repository", "set", "main", "--source", "repository:base"),
        *("--source", "upstream:public", "--reserve", "demo"),
    )
    assert index.upload(wheel("demo", "3.0"), "ada", PASSWORD) == 200
    reading.ok("repository", "set", "main", "--no-reserved")

    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "No project of main" in nothing.stderr
    found = reading.json("explain", "main")
    assert {"project": "demo", "source": "upstream:public", "by": "own-files"} in found
    assert reading.json("explain", "main", "demo")["supplier"] == "own-files"


def test_what_a_cooldown_would_have_left_out(reading: CommandLine, index: Index) -> None:
    """C7."""
    page = "/repositories/main/simple/demo/"
    headers = basic("ada", PASSWORD)
    listed = index.client.get(
        page, headers={**headers, "Accept": "application/vnd.pypi.simple.v1+json"}
    ).get_json()
    (url,) = (file["url"] for file in listed["files"] if file["filename"] == FILE)
    with index.client.get(urljoin(page, url), headers=headers) as response:
        assert response.status_code == 200
    index.registry.close()  # which writes what was counted

    none = reading.run("rule", "audit", "main")
    (entry,) = reading.json("rule", "audit", "main", "--cooldown", "3d", "--days", "1")
    table = reading.ok("rule", "audit", "main", "--cooldown", "3d").splitlines()

    assert "Nothing that was downloaded" in none.stderr
    (file,) = entry.pop("files")
    assert (file["filename"], file["code"]) == (FILE, "too-young")
    assert date.fromisoformat(entry.pop("last_day")) <= datetime.now(UTC).date()
    assert entry == {
        "project": "demo",
        "version": "2.0",
        "source": "upstream:public",
        "downloads": 1,
        "whole": True,
    }
    assert table[0].split()[:3] == ["PROJECT", "VERSION", "SOURCE"]
    assert len(table) == 2


def test_wrong_usage_of_an_audit(main_cli: CommandLine) -> None:
    for days in ("0", "367", "week"):
        assert "--days" in main_cli.misused("rule", "audit", "main", "--days", days)
    assert "such as 3d" in main_cli.misused("rule", "audit", "main", "--cooldown", "long")
