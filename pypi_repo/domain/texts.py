"""Free text: descriptions, reasons, the names of tokens; and numbers within sentences."""

import unicodedata

from pypi_repo.domain.errors import InvalidSetting

_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that move the cursor, colour, break or turn round a line."""


def require_storable(text: str) -> None:
    """Raises InvalidSetting for a text with a NUL, which PostgreSQL cannot keep."""
    if "\0" in text:
        raise InvalidSetting("A text may not hold the NUL character; leave it out.")


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def printable(text: str) -> str:
    """The text with each character that steers a terminal, or breaks a line, as Python escapes it.

    Names, reasons and descriptions are other people's words: `\\x1b` in one of them could clear
    the screen, or show another line than the one that is there.
    """
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _NEVER_SHOWN
        else char
        for char in text
    )
