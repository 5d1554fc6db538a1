"""Splits METADATA, PKG-INFO and WHEEL into headers, within limits.

The headers look like those of an e-mail (RFC 5322 section 2.2). The standard library's parser for
e-mails could read them, but it obeys headers such as Content-Type, and then looks for messages
within messages without a limit.
"""

import re
from dataclasses import dataclass

from pypi_repo.domain.errors import InvalidMetadata

_MOST_HEADERS = 10_000  # projects with hundreds of extras have thousands
_MOST_LINES = 50_000  # old builders fold a whole README into one header
_LONGEST_LINE = 256 * 1024  # bytes

# Neither expression can be matched in more than one way.
_LINE = re.compile(rb"[^\r\n]*")
_NAME = re.compile(rb"[!-9;-~]+(?=:)")
_END_OF_LINE = re.compile(rb"\r\n|\r|\n|\Z")


@dataclass(frozen=True, slots=True)
class Header:
    """A header.

    name: the name, in lower case.
    raw: everything after the colon, including line ends.
    """

    name: bytes
    raw: bytes

    @property
    def value(self) -> str:
        """The value as text, without surrounding white space."""
        return self.raw.decode("utf-8", "replace").strip()


def split_headers(document: bytes) -> tuple[list[Header], bytes]:
    """Splits a document into its headers, in their order, and the body after them.

    Raises InvalidMetadata if there are too many headers or lines, or if a line is too long.
    """
    headers: list[tuple[bytes, list[bytes]]] = []
    position = 0
    for _number in range(_MOST_LINES):
        line, end = _line_at(document, position)
        if not line:
            return _joined(headers), document[end:]
        if line[:1] in b" \t":
            if headers:
                headers[-1][1].append(document[position:end])
        elif found := _NAME.match(line):
            if len(headers) == _MOST_HEADERS:
                raise InvalidMetadata(
                    f"The metadata in the archive have more than {_MOST_HEADERS} headers."
                )
            start = position + found.end() + 1
            headers.append((found[0].lower(), [document[start:end]]))
        else:  # no empty line ends these headers
            return _joined(headers), document[position:]
        position = end
    raise InvalidMetadata(f"The headers in the archive have more than {_MOST_LINES} lines.")


def _line_at(document: bytes, position: int) -> tuple[bytes, int]:
    """Returns the line at a position, without its end, and the position of the next line."""
    line = _LINE.match(document, position)
    assert line is not None  # noqa: S101 - it matches everywhere
    if len(line[0]) > _LONGEST_LINE:
        raise InvalidMetadata(f"A header in the archive is longer than {_LONGEST_LINE} bytes.")
    end = _END_OF_LINE.match(document, line.end())
    assert end is not None  # noqa: S101 - likewise
    return line[0], end.end()


def _joined(headers: list[tuple[bytes, list[bytes]]]) -> list[Header]:
    return [Header(name, b"".join(lines)) for name, lines in headers]
