"""Form fields as values."""

from datetime import timedelta

from pypi_repo.domain.access import Area
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.settings import parse_size
from pypi_repo.web.portal.page import Page


def size(page: Page, name: str) -> int | None:
    """Bytes, or None where the field is empty. Raises InvalidSetting."""
    text = page.sent(name)
    try:
        return parse_size(text) if text else None
    except ValueError as error:
        raise InvalidSetting(str(error)) from None


def days(page: Page, name: str) -> timedelta | None:
    """A number of days, or None where the field is empty. Raises InvalidSetting."""
    text = page.sent(name)
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 5:
        raise InvalidSetting(f"{text[:20]!r} is not a number of days.")
    return timedelta(days=int(text))


def areas(page: Page) -> list[Area]:
    """The ticked areas. Raises InvalidSetting."""
    try:
        return [Area(value) for value in page.request.form.getlist("area")]
    except ValueError:
        raise InvalidSetting("There is no such permission.") from None
