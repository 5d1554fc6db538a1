"""Free text: descriptions, reasons, the names of tokens."""

from pypi_repo.domain.errors import InvalidSetting


def require_storable(text: str) -> None:
    """Raises InvalidSetting for a text with a NUL, which PostgreSQL cannot keep."""
    if "\0" in text:
        raise InvalidSetting("A text may not hold the NUL character; leave it out.")
