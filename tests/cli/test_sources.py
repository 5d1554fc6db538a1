"""The sources of a repository, and the rules and exceptions for what comes from them."""

from datetime import UTC, datetime

import pytest

from pypi_repo import OPERATOR
from tests.cli.conftest import PASSWORD, CommandLine, Index
from tests.support.distributions import wheel

NEXT_YEAR = f"{datetime.now(UTC).year + 1}-02-01"


@pytest.fixture
def source_cli(main_cli: CommandLine) -> CommandLine:
    """With the upstream `public` and the repository `base` beside `main`."""
    main_cli.ok("upstream", "create", "public", "https://index.example/simple/", "--offline")
    main_cli.ok("repository", "create", "base")
    return main_cli


def test_sources_in_their_order(source_cli: CommandLine) -> None:
    source_cli.ok(
        "repository", "set", "main", "--source", "repository:base", "--source", "upstream:public"
    )
    shown = source_cli.json("repository", "show", "main")
    source_cli.ok("repository", "set", "main", "--source", "upstream:public", "--public")
    replaced = source_cli.json("repository", "show", "main")
    source_cli.ok("repository", "set", "main", "--no-sources")

    assert shown["sources"] == ["repository:base", "upstream:public"]
    assert (replaced["sources"], replaced["public"]) == (["upstream:public"], True)
    assert source_cli.json("repository", "show", "main")["sources"] == []


def test_no_source_is_called_none(main_cli: CommandLine) -> None:
    result = main_cli.run("repository", "set", "main", "--source", "none")

    assert result.exit_code == 2
    assert "Write --no-sources instead of --source none." in result.stderr


def test_an_upstream_before_a_repository_is_warned_of(source_cli: CommandLine) -> None:
    """B1: strangers could publish under the names of the repository."""
    right = ("--source", "repository:base", "--source", "upstream:public")
    wrong = (*right[2:], *right[:2])
    warned = {
        name: "upstream public comes before the repository base" in said.stderr
        for name, said in {
            "right": source_cli.run("repository", "set", "main", *right),
            "wrong": source_cli.run("repository", "set", "main", *wrong),
            "other": source_cli.run("repository", "set", "main", "--public"),
            "new": source_cli.run("repository", "create", "made", *wrong),
        }.items()
    }

    assert warned == {"right": False, "wrong": True, "other": False, "new": True}


def test_what_is_replaced_is_said(source_cli: CommandLine) -> None:
    """B2: who means to add a name would not notice else that others are gone."""
    first = source_cli.ok(
        *("repository", "set", "main", "--reserve", "acme-*", "--reserve", "billing"),
        *("--merge", "torch", "--source", "repository:base"),
    )
    second = source_cli.ok(
        *("repository", "set", "main", "--reserve", "both", "--merge", "torch"),
        *("--source", "upstream:public"),
    )

    assert first == "Changed repository main.\n"
    assert second.splitlines() == [
        "Changed repository main.",
        "No longer a source: repository:base.",
        "No longer reserved: acme-*, billing.",
    ]


def test_reserved_and_merged_names(source_cli: CommandLine) -> None:
    """V2, V3."""
    source_cli.ok(
        *("repository", "set", "main", "--reserve", "Acme_*", "--reserve", "inner"),
        *("--merge", "Torch", "--no-uploads", "--cooldown", "3d", "--cooldown-mode", "audit"),
    )
    shown = source_cli.json("repository", "show", "main")
    lines = source_cli.ok("repository", "show", "main").splitlines()
    source_cli.ok(
        *("repository", "set", "main", "--no-reserved", "--no-merged", "--uploads"),
        *("--cooldown", "none", "--cooldown-mode", "none"),
    )
    after = source_cli.json("repository", "show", "main")

    assert (shown["reserved"], shown["merged"]) == (["acme-*", "inner"], ["torch"])
    assert (shown["accepts_uploads"], shown["cooldown"]) == (False, "3d")
    assert ["reserved:", "acme-*,", "inner"] in [line.split() for line in lines]
    assert (after["reserved"], after["merged"]) == ([], [])
    assert (after["accepts_uploads"], after["cooldown"], after["cooldown_mode"]) == (
        *(True, None, None),
    )


def test_a_new_repository_with_sources(source_cli: CommandLine) -> None:
    source_cli.ok(
        *("repository", "create", "mirror", "--no-uploads", "--source", "upstream:public"),
        *("--reserve", "acme-*"),
    )
    shown = source_cli.json("repository", "show", "mirror")

    assert (shown["sources"], shown["reserved"]) == (["upstream:public"], ["acme-*"])


@pytest.mark.parametrize(
    "wrong",
    [
        ["--source", "upstream:absent"],
        ["--source", "public"],
        ["--source", "repository:main"],
        ["--source", "upstream:public", "--source", "upstream:public"],
        ["--reserve", "a/b"],
        ["--merge", ""],
        ["--give-up", "demo"],
    ],
    ids=" ".join,
)
def test_all_of_it_or_nothing(wrong: list[str], source_cli: CommandLine) -> None:
    before = source_cli.json("repository", "show", "main")
    good = ["--public", "--cooldown", "3d", "--reserve", "acme-*"]
    if "--reserve" in wrong:
        good = ["--public", "--source", "repository:base"]
    source_cli.refused("repository", "set", "main", *good, *wrong)
    if "--give-up" not in wrong and "repository:main" not in wrong:
        source_cli.refused("repository", "create", "made", *good, *wrong)

    assert source_cli.json("repository", "show", "main") == before
    assert {each["name"] for each in source_cli.json("repository", "list")} == {"main", "base"}


def test_a_name_is_given_up_on_purpose(source_cli: CommandLine, index: Index) -> None:
    """V1: the name of a deleted project stays with the repository."""
    assert index.upload(wheel("demo"), "ada", PASSWORD) == 200
    not_yet = source_cli.refused("repository", "set", "main", "--give-up", "demo")
    source_cli.ok("project", "delete", "main", "demo", "--yes")
    kept = source_cli.json("repository", "show", "main")["kept"]
    source_cli.ok("repository", "set", "main", "--give-up", "Demo")
    (newest, *_older) = index.registry.acting_as(OPERATOR).activity.entries()

    assert "delete it first" in not_yet
    assert kept == ["demo"]
    assert source_cli.json("repository", "show", "main")["kept"] == []
    assert (newest.action, newest.project) == ("give up name", "demo")


def test_what_changes_nothing_is_not_in_the_journal(source_cli: CommandLine, index: Index) -> None:
    command = [
        *("repository", "set", "main", "--source", "upstream:public"),
        *("--reserve", "acme-*", "--merge", "torch"),
    ]
    source_cli.ok(*command)
    before = len(index.registry.acting_as(OPERATOR).activity.entries())
    source_cli.ok(*command)

    assert len(index.registry.acting_as(OPERATOR).activity.entries()) == before


def test_wrong_usage_of_sources(main_cli: CommandLine) -> None:
    for none, option in (
        ("--no-sources", "--source"),
        ("--no-reserved", "--reserve"),
        ("--no-merged", "--merge"),
    ):
        said = main_cli.misused("repository", "set", "main", none, option, "upstream:x")
        assert f"Say one of {option} and {none}" in said
    assert "Say what to change" in main_cli.misused("repository", "set", "main")


def test_limits_are_taken_away_again(main_cli: CommandLine) -> None:
    main_cli.ok("repository", "set", "main", "--quota", "1GiB", "--max-file-size", "1MiB")
    limited = main_cli.json("repository", "show", "main")
    main_cli.ok("repository", "set", "main", "--quota", "none", "--max-file-size", "NONE")
    free = main_cli.json("repository", "show", "main")

    assert (limited["quota"], limited["max_file_size"]) == (1024**3, 1024**2)
    assert (free["quota"], free["max_file_size"]) == (None, None)


# Rules and exceptions


def test_rules(source_cli: CommandLine) -> None:
    """C6."""
    denied = source_cli.ok(
        *("rule", "add", "main", "--deny", "Requests <2.32", "--kind", "sdist", "--yanked"),
        *("--status", "archived", "--reason", "CVE", "--until", NEXT_YEAR),
    )
    source_cli.ok("rule", "add", "main", "--allow", "acme-*")
    first, second = source_cli.json("rule", "list", "main")
    source_cli.ok("rule", "delete", "main", "1", "--yes")

    assert denied == "Added rule 1 to main: deny requests<2.32.\n"
    assert first == {
        "id": 1,
        "action": "deny",
        "target": "requests<2.32",
        "kind": "sdist",
        "yanked": True,
        "status": "archived",
        "covered_by": None,
        "reason": "CVE",
        "author": "operator",
        "until": f"{NEXT_YEAR}T00:00:00+00:00",
        "over": False,
    }
    assert (second["action"], second["target"], second["until"]) == ("allow", "acme-*", None)
    assert [each["id"] for each in source_cli.json("rule", "list", "main")] == [2]


def test_a_rule_that_decides_nothing_is_told(source_cli: CommandLine) -> None:
    """C6: the first match wins, so what comes too late is no mistake that anybody sees."""
    source_cli.ok("rule", "add", "main", "--deny", "acme-*")
    late = source_cli.run("rule", "add", "main", "--allow", "acme-core").stderr
    fine = source_cli.run("rule", "add", "main", "--allow", "demo").stderr

    assert "It decides nothing, because rule 1 comes first" in late
    assert fine == ""
    shown = source_cli.json("rule", "list", "main")
    assert [each["covered_by"] for each in shown] == [None, 1, None]


def test_a_rule_that_closes_all_sources_is_told(source_cli: CommandLine) -> None:
    """C6."""
    source_cli.ok("repository", "set", "main", "--source", "upstream:public")
    source_cli.ok("repository", "create", "listed", "--source", "upstream:public")
    source_cli.ok("rule", "add", "listed", "--allow", "demo")
    said = {
        name: "denies all names" in source_cli.run("rule", "add", name, "--deny", "*").stderr
        for name in ("main", "listed", "base")
    }

    assert said == {"main": True, "listed": False, "base": False}
    again = source_cli.run("repository", "set", "base", "--source", "upstream:public").stderr
    assert "so nothing comes from the sources of base" in again


def test_exceptions(source_cli: CommandLine) -> None:
    """C3."""
    added = source_cli.ok(
        *("exception", "add", "main", "torch==2.9.*", "--reason", "a fix", "--until"),
        f"{NEXT_YEAR}T12:00:00+02:00",
    )
    (shown,) = source_cli.json("exception", "list", "main")
    source_cli.ok("exception", "delete", "main", "1", "--yes")

    assert added == "Added exception 1 to main: torch==2.9.*.\n"
    assert shown == {
        "id": 1,
        "target": "torch==2.9.*",
        "reason": "a fix",
        "author": "operator",
        "until": f"{NEXT_YEAR}T10:00:00+00:00",
        "over": False,
    }
    assert source_cli.json("exception", "list", "main") == []


def test_rules_and_exceptions_are_two_lists(source_cli: CommandLine) -> None:
    source_cli.ok("rule", "add", "main", "--deny", "demo")
    source_cli.ok("exception", "add", "main", "demo", "--reason", "because", "--until", NEXT_YEAR)
    assert "no exception 1 in" in source_cli.refused("exception", "delete", "main", "1", "--yes")
    assert "no rule 2 in" in source_cli.refused("rule", "delete", "main", "2", "--yes")
    assert "no rule 1 in" in source_cli.refused("rule", "delete", "base", "1", "--yes")

    assert [each["id"] for each in source_cli.json("rule", "list", "main")] == [1]
    assert [each["id"] for each in source_cli.json("exception", "list", "main")] == [2]


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("rule add main --reason x", "Say one of --allow and --deny"),
        ("rule add main --allow a --deny b", "Say one of --allow and --deny"),
        ("rule add main --deny a --kind wheel", "bdist_wheel"),
        ("rule add main --deny a --status gone", "archived"),
        ("rule add main --deny a --until tomorrow", "write it like 2026-11-01"),
        ("rule add main --deny a --until 2099-11-01T12:00", "write it like 2026-11-01"),
        ("exception add main a --until 2099-01-01", "--reason"),
        ("exception add main a --reason x", "--until"),
        ("rule delete main one", "is no number"),
    ],
)
def test_wrong_usage_of_rules(command: str, part: str, main_cli: CommandLine) -> None:
    assert part in main_cli.misused(*command.split(" "))


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("rule add main --deny a<<1", "no version specifier"),
        ("rule add main --deny /", "no name with versions"),
        ("rule add main --deny a --until 2001-01-01", "in the future"),
        ("rule add absent --deny a", "no repository 'absent'"),
        ("rule list absent", "no repository 'absent'"),
        ("exception list absent", "no repository 'absent'"),
        ("exception add main a --until 2099-01-01 --reason ", "needs a reason"),
    ],
)
def test_refused_rules(command: str, part: str, main_cli: CommandLine) -> None:
    assert part in main_cli.refused(*command.split(" "))
    assert main_cli.json("rule", "list", "main") == []
