"""The values that columns of each type may have in a dump."""

from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Date, Integer, LargeBinary, String
from sqlalchemy.types import TypeEngine

from pypi_repo.storage.database.metadata import UTCDateTime
from pypi_repo.storage.database.rows import LARGEST_ID

LARGEST_COUNT = 2**63 - 1
LARGEST_KEPT_ID = LARGEST_ID // 2
"""So that there is room for further ids."""


def check_type(kind: TypeEngine[Any], value: object) -> None:
    """Raises ValueError unless a column of a type may have a value."""
    next(check for known, check in _OF_TYPES if isinstance(kind, known))(value)


def number_to(largest: int) -> Callable[[object], None]:
    """Returns a check that raises ValueError unless a value is a number from 0 to the largest."""

    def check(value: object) -> None:
        if type(value) is not int or not 0 <= value <= largest:
            raise ValueError(f"no number from 0 to {largest}")

    return check


def _truth(value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")


def _text(value: object) -> None:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("no text in Unicode") from None


def _moment(value: object) -> None:
    try:
        found = datetime.fromisoformat(str(value))
        found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("no moment") from None
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")


def _day(value: object) -> None:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("no day") from None


def _texts_by_name(value: object) -> None:
    if not isinstance(value, dict):
        raise ValueError("no object of texts")
    for text in (*value, *value.values()):
        _text(text)


def _bytes(value: object) -> None:
    try:
        b64decode(str(value), validate=True)
    except ValueError:
        raise ValueError("no bytes in base64") from None


_OF_TYPES: tuple[tuple[type[TypeEngine[Any]], Callable[[object], None]], ...] = (
    (BigInteger, number_to(LARGEST_COUNT)),  # which is an Integer too, so it is asked before
    (Integer, number_to(LARGEST_KEPT_ID)),
    (Boolean, _truth),
    (String, _text),
    (UTCDateTime, _moment),
    (Date, _day),
    (JSON, _texts_by_name),
    (LargeBinary, _bytes),
)
