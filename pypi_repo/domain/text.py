"""Helpers for free text, such as descriptions and reasons, and for numbers in sentences."""

import re
import unicodedata

from pypi_repo.domain.errors import InvalidSetting

_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that move the cursor, colour, break or turn round a line."""

# Tokens, links of invitations, and credentials as in https://user:password@host that somebody has
# pasted into a path.
_SECRETS = re.compile(r"pp[rai]_[A-Za-z0-9_-]+|(?<=/)[^/:]+:[^/]*(?=@)")


def require_storable(text: str) -> None:
    """Raises InvalidSetting for a text with a NUL character, which PostgreSQL cannot store."""
    if "\0" in text:
        raise InvalidSetting("A text may not hold the NUL character; leave it out.")


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Returns a number with its noun, such as `1 file` or `2,000 files`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def printable(text: str) -> str:
    """Escapes each character that controls a terminal or breaks a line, as Python does.

    Names, reasons and descriptions come from other people. A control character in them could clear
    the screen of an operator, or show a forged line.
    """
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _NEVER_SHOWN
        else char
        for char in text
    )


def without_secrets(path: str) -> str:
    """Returns the path of a URL as logs may show it."""
    return _SECRETS.sub("***", path)
