"""Texts that people write for people."""

import pytest

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.text import LONGEST_NAME, LONGEST_TEXT, require_line, require_text


@pytest.mark.parametrize(
    "text",
    ["", "laptop of Ada", "Größe 東京", "👩\u200d💻", "می\u200cخواهم", "x" * LONGEST_NAME],  # noqa: RUF001 - Persian
)
def test_a_line_of_any_language(text: str) -> None:
    require_line(text)


@pytest.mark.parametrize(
    "text",
    [
        *("\0", "a\nb", "a\tb", "\x1b[2J", "\x7f", "\x9b", "a\u2028b", "\u2029"),
        *("invoice\u202egpj.exe", "\u2066", "\u2069", "\u200f", "\u061c"),
        "x" * (LONGEST_NAME + 1),
    ],
)
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(InvalidSetting):
        require_line(text)


@pytest.mark.parametrize("text", ["several\nlines", "a\tb", "x" * LONGEST_TEXT])
def test_a_text_may_have_several_lines(text: str) -> None:
    require_text(text)


@pytest.mark.parametrize(
    "text", ["\0", "\x1b[2J", "invoice\u202egpj.exe", "x" * (LONGEST_TEXT + 1)]
)
def test_what_is_no_text(text: str) -> None:
    with pytest.raises(InvalidSetting):
        require_text(text)
