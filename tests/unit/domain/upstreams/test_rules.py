"""Rules for what comes from sources (C3, C6)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import ExternalFile
from pypi_repo.domain.upstreams.rules import (
    Rule,
    RuleAction,
    closing_rule,
    covered_rules,
    parse_target,
)
from tests.support.growth import assert_linear

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def rule(target: str, action: RuleAction = "deny", **fields: Any) -> Rule:
    pattern, specifier = parse_target(target)
    return Rule(
        id=1, action=action, pattern=pattern, specifier=specifier, author="ops", created_at=NOW,
        **fields,
    )  # fmt: skip


def file(version: str = "1.0", **fields: Any) -> ExternalFile:
    values = {"kind": "bdist_wheel", "python_tag": "py3", "location": "x"} | fields
    return ExternalFile(
        filename=f"demo-{version}.whl", project=NormalizedName("demo"), version=version, **values
    )


@pytest.mark.parametrize(
    ("text", "pattern", "specifier"),
    [
        ("requests", "requests", ""),
        (" Requests  < 2.32 ", "requests", "<2.32"),
        ("acme_*>=1,!=1.5", "acme-*", ">=1,!=1.5"),
        ("*", "*", ""),
        ("torch==2.*", "torch", "==2.*"),
    ],
)
def test_c3_targets(text: str, pattern: str, specifier: str) -> None:
    found, versions = parse_target(text)
    assert found == pattern
    assert SpecifierSet(versions) == SpecifierSet(specifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<2",
        "requests 2.32",
        "requests[security]<2",
        "requests; python_version < '3'",
        "requests<",
        "requests===\0",
        "requests===\ud800",
        "requests=='2'",
        "requests" + ",!=1" * 1000,
        "a/b",
        "-x<1",
    ],
)
def test_c3_what_is_no_target(text: str) -> None:
    with pytest.raises(InvalidSetting):
        parse_target(text)


@pytest.mark.parametrize(
    "hostile",
    [
        lambda size: "a" + " " * size + "<",
        lambda size: "a" * size + "/",
        lambda size: "a" + "<1," * size,
        lambda size: "*" * size + "/",
    ],
)
def test_targets_are_read_in_linear_time(hostile: Callable[[int], str]) -> None:
    assert_linear(parse_target, hostile, 400_000)


@pytest.mark.parametrize(
    ("specifier", "inside", "outside"),
    [
        ("<2.32", ["2.31", "2.31.post1", "2.30rc1"], ["2.32", "2.32rc1", "3"]),
        (">=2", ["2", "3.0a1"], ["2.0rc1", "1.9"]),
        ("==2.9.0", ["2.9.0", "2.9.0+cpu", "2.9"], ["2.9.1"]),
        ("==1.4.*", ["1.4", "1.4.7", "1.4.7rc1"], ["1.40"]),
    ],
)
def test_c6_versions(specifier: str, inside: list[str], outside: list[str]) -> None:
    by = rule(f"demo{specifier}")
    assert [version for version in inside if not by.matches(file(version), "active")] == []
    assert [version for version in outside if by.matches(file(version), "active")] == []


def test_c6_a_version_that_cannot_be_compared_is_denied_and_nothing_else() -> None:
    odd = file("2004d")
    assert rule("demo<2").matches(odd, "active")
    assert not rule("demo<2", "allow").matches(odd, "active")
    assert not rule("demo<2", "exempt", until=NOW).matches(odd, "active")
    assert rule("demo", "allow").matches(odd, "active")


def test_c6_all_that_a_rule_says_must_hold() -> None:
    by = rule("demo<2", kind="sdist", yanked=True, status="archived")
    whole = {"kind": "sdist", "yanked": ""}
    assert by.matches(file(**whole), "archived")
    assert not by.matches(file(**whole), "active")
    assert not by.matches(file("2.0", **whole), "archived")
    assert not by.matches(file(**whole | {"yanked": None}), "archived")
    assert not by.matches(file(**whole | {"kind": "bdist_wheel"}), "archived")


def test_c6_a_rule_ends_at_the_moment_that_is_named() -> None:
    assert not rule("demo").is_over(NOW)
    assert rule("demo", until=NOW).is_over(NOW)
    assert not rule("demo", until=NOW).is_over(NOW - timedelta(microseconds=1))


def test_what_a_rule_is_about_for_people() -> None:
    assert rule("demo<2").subject == "demo<2"
    about = rule("*", kind="sdist", yanked=True, status="archived").subject
    assert about == "* sdist yanked archived"


LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("earlier", "later", "is_covered"),
    [
        (rule("demo"), rule("demo", "allow"), True),
        (rule("demo"), rule("demo", "deny"), True),
        (rule("de*"), rule("demo", "allow"), True),
        (rule("de*"), rule("d*", "allow"), False),
        (rule("*-core"), rule("acme-*-core", "allow"), True),
        (rule("acme-core"), rule("acme-*", "allow"), False),
        (rule("*"), rule("demo<2", "allow"), True),
        (rule("demo<2"), rule("demo", "allow"), False),
        (rule("demo<2"), rule("demo<2", "allow"), True),
        (rule("demo<2", "allow"), rule("demo<2", "deny"), False),  # the version is no version
        (rule("demo", kind="sdist"), rule("demo", "allow"), False),
        (rule("demo"), rule("demo", "allow", kind="sdist"), True),
        (rule("demo", kind="sdist"), rule("demo", "allow", kind="bdist_wheel"), False),
        (rule("demo", yanked=True), rule("demo", "allow"), False),
        (rule("demo"), rule("demo", "allow", yanked=True), True),
        (rule("demo", status="archived"), rule("demo", "allow"), False),
        (rule("demo"), rule("demo", "allow", status="archived"), True),
        (rule("demo", until=LATER), rule("demo", "allow"), False),
        (rule("demo", until=LATER), rule("demo", "allow", until=LATER), True),
        (rule("demo", until=NOW), rule("demo", "allow", until=NOW), False),  # is over
        (rule("demo", "exempt", until=LATER), rule("demo", "allow"), False),
        (rule("other"), rule("demo", "allow"), False),
    ],
)
def test_c6_rules_that_decide_nothing(earlier: Rule, later: Rule, is_covered: bool) -> None:
    found = covered_rules([earlier, replace(later, id=2)], NOW)
    assert found == ({2: 1} if is_covered else {})


@pytest.mark.parametrize(
    ("rules", "is_closed"),
    [
        ([rule("*")], True),
        ([rule("demo"), rule("*")], True),
        ([rule("*", "exempt", until=LATER), rule("*")], True),
        ([rule("demo", "allow"), rule("*")], False),
        ([rule("demo", "allow", until=NOW), rule("*")], True),  # the first is over
        ([rule("*", until=NOW)], False),
        ([rule("*", kind="sdist")], False),
        ([rule("*<2")], False),
        ([rule("acme-*")], False),
        ([], False),
    ],
)
def test_c6_a_rule_that_closes_all_sources(rules: list[Rule], is_closed: bool) -> None:
    assert closing_rule(rules, NOW) == (rules[-1] if is_closed else None)


@pytest.mark.parametrize("pattern", ["demo-{}", "demo-{}-*", "*-demo-{}", "d*-demo-{}"])
def test_c6_many_rules_are_compared_in_no_time(pattern: str) -> None:
    def many(number: int) -> list[Rule]:
        return [replace(rule(pattern.format(each)), id=each) for each in range(number)]

    assert_linear(lambda rules: covered_rules(rules, NOW), many, 20_000)
