"""Helpers for free text, such as descriptions and reasons, and for numbers in sentences."""

import re
import unicodedata

from pypi_repo.domain.errors import InvalidSetting

LONGEST_TEXT = 1_000
"""The characters that a description or a reason may have."""

LONGEST_NAME = 200
"""The characters that a name for people may have, such as that of a token."""

JWT_HEADER = "ey[AJ][A-Za-z0-9_-]+"
"""A pattern for the first part of a signed token (JWT): JSON in base64, with a space or without."""

_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that move the cursor, colour, break or turn round a line."""

_BREAKS_A_LINE = frozenset({"Cc", "Zl", "Zp"})
_TURNS_ROUND_A_LINE = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

# Tokens, links of invitations, signed tokens (JWT), and credentials as in https://user:password@host
# that somebody has pasted into a path.
_SECRETS = re.compile(
    r"pp[raij]_[A-Za-z0-9_-]+"
    rf"|(?<![A-Za-z0-9_-]){JWT_HEADER}\.[A-Za-z0-9_.-]+"
    r"|(?<=/)[^/:]+:[^/]*(?=@)"
)


def require_storable(text: str) -> None:
    """Raises InvalidSetting for a text that no database can store.

    PostgreSQL has no NUL characters, and nothing has bytes that are no UTF-8, which come from a
    command line as surrogates.
    """
    if "\0" in text:
        raise InvalidSetting("A text may not hold the NUL character; leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidSetting(f"The text {text[:80]!r} is no Unicode; write it in UTF-8.") from error


def require_line(text: str) -> None:
    """Raises InvalidSetting for a name that people cannot be shown as one line.

    Such a text is too long, or holds control characters, or characters that turn round the
    direction of what follows, which makes it look like another text.
    """
    _require(text, LONGEST_NAME, allowed="")


def require_text(text: str) -> None:
    """Raises InvalidSetting for a description or a reason that people cannot be shown.

    It may be longer than a line and have several, but is otherwise like one.
    """
    _require(text, LONGEST_TEXT, allowed="\n\r\t")


def _require(text: str, longest: int, *, allowed: str) -> None:
    if len(text) > longest:
        raise InvalidSetting(f"A text here has at most {longest:,} characters; shorten it.")
    if any(
        char in _TURNS_ROUND_A_LINE or unicodedata.category(char) in _BREAKS_A_LINE
        for char in text
        if char not in allowed
    ):
        raise InvalidSetting(
            "A text may not hold control characters, such as NUL, nor those that change its "
            "direction, and a name no line break; leave them out."
        )


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
