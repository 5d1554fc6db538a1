"""A proxy that clients are told to use: tunnels for https, and absolute URLs for http."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_TIMEOUT = 60  # seconds


class ForwardProxy:
    """Listens on a port of its own, and connects to wherever it is told.

    authorization: the Proxy-Authorization that it wants.
    tls: what it needs to encrypt.
    hosts: addresses of names that only it knows.
    """

    def __init__(
        self,
        authorization: str | None = None,
        tls: ssl.SSLContext | None = None,
        hosts: dict[str, str] | None = None,
    ) -> None:
        self._authorization, self._tls, self._hosts = authorization, tls, hosts or {}
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.heads: list[str] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def asked(self) -> list[str]:
        """The first lines of the requests, without the version."""
        return [head.partition(" HTTP/")[0] for head in self.heads]

    def close(self) -> None:
        for each in (self._listening, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._listening.close()
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

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listening.accept()
                self._start(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(_TIMEOUT)
        try:
            with suppress(OSError):
                if self._tls is not None:
                    client = self._tls.wrap_socket(client, server_side=True)
                self._open.add(client)
                self._pass_on(client)
        finally:
            self._open.discard(client)
            client.close()

    def _pass_on(self, client: socket.socket) -> None:
        """One request for each connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := client.recv(65536)):
                return
            head += more
        text = head.decode("latin-1")
        self.heads.append(text)
        if self._authorization and f"Proxy-Authorization: {self._authorization}\r\n" not in text:
            client.sendall(b"HTTP/1.1 407 Not You\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, _version = text.partition("\r\n")[0].split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host = parts.hostname or ""
        with socket.create_connection((self._hosts.get(host, host), parts.port or 80)) as server:
            self._open.add(server)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                server.sendall(head)
            back = self._start(lambda: _copy(server, client))
            _copy(client, server)
            back.join(_TIMEOUT)
            self._open.discard(server)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
