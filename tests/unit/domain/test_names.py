"""Names of projects, repositories and accounts."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidName
from pypi_repo.domain.names import (
    account_name,
    is_normalized,
    normalize,
    project_name,
    repository_name,
)

_WORDS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=6)
_SEPARATORS = st.text("-_.", min_size=1, max_size=4)


@st.composite
def _two_spellings(draw: st.DrawFn) -> tuple[str, str, str]:
    """Two spellings of one project name, and its normalized name."""
    words = draw(st.lists(_WORDS, min_size=1, max_size=4))
    gaps = st.lists(_SEPARATORS, min_size=len(words) - 1, max_size=len(words) - 1)

    def spell(separators: list[str], parts: list[str]) -> str:
        return "".join(part + gap for part, gap in zip(parts, [*separators, ""], strict=True))

    return (
        spell(draw(gaps), words),
        spell(draw(gaps), [word.swapcase() for word in words]),
        "-".join(words).lower(),
    )


@pytest.mark.parametrize(
    "name",
    ["a", "A", "0", "demo", "Foo.Bar", "a_b-c.d", "zope.interface", "a--b", "2to3", "a" * 200],
)
def test_valid_project_names_are_kept_as_spelled(name: str) -> None:
    """U24"""
    assert project_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        ".a",
        "a.",
        "_a",
        "a_",
        "a b",
        "a\n",
        "a\r\n",
        "\na",
        "a/b",
        "..",
        "a\0b",
        "é",
        "a\u017f",  # a long s, which ignoring case would take for an s
        "\u212a",  # the Kelvin sign, likewise
        "a" * 201,
        "a+b",
        "a[b]",
    ],
)
def test_invalid_project_names_are_refused(name: str) -> None:
    """U24: ASCII only, and no trailing newline slips through."""
    with pytest.raises(InvalidName):
        project_name(name)


@given(st.text(max_size=12))
def test_a_project_name_is_refused_or_safe_for_a_url_and_a_folder(text: str) -> None:
    """U24"""
    try:
        name = project_name(text)
    except InvalidName:
        return
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name)
    assert is_normalized(normalize(name))


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        ("Foo.Bar", "foo-bar"),
        ("foo_bar", "foo-bar"),
        ("foo--bar", "foo-bar"),
        ("Foo._-Bar", "foo-bar"),
        ("a-_.-_.b", "a-b"),
        ("demo", "demo"),
        ("2TO3", "2to3"),
    ],
)
def test_normalization_collapses_runs(name: str, normalized: str) -> None:
    """U82"""
    assert normalize(name) == normalized


@given(_two_spellings())
def test_all_spellings_of_a_name_are_one_project(spellings: tuple[str, str, str]) -> None:
    """U82"""
    one, other, normalized = spellings
    assert normalize(one) == normalize(other) == normalized
    assert normalize(normalized) == normalized
    assert is_normalized(normalized)
    assert is_normalized(one) is (one == normalized)


@pytest.mark.parametrize(
    "text", ["", "-", "a-", "-a", "A", "a_b", "a.b", "a--b", "a/b", "a b", "é"]
)
def test_what_is_not_normalized_is_known(text: str) -> None:
    """X02"""
    assert not is_normalized(text)


@pytest.mark.parametrize("name", ["main", "a", "0", "team-a.releases_2", "a" * 64])
def test_valid_repository_names(name: str) -> None:
    assert repository_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Main", "-a", "a-", ".a", "..", "a b", "a/b", "a\n", "a%", "é", "a" * 65]
)
def test_repository_names_are_one_harmless_url_segment(name: str) -> None:
    with pytest.raises(InvalidName, match="repository name"):
        repository_name(name)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("user@example.com", "user@example.com"),
        ("User@Example.COM", "user@example.com"),
        ("ci", "ci"),
        ("zoë+ci@example.com", "zoë+ci@example.com"),
        ("a" * 150, "a" * 150),
    ],
)
def test_account_names_are_kept_in_lower_case(text: str, stored: str) -> None:
    assert account_name(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a:b",
        "a b",
        "a/b",
        "__token__",
        "__TOKEN__",
        "a\n",
        "a\0b",
        "\ud800",
        "a" * 151,
    ],
)
def test_account_names_that_a_client_could_not_send_are_refused(text: str) -> None:
    """U19: `__token__` is no account; ':' would end the name in a Basic header.

    A URL with '.' or '..' for a segment leads elsewhere: such an account could not be opened.
    """
    with pytest.raises(InvalidName):
        account_name(text)
