"""A server that answers what a test says, byte for byte, however wrong that is."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from types import TracebackType
from typing import Self

_TIMEOUT = 60  # seconds


class Cut(Exception):
    """A script raises it to end the connection."""


@dataclass(frozen=True)
class Asked:
    """A request. `headers` has their names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    connection: int
    """The number of the connection on which it came, from 1."""
    body: bytes = b""


Script = Callable[[Asked], "bytes | Iterable[bytes]"]
"""What is answered to a request. The connection stays open for the next one."""


class ScriptedServer:
    """Listens on a port of its own.

    tls: what it needs to encrypt.
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script, self._tls = script, tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.asked: list[Asked] = []
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def targets(self) -> list[str]:
        return [each.target for each in self.asked]

    def cut(self) -> None:
        """Ends all connections."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listening.accept()
                self.connections += 1
                self._start(lambda client=client, n=self.connections: self._serve(client, n))  # type: ignore[misc]

    def _serve(self, client: socket.socket, number: int) -> None:
        client.settimeout(_TIMEOUT)
        try:
            with suppress(OSError, Cut, ValueError):  # of what is no HTTP
                if self._tls is not None:
                    client = self._tls.wrap_socket(client, server_side=True)
                self._open.add(client)
                with client.makefile("rb") as incoming:
                    while line := incoming.readline():
                        self._answer(client, line, incoming, number)
        finally:
            self._open.discard(client)
            client.close()

    def _answer(
        self, client: socket.socket, line: bytes, incoming: BufferedReader, number: int
    ) -> None:
        method, target, _version = line.decode("latin-1").split()
        headers = {}
        for header in incoming:
            name, colon, value = header.decode("latin-1").partition(":")
            if not colon:
                break
            headers[name.lower()] = value.strip()
        body = incoming.read(int(headers.get("content-length", 0)))
        asked = Asked(method, target, headers, number, body)
        self.asked.append(asked)
        answered = self._script(asked)
        for piece in [answered] if isinstance(answered, bytes) else answered:
            client.sendall(piece)


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer. Of names of headers, underscores become hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if not {"Content_Length", "Transfer_Encoding"} & headers.keys():
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body
