"""Free text: descriptions, reasons, the names of tokens; and numbers within sentences."""

from pypi_repo.domain.errors import InvalidSetting


def require_storable(text: str) -> None:
    """Raises InvalidSetting for a text with a NUL, which PostgreSQL cannot keep."""
    if "\0" in text:
        raise InvalidSetting("A text may not hold the NUL character; leave it out.")


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
