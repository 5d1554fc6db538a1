"""Spans of time, as people write them (C1)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.values.durations import Age, format_duration, parse_duration

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("30s", 30), ("10m", 600), ("12h", 43_200), (" 7D ", 604_800), ("2w", 1_209_600)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5d", "7 d", "1y", "٣d", "9999999999w"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidSetting, match="write it like"):
        parse_duration(text)


@given(st.integers(0, 3_000_000_000))
def test_durations_are_read_as_they_are_written(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_duration_is_written_in_its_largest_unit() -> None:
    assert [format_duration(number) for number in (0, 90, 3600, 86_400, 1_209_600)] == [
        "0s",
        "90s",
        "1h",
        "1d",
        "2w",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [("3d", "3 days"), ("01D", "1 day"), ("0s", "0 seconds"), ("2026-11-01", "2026-11-01")],
)
def test_an_age_for_people(text: str, told: str) -> None:
    assert str(Age(text)) == told


def test_old_enough_from_the_moment_on_that_is_named() -> None:
    age = Age("3d")
    reached = NOW + timedelta(days=3)
    assert age.reached_at(NOW) == reached
    assert age.is_reached(NOW, reached)
    assert not age.is_reached(NOW, reached - timedelta(microseconds=1))
    assert not age.is_fixed
    assert not age.is_ahead(NOW)


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("2026-11-26", datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-11-26T10:30:00", datetime(2026, 11, 26, 10, 30, tzinfo=UTC)),
        ("2026-11-26T10:30+02:00", datetime(2026, 11, 26, 8, 30, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_line_that_does_not_move(text: str, beginning: datetime) -> None:
    age = Age(text)
    before = beginning - timedelta(microseconds=1)
    for now in (NOW, NOW + timedelta(days=9999), NOW - timedelta(days=9999)):
        assert age.is_reached(before, now)
        assert not age.is_reached(beginning, now)
    assert age.reached_at(beginning) is None
    assert age.is_fixed
    assert age.is_ahead(before)
    assert not age.is_ahead(beginning)


@pytest.mark.parametrize("text", ["", "soon", "3", "2026", "20261101", "2026-13-01", "2026-W44-1"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(InvalidSetting, match="no age; write a duration"):
        Age(text)


def test_what_appears_at_the_end_of_time_never_is_old_enough() -> None:
    assert Age("3d").reached_at(datetime.max.replace(tzinfo=UTC)) is None
    assert not Age("3d").is_reached(datetime.max.replace(tzinfo=UTC), NOW)
