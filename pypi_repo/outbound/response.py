"""Answers as they come on a connection, read with patience, and strictly.

The standard library reads headers as those of mails, which takes longer than the whole rest of an
exchange with a server nearby.
"""

import http.client
import io
import re
import socket
from collections.abc import Iterable, Iterator, Mapping

from pypi_repo.outbound.patience import Patience, PatientReader

_BUFFER = 64 * 1024  # bytes
_LONGEST_LINE = 64 * 1024  # bytes, as in the standard library
_MOST_FIELDS = 100
# RFC 9112, section 5: no space before the colon, and none of what others may take for a line's end.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\0\r\n]*)\r?\n")
_FOLDED = re.compile(r"[ \t]([^\0\r\n]*)\r?\n")
_WITHOUT_CONTENT = (http.client.NO_CONTENT, http.client.NOT_MODIFIED)


class _Buffer(io.BufferedReader):
    """Tells a line that was cut off from the last one, and whether something is left over."""

    _is_first = True

    def __init__(self, connection: socket.socket, patience: Patience) -> None:
        super().__init__(PatientReader(connection, patience), _BUFFER)
        self._patience = patience

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size and not (self._is_first and not line):
            raise http.client.IncompleteRead(line)
        self._is_first = False
        return line

    def close(self) -> None:
        if not self.closed:
            self._patience.is_over = True
            self._patience.has_left_over = bool(self.peek(1))
        super().close()


class Fields(Mapping[str, str]):
    """The header fields of an answer by their names, which are in lower case when one iterates.

    Fields of the same name are one, with commas between their values (RFC 9110, section 5.3).
    """

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in fields:
            known = self._values.get(name.lower())
            self._values[name.lower()] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Response(http.client.HTTPResponse):
    """Reads with patience, and refuses what two readers of HTTP could understand differently."""

    headers: Fields  # type: ignore[assignment]

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        *,
        patience: Patience,
    ) -> None:
        super().__init__(sock, debuglevel, method)
        self._has_content = method != "HEAD"
        self.fp.close()
        self.fp = _Buffer(sock, patience)

    def begin(self) -> None:
        """Reads the status line and the headers, as that of the standard library does."""
        version, status, reason = self._read_status()  # type: ignore[attr-defined]
        while status == http.client.CONTINUE:
            self._read_fields()
            version, status, reason = self._read_status()  # type: ignore[attr-defined]
        if status < 200:
            raise http.client.HTTPException(f"an interim answer, {status}, as the last one")
        if not version.startswith("HTTP/1."):
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version == "HTTP/1.0" else 11
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = Fields(self._read_fields())
        self.msg = self.headers  # type: ignore[assignment]
        self.chunked = "Transfer-Encoding" in self.headers
        self.chunk_left = None
        self.length = None
        if self.chunked:  # the size does not count then: RFC 9112, section 6.3
            if self.headers["Transfer-Encoding"].lower() != "chunked":
                raise http.client.HTTPException("an unknown transfer encoding")
        elif (sizes := self.headers.get("Content-Length")) is not None:
            size, *others = set(map(str.strip, sizes.split(",")))
            if others or not (size.isascii() and size.isdigit()):
                raise http.client.HTTPException("two sizes, or one that is none")
            self.length = int(size)
        if status in _WITHOUT_CONTENT or not self._has_content:
            self.length, self.chunked = 0, False
        is_open = self.chunked or self.length is not None
        self.will_close = self._check_close() or not is_open  # type: ignore[attr-defined]

    def _read_fields(self) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        while (line := self.fp.readline(_LONGEST_LINE + 1)) not in (b"\r\n", b"\n"):
            if len(line) > _LONGEST_LINE or len(fields) >= _MOST_FIELDS:
                raise http.client.HTTPException("too many headers, or too long ones")
            text = line.decode("latin-1")
            if field := _FIELD.fullmatch(text):
                fields.append((field[1], field[2].strip()))
            elif fields and (more := _FOLDED.fullmatch(text)):
                name, value = fields[-1]
                fields[-1] = name, f"{value} {more[1].strip()}"
            else:
                raise http.client.HTTPException("headers that are none")
        return fields

    def read1(self, size: int = -1, /) -> bytes:
        """Reads as that of the standard library does, which takes a cut answer for a whole one."""
        piece = super().read1(size)
        if self.length is not None and not self.chunked:
            if not piece and self.length:
                raise http.client.IncompleteRead(piece, self.length)
            if not self.length and self.fp is not None:
                self._close_conn()  # type: ignore[attr-defined]
        return piece
