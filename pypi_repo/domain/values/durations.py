"""Spans of time, as people write them: `10m`, `7d`, `2026-11-01`."""

import re
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.errors import InvalidSetting

LONGEST = 100 * 366 * 86400
"""The longest duration, in seconds; no date arithmetic from today overflows with it."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORDS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", re.ASCII)


def parse_duration(text: str) -> int:
    """Returns the number of seconds in a duration such as `30s`, `10m`, `12h`, `7d` or `2w`.

    Raises InvalidSetting.
    """
    match = re.fullmatch(r"([0-9]{1,10})([smhdw])", text.strip().lower(), re.ASCII)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else -1
    if not 0 <= seconds <= LONGEST:
        raise InvalidSetting(f"{text[:40]!r} is no duration; write it like 30s, 10m, 12h or 7d.")
    return seconds


def format_duration(seconds: int) -> str:
    """Returns the shortest text that `parse_duration` reads as this number of seconds."""
    for unit in ("w", "d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


class Age:
    """How old something must be: a duration such as `3d`, or a date before which it must be.

    text: the duration or the date. A date means its beginning; without a time zone, it is in UTC.

    Raises InvalidSetting.
    """

    def __init__(self, text: str) -> None:
        self._date = _parsed_date(text)
        try:
            self._duration = timedelta(seconds=0 if self._date else parse_duration(text))
        except InvalidSetting:
            raise InvalidSetting(
                f"{text[:40]!r} is no age; write a duration such as 3d, or a date such as "
                "2026-11-01."
            ) from None
        self._text = text.strip()

    def __str__(self) -> str:
        """The age for people, such as `3 days` or `2026-11-01`."""
        match = re.fullmatch("0*([0-9]+)([a-z])", self._text.lower())
        if match is None:
            return self._text
        return f"{match[1]} {_WORDS[match[2]]}{'' if match[1] == '1' else 's'}"

    @property
    def is_fixed(self) -> bool:
        """Whether it is a date, so that time makes nothing old enough."""
        return self._date is not None

    @property
    def is_none(self) -> bool:
        """Whether it is a duration of nothing, such as `0d`."""
        return self._date is None and not self._duration

    @property
    def is_short(self) -> bool:
        """Whether it is a duration of less than an hour, but not none."""
        return timedelta() < self._duration < timedelta(hours=1)

    def is_ahead(self, now: datetime) -> bool:
        """Returns whether it is a date that is yet to come, before which everything is."""
        return self._date is not None and self._date > now

    def is_reached(self, appeared: datetime, now: datetime) -> bool:
        """Returns whether something that appeared at a moment is old enough."""
        if self._date is not None:
            return appeared < self._date
        reached = self.reached_at(appeared)
        return reached is not None and reached <= now

    def reached_at(self, appeared: datetime) -> datetime | None:
        """Returns when something that appeared at a moment becomes old enough.

        It is None if time makes no difference: it appeared before or after the date, or so far in
        the future that there is no such moment.
        """
        if self._date is not None:
            return None
        try:
            return appeared + self._duration
        except OverflowError:
            return None


def _parsed_date(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text.strip()) if _DATE.fullmatch(text.strip()) else None
        return date if date is None or date.tzinfo else date.replace(tzinfo=UTC)
    except ValueError:
        return None
