"""Spans of time, as people write them: `10m`, `7d`, `2026-11-01`."""

import re
from datetime import UTC, datetime, timedelta

from pypi_repo.domain.errors import InvalidSetting

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 100 * 366 * 86400  # seconds; no date arithmetic overflows with it


def parse_duration(text: str) -> int:
    """Returns the number of seconds in a duration such as `30s`, `10m`, `12h`, `7d` or `2w`.

    Raises InvalidSetting.
    """
    match = re.fullmatch(r"([0-9]{1,10})([smhdw])", text.strip().lower(), re.ASCII)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else -1
    if not 0 <= seconds <= _LONGEST:
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

    text: the duration or the date. A date means its beginning in UTC.

    Raises InvalidSetting.
    """

    def __init__(self, text: str) -> None:
        self._duration: timedelta | None = None
        try:
            self._date = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            try:
                self._duration = timedelta(seconds=parse_duration(text))
            except InvalidSetting:
                raise InvalidSetting(
                    f"{text[:40]!r} is no age; write a duration such as 3d, or a date such as "
                    "2026-11-01."
                ) from None

    @property
    def days(self) -> float | None:
        """The duration in days; None for a date."""
        return None if self._duration is None else self._duration / timedelta(days=1)

    def cutoff(self, now: datetime) -> datetime:
        """Returns the moment before which something must have appeared to be old enough."""
        return self._date if self._duration is None else now - self._duration

    def reached_at(self, appeared: datetime) -> datetime | None:
        """Returns when something that appeared at a moment is old enough.

        It is None for something that never will be, because it appeared after the date.
        """
        return None if self._duration is None else appeared + self._duration
