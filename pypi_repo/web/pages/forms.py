"""Form fields as values, and everything that is wrong with them at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal, TypeVar

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.accounts import check_password
from pypi_repo.domain.accounts.errors import InvalidPassword
from pypi_repo.domain.errors import InvalidSetting, RegistryError
from pypi_repo.domain.text import require_line, require_text
from pypi_repo.settings import parse_size
from pypi_repo.web.pages.page import HtmlPage

Value = TypeVar("Value")

_LONGEST_NUMBER = 4  # digits


def read(page: HtmlPage, name: str, value: Callable[[], Value]) -> Value | None:
    """Returns the value of a field; None if it is refused, which the page says beside the field."""
    try:
        return value()
    except RegistryError as error:
        page.refused[name] = error
        return None


def settle(page: HtmlPage) -> None:
    """Raises the first error of those that `read` has noted, once all fields were read."""
    for error in page.refused.values():
        raise error


@contextmanager
def blaming(page: HtmlPage, name: str, *kinds: type[RegistryError]) -> Iterator[None]:
    """Notes errors of these kinds that the block raises, to be said beside a field."""
    try:
        yield
    except kinds as error:
        page.refused[name] = error
        raise


def text(page: HtmlPage, name: str) -> str:
    """Returns a description or a reason, and notes what cannot be shown."""
    read(page, name, lambda: require_text(page.sent(name)))
    return page.sent(name)


def line(page: HtmlPage, name: str) -> str:
    """Returns what people call something, and notes what cannot be shown as one line."""
    read(page, name, lambda: require_line(page.sent(name)))
    return page.sent(name)


def password(page: HtmlPage, name: str = "password", *, again: str | None = None) -> str:
    """Returns a password that somebody chooses; notes one that is weak or not repeated alike.

    again: the field in which it is repeated.
    """
    chosen = page.request.form.get(name, "")
    read(page, name, lambda: check_password(chosen))
    if again is not None and page.request.form.get(again, "") != chosen:
        page.refused[again] = InvalidPassword("The password was not repeated alike; type it again.")
    return chosen


def size(page: HtmlPage, name: str) -> int | None:
    """Returns a size in bytes, None if the field is empty; notes what is no size."""
    return read(page, name, lambda: _size(page.sent(name)))


def _size(text: str) -> int | None:
    try:
        number = parse_size(text) if text else None
    except ValueError as error:
        raise InvalidSetting(str(error)) from None
    if number == 0:
        raise InvalidSetting("A size is at least one byte; leave the field empty for no limit.")
    return number


def days(page: HtmlPage, name: str) -> timedelta | None:
    """Returns a number of days, None if the field is empty; notes what is no number."""
    return read(page, name, lambda: _days(page.sent(name)))


def _days(text: str) -> timedelta | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or not int(text):
        raise InvalidSetting(f"{text[:20]!r} is not a number of days; write one like 90.")
    return timedelta(days=int(text))


def number(page: HtmlPage, name: str, of: str, like: int) -> int | None:
    """Returns a whole number; notes what is none.

    of: what is counted, in the plural.
    like: an example for the message.
    """
    return read(page, name, lambda: _number(page.sent(name), of, like))


def _number(text: str, of: str, like: int) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise InvalidSetting(f"{text[:20]!r} is not a number of {of}; write one like {like}.")
    return int(text)


def pairs(page: HtmlPage, name: str, separator: Literal["first", "last"]) -> list[tuple[str, str]]:
    """Returns both sides of the equals sign of each line; notes a line without one.

    separator: which equals sign of a line it is.
    """
    return read(page, name, lambda: list(_pairs(page.sent(name), separator))) or []


def _pairs(text: str, separator: Literal["first", "last"]) -> Iterator[tuple[str, str]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        left, equals, right = line.partition("=") if separator == "first" else line.rpartition("=")
        if not (left.strip() and equals and right.strip()):
            raise InvalidSetting(f"{line[:80]!r} has no text on both sides of an equals sign.")
        yield left.strip(), right.strip()


def areas(page: HtmlPage) -> list[Area]:
    """Returns the areas that are ticked.

    Raises InvalidSetting.
    """
    try:
        return [Area(value) for value in page.request.form.getlist("area")]
    except ValueError:
        raise InvalidSetting("There is no such permission.") from None
