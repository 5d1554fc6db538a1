"""A keep-alive HTTP client that costs next to nothing, so that the server is what is measured."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_LARGEST_HEAD = 64 * 1024
_BUFFER = 1024 * 1024
_TIMEOUT = 120.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Form:
    """The body of an upload: small enough to be held, or with a file in its middle."""

    content_type: str
    start: bytes
    file: Path | None = None
    end: bytes = b""

    @property
    def size(self) -> int:
        file_size = self.file.stat().st_size if self.file else 0
        return len(self.start) + file_size + len(self.end)


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request, up to the empty line before its body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(path: str, headers: Mapping[str, str], form: Form) -> bytes:
    """The head of an upload."""
    described = {"Content-Type": form.content_type, "Content-Length": str(form.size)}
    return head("POST", path, {**headers, **described})


class Connection:
    """One connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = memoryview(bytearray(_BUFFER))

    def send(self, request: bytes, file: Path | None = None, end: bytes = b"") -> None:
        """`request`, then the file and what comes after it."""
        self._socket.sendall(request)
        if file is not None:
            with file.open("rb") as content:
                self._socket.sendfile(content)
            self._socket.sendall(end)

    def receive(self) -> tuple[int, int]:
        """The answer's status and the length of its body, which is dropped.

        Raises ConnectionError where the server hangs up or does not say the length.
        """
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            chunk = self._socket.recv(_LARGEST_HEAD)
            if not chunk:
                raise ConnectionError("the server hung up")
            received += chunk
        status = int(received[9:12])
        if status in (204, 304):
            return status, 0
        length = _LENGTH.search(received, 0, end + 2)
        if length is None:
            raise ConnectionError("the answer has no Content-Length")
        size = int(length[1])
        remaining = size - (len(received) - end - 4)
        while remaining > 0:
            count = self._socket.recv_into(self._buffer, min(remaining, _BUFFER))
            if not count:
                raise ConnectionError("the server hung up")
            remaining -= count
        return status, size

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
