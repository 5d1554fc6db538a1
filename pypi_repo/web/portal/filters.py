"""How templates show values."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from markupsafe import Markup

from pypi_repo.domain.texts import counted
from pypi_repo.settings import format_size, parse_size

_UNITS = ("GiB", "MiB", "KiB", "")


def exact_size(number: int | None) -> str:
    """For a field: what it was set to and nothing rounded, `1536MiB`; empty for None."""
    if number is None:
        return ""
    for unit in _UNITS:
        count, rest = divmod(number, parse_size(f"1{unit}"))
        if count and not rest:
            return f"{count}{unit}"
    return str(number)


def moment(value: datetime | None) -> Markup | str:
    """A time in UTC, to the minute; the script shows it in the reader's zone."""
    if value is None:
        return "never"
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M")
    )


def is_web_url(text: str) -> bool:
    """Whether a link to it does no harm: it comes from whoever uploaded the package."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


FILTERS = {
    "size": format_size,
    "exact_size": exact_size,
    "moment": moment,
    "count": counted,
    "is_web_url": is_web_url,
}
