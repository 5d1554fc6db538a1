"""What the portal's pages are made of."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from pypi_repo.web.portal import charts, readme


def _html(description: str, content_type: str = "text/markdown") -> str:
    fields: Any = {"description": description, "description_content_type": content_type}
    return str(readme.rendered(fields))


@pytest.mark.parametrize(
    ("content_type", "source", "expected"),
    [
        ("text/markdown", "a *word*", "<em>word</em>"),
        ("text/markdown; variant=CommonMark", "a *word*", "<em>word</em>"),
        ("text/markdown", "| a |\n| - |\n| 1 |", "<td>1</td>"),
        ("text/x-rst", "a *word*", "<em>word</em>"),
        ("text/x-rst; charset=UTF-8", "Title\n=====\n\n- one\n- two", "<li>"),
        ("text/plain", "a *word* <b>", "<pre>a *word* &lt;b&gt;</pre>"),
        ("", "a *word*", "<em>word</em>"),
        ("text/x-rst", ".. not:: known\n\n   at all <b>", "&lt;b&gt;"),
        ("text/html", "<b>bold</b>", "&lt;b&gt;"),
    ],
)
def test_descriptions(content_type: str, source: str, expected: str) -> None:
    assert expected in _html(source, content_type)


def test_no_description() -> None:
    assert readme.rendered({}) is None


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("![passing](https://ci.example/badge.svg)", '<span class="picture">passing</span>'),
        ('<img src="a.png" alt="a > b &quot;c&quot;" width="9">', "a &gt; b &#34;c&#34;</span>"),
        ('<img alt="&lt;script&gt;alert(1)&lt;/script&gt;" src=x>', "&lt;script&gt;alert"),
        ('text <img src="a.png"> goes on', "text  goes on"),
    ],
)
def test_images_are_their_texts(source: str, shown: str) -> None:
    html = _html(source)
    assert shown in html
    assert "<img" not in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("largest", "of_counts", "of_bytes"),
    [
        (0, 2, 2),
        (3, 4, 4),
        (933, 1000, 1000),
        (1001, 1200, 2048),
        (16_806, 20_000, 20 * 1024),
        (11_700_000, 12_000_000, 12 * 1024**2),
        (7 * 2**40, 8 * 10**12, 8 * 2**40),
    ],
)
def test_a_scale_ends_with_a_round_number(largest: int, of_counts: int, of_bytes: int) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=day), day * largest) for day in (0, 1)]
    assert charts.bars(days).top == of_counts
    assert charts.area(days).top == of_bytes


def test_the_tallest_bar_ends_below_the_edge() -> None:
    drawing = charts.bars([(date(2026, 1, 1), 5), (date(2026, 1, 2), 6)]).drawing
    heights = [float(height) for height in re.findall(r'height="([0-9.]+)"', drawing)]
    assert heights == pytest.approx([140 * 5 / 6, 140], abs=0.1)
    assert "<title>2026-01-02: 6</title>" in drawing
