"""Takes a multipart/form-data body apart as it arrives (RFC 7578, RFC 2046 section 5.1).

Strict: every line ends with CRLF, and nothing stands between a boundary and the end of its line.
What was searched is not searched again for each piece that comes, and no more is held than the
last of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

_CHUNK = 256 * 1024
_LARGEST_HEADER = 64 * 1024
_LARGEST_MARGIN = 64 * 1024  # bytes before the first part, and after the last
_LONGEST_KEPT = 96  # bytes of a header that may be seen again

# What all clients send, and what parse_options_header would say of it, ten times as fast.
_USUAL = re.compile(r'form-data; name="([^"\\%]+)"(?:; filename="([^"\\%]*)")?')


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part; its Data follow.

    filename: None for text.
    headers: by their names in lower case.
    """

    name: str
    filename: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the part's content."""

    data: bytes
    more_data: bool


def events(stream: IO[bytes], boundary: bytes, most_parts: int) -> Iterator[Part | Data]:
    """Raises ValueError for what is no such body or ends early, RequestEntityTooLarge for too much.

    The stream is read to its end.
    """
    body = _Body(stream, boundary)
    body.skip_preamble()
    for _number in range(most_parts):
        if body.is_over:
            break
        yield body.header()
        yield from body.content()
    if not body.is_over:
        raise RequestEntityTooLarge
    body.skip_epilogue()


class _Body:
    def __init__(self, stream: IO[bytes], boundary: bytes) -> None:
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary
        self._data = b"\r\n"  # which the first boundary of a body does without
        self._start = 0  # of what nobody has taken yet
        self.is_over = False

    def skip_preamble(self) -> None:
        size = 0
        for piece in self.content():
            size += len(piece.data)
            if size > _LARGEST_MARGIN:
                raise RequestEntityTooLarge

    def skip_epilogue(self) -> None:
        size = len(self._data) - self._start
        while size <= _LARGEST_MARGIN and (chunk := self._stream.read(_CHUNK)):
            size += len(chunk)
        if size > _LARGEST_MARGIN:
            raise RequestEntityTooLarge

    def header(self) -> Part:
        while (end := self._data.find(b"\r\n\r\n", self._start)) < 0:
            if len(self._data) - self._start > _LARGEST_HEADER:
                raise RequestEntityTooLarge
            self._receive()
        block = self._data[self._start : end]
        self._start = end + 4
        return _kept_part(block) if len(block) <= _LONGEST_KEPT else _part(block)

    def content(self) -> Iterator[Data]:
        """Up to the next delimiter, which is taken too."""
        seen = self._start
        while True:
            found = self._data.find(self._delimiter, seen)
            behind = found + len(self._delimiter)
            follows = self._data[behind : behind + 2]
            if found >= 0 and follows in (b"\r\n", b"--"):
                content = self._data[self._start : found]
                self._start = behind + 2
                self.is_over = follows == b"--"
                yield Data(content, more_data=False)
                return
            if found >= 0 and len(follows) == 2:  # only looks like one
                seen = behind
                continue
            # The delimiter may have begun.
            safe = found if found >= 0 else max(seen, len(self._data) - len(self._delimiter) + 1)
            if safe > self._start:
                yield Data(self._data[self._start : safe], more_data=True)
            self._start = safe
            self._receive()
            seen = 0

    def _receive(self) -> None:
        """At least as much again as is there already, or pieces of a byte would cost its square."""
        pieces = [self._data[self._start :]]
        wanted = max(1, len(pieces[0]))
        while wanted > 0 and (chunk := self._stream.read(_CHUNK)):
            pieces.append(chunk)
            wanted -= len(chunk)
        if len(pieces) == 1:
            raise ValueError("The body ends before its last boundary.")
        self._data = b"".join(pieces)
        self._start = 0


def _part(block: bytes) -> Part:
    unfolded = block.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").decode("utf-8", "replace")
    headers: dict[str, str] = {}
    for line in unfolded.split("\r\n"):
        name, colon, value = line.partition(":")
        if not (name and colon) or "\r" in line or "\n" in line:
            raise ValueError("The header of a part is malformed.")
        headers.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    disposition = headers.get("content-disposition", "")
    if usual := _USUAL.fullmatch(disposition):
        return Part(usual[1], usual[2], headers)
    _kind, options = parse_options_header(disposition)
    return Part(options.get("name", ""), options.get("filename"), headers)


_kept_part = lru_cache(256)(_part)  # clients send the same few fields
