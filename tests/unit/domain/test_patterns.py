"""Patterns for project names (V2, V9, C6)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.names import NormalizedName, normalize
from pypi_repo.domain.patterns import matches, matches_any, name_pattern
from tests.support.growth import assert_linear


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("acme-*", "acme-*"),
        ("Acme_*", "acme-*"),
        (" acme.*", "acme-*"),
        ("Foo._-Bar", "foo-bar"),
        ("a**b***", "a*b*"),
        ("*", "*"),
    ],
)
def test_v9_patterns_are_normalized_as_names_are(text: str, pattern: str) -> None:
    assert name_pattern(text) == pattern


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "acme-", "-acme", "_x", "a b", "a/b", "ac?me", "[a-z]", "é", "a\nb", "a\0"],
)
def test_what_could_match_no_project(text: str) -> None:
    with pytest.raises(InvalidSetting, match="matches no project"):
        name_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("acme-*", ["acme-core", "acme-a-b"], ["acme", "acmecore", "my-acme-core"]),
        ("acme*", ["acme", "acme-core", "acmecore"], ["my-acme"]),
        ("*-stubs", ["acme-stubs"], ["stubs", "acme-stubs-extra"]),
        ("a*b*a", ["aba", "a-b-a", "abba"], ["a", "ab", "ba", "aa"]),
        ("*ab*", ["ab", "aab", "abb"], ["a-b"]),
        ("acme", ["acme"], ["acme-core"]),
        ("*", ["x"], []),
    ],
)
def test_matching(pattern: str, names: list[str], others: list[str]) -> None:
    assert [name for name in names if not matches(pattern, normalize(name))] == []
    assert [name for name in others if matches(pattern, normalize(name))] == []


def test_any_of_several() -> None:
    assert matches_any(["x", "acme-*"], NormalizedName("acme-core"))
    assert not matches_any(["x", "acme-*"], NormalizedName("acme"))
    assert not matches_any([], NormalizedName("acme"))


@given(st.text("ab-*", min_size=1, max_size=8), st.text("ab-", min_size=1, max_size=10))
def test_a_star_stands_for_any_characters(text: str, name: str) -> None:
    try:
        pattern = name_pattern(text)
    except InvalidSetting:
        return
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
    assert matches(pattern, NormalizedName(name)) is expected


def test_many_stars_take_no_longer() -> None:
    name = NormalizedName("a" * 200)
    assert_linear(lambda pattern: matches(pattern, name), lambda size: "*a" * size + "*b", 99)
