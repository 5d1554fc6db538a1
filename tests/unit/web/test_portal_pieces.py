"""What the portal's pages are made of."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from pypi_repo.web.portal import charts


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
    assert charts.bars(days, str).top == of_counts
    assert charts.area(days, str).top == of_bytes


def test_the_tallest_bar_ends_below_the_edge() -> None:
    drawing = charts.bars([(date(2026, 1, 1), 5), (date(2026, 1, 2), 6)], str).drawing
    heights = [float(height) for height in re.findall(r'height="([0-9.]+)"/>', drawing)]
    assert heights == pytest.approx([140 * 5 / 6, 140], abs=0.1)


@pytest.mark.parametrize("plot", [charts.bars, charts.area])
def test_each_day_can_be_pointed_at_whatever_its_value(plot: Any) -> None:
    days = [(date(2026, 1, 1), 0), (date(2026, 1, 2), 1500)]
    drawing = plot(days, lambda value: f"{value:,} <b>").drawing
    assert re.findall(
        r'class="day" x="([0-9.]+)" y="0" width="([0-9.]+)" height="140">', drawing
    ) == [
        ("0.0", "300.0"),
        ("300.0", "300.0"),
    ]
    assert re.findall(r"<title>([^<]*)</title>", drawing) == [
        "2026-01-01: 0 &lt;b&gt;",
        "2026-01-02: 1,500 &lt;b&gt;",
    ]
