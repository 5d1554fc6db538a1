"""How templates show values."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from markupsafe import Markup

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.accounts.written_grants import written_patterns
from pypi_repo.domain.metadata.contacts import is_web_url
from pypi_repo.domain.text import counted, printable
from pypi_repo.domain.values.durations import format_duration
from pypi_repo.settings import format_size, parse_size

_UNITS = ("GiB", "MiB", "KiB", "")
_DIGEST = re.compile("[0-9a-f]{64}")
_NAMED = 4  # repositories in a sentence about somebody's access
_LEVELS = {Access.NONE: "no access", Access.READ: "read", Access.WRITE: "read and write"}
_EVERYWHERE = {
    Access.NONE: "",
    Access.READ: "reads all repositories",
    Access.WRITE: "reads and writes all repositories",
}


def exact_size(number: int | None) -> str:
    """Returns a size for a field without rounding it, such as `1536MiB`; empty for None."""
    if number is None:
        return ""
    for unit in _UNITS:
        count, rest = divmod(number, parse_size(f"1{unit}"))
        if count and not rest:
            return f"{count}{unit}"
    return str(number)


def moment(value: datetime | None) -> Markup | str:
    """Returns a time in UTC, to the minute; the script shows it in the reader's zone."""
    if value is None:
        return "never"
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M")
    )


def day(value: datetime | None) -> Markup | str:
    """Returns the day of a time in UTC; the script shows that of the reader's zone."""
    if value is None:
        return "never"
    utc = value.astimezone(UTC)
    return Markup('<time class="day" datetime="{}">{:%Y-%m-%d}</time>').format(
        utc.isoformat(timespec="seconds"), utc
    )


def areas_in_words(areas: Iterable[Area]) -> str:
    """Returns the names of areas as a text, such as `repositories, users`."""
    return ", ".join(sorted(area.title for area in areas)) or "nothing"


def access_in_words(grants: Grants) -> str:
    """Returns grants as a text, such as `reads all repositories; open: read and write`."""
    named = [f"{name}: {_LEVELS[access]}" for name, access in sorted(grants.named.items())]
    named += [
        f"{name}/{pattern}: {_LEVELS[access]}"
        for (name, pattern), access in sorted(grants.patterns.items())
    ]
    if len(named) > _NAMED:
        named[_NAMED - 1 :] = [f"and {len(named) - _NAMED + 1} others"]
    everywhere = _EVERYWHERE[grants.everywhere]
    return "; ".join([everywhere] * bool(everywhere) + named) or "no access"


def projects_in_lines(grants: Grants) -> str:
    """Returns grants for a field, such as `main/acme-*=read`, each on a line of its own."""
    return "\n".join(f"{place}={level}" for place, level in written_patterns(grants).items())


def told(detail: Mapping[str, str]) -> dict[str, str]:
    """Returns what an entry of the journal says beside its action, in words."""
    words = {"True": "yes", "False": "no", "None": "none", "": "none"}
    return {name.replace("_", " "): words.get(value, value) for name, value in detail.items()}


def percent(part: float | None) -> str:
    """Returns a part of 1 such as `98 %`; `none` if nothing was counted.

    It is never 0 or 100 for what is only nearly so.
    """
    if part is None:
        return "none yet"
    rounded = round(part * 100)
    if 0 < part < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded} %"


def duration(seconds: int | None) -> str:
    """Returns a number of seconds for a field, such as `10m`; empty for None."""
    return "" if seconds is None else format_duration(seconds)


def is_digest(text: str) -> bool:
    """Tells whether a text is a digest, of which lists show only the beginning."""
    return _DIGEST.fullmatch(text) is not None


FILTERS = {
    "size": format_size,
    "exact_size": exact_size,
    "moment": moment,
    "day": day,
    "count": counted,
    "printable": printable,
    "is_web_url": is_web_url,
    "is_digest": is_digest,
    "percent": percent,
    "duration": duration,
    "told": told,
    "areas_in_words": areas_in_words,
    "access_in_words": access_in_words,
    "projects_in_lines": projects_in_lines,
}
