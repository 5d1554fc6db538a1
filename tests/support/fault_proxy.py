"""A TCP proxy that passes bytes on, until it is told to do harm."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

Fault = Callable[["_Passage"], None]
"""What happens to each connection from now on, instead of passing it on."""


class FaultProxy:
    """Listens on a port of its own.

    target: host and port, or the path of a Unix socket.
    """

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._target = target
        self._fault: Fault | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.faults = 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def set_fault(self, fault: Fault | None) -> None:
        """For connections that come from now on; those that are open are cut."""
        self._fault = fault
        self.cut()

    def cut(self) -> None:
        for connection in list(self._open):
            _close(connection)

    def close(self) -> None:
        _close(self._listening)
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
                self._open.add(client)
                self._start(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        passage = _Passage(self, client)
        with suppress(OSError):
            if self._fault is None:
                passage.pass_on()
            else:
                self.faults += 1
                self._fault(passage)
        passage.close()

    def connect(self) -> socket.socket:
        """To the target."""
        if isinstance(self._target, str):
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
        else:
            server = socket.create_connection(self._target, timeout=60)
        self._open.add(server)
        return server

    def forget(self, connection: socket.socket) -> None:
        _close(connection)
        self._open.discard(connection)


class _Passage:
    """One connection of a client, and the one to the target that belongs to it."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._server: socket.socket | None = None
        self.client = client

    def pass_on(
        self,
        to_server: Callable[[bytes], None] | None = None,
        to_client: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """Both ways, until one of them closes.

        to_server: sees what goes there, before it goes; ConnectionError cuts both ways.
        to_client: what really comes back; ConnectionError cuts both ways.
        """
        server = self._server = self._proxy.connect()

        def back() -> None:
            with suppress(OSError):
                while chunk := server.recv(65536):
                    self.client.sendall(to_client(chunk) if to_client else chunk)
            _close(self.client)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        with suppress(OSError):
            while chunk := self.client.recv(65536):
                if to_server:
                    to_server(chunk)
                server.sendall(chunk)
        _close(server)
        thread.join()

    def swallow(self) -> None:
        """Takes what comes and answers nothing."""
        while self.client.recv(65536):
            pass

    def reset(self) -> None:
        """Ends the connection at once, with what is under way."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def close(self) -> None:
        self._proxy.forget(self.client)
        if self._server is not None:
            self._proxy.forget(self._server)


def refuses(passage: _Passage) -> None:
    passage.reset()


def says_nothing(passage: _Passage) -> None:
    passage.swallow()


def answers(status: str) -> Fault:
    """Each request, with this status and the error document of an object store."""
    code = "ServiceUnavailable" if status.startswith("503") else "InternalError"
    document = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    answer = f"{head}Content-Length: {len(document)}\r\n\r\n{document}".encode()

    def fault(passage: _Passage) -> None:
        passage.client.recv(65536)
        passage.client.sendall(answer)
        passage.client.shutdown(socket.SHUT_WR)
        passage.swallow()  # the rest of the request: a reset could overtake the answer

    return fault


def cuts_after(size: int) -> Fault:
    """Each connection, once so many bytes came back through it."""

    def fault(passage: _Passage) -> None:
        left = size

        def limited(chunk: bytes) -> bytes:
            nonlocal left
            if left <= 0:
                raise ConnectionResetError
            chunk = chunk[:left]
            left -= len(chunk)
            return chunk

        passage.pass_on(to_client=limited)

    return fault


def takes_only(size: int) -> Fault:
    """Each connection is cut once so many bytes went through it."""

    def fault(passage: _Passage) -> None:
        left = size

        def counted(chunk: bytes) -> None:
            nonlocal left
            left -= len(chunk)
            if left < 0:
                raise ConnectionResetError

        passage.pass_on(to_server=counted)

    return fault


def only_first(fault: Fault, number: int = 1) -> Fault:
    """Harms so many connections and passes on the others."""
    left = number

    def limited(passage: _Passage) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            fault(passage)
        else:
            passage.pass_on()

    return limited


def slow(delay: float) -> Fault:
    """Everything that comes back comes later by so many seconds a piece."""

    def fault(passage: _Passage) -> None:
        def delayed(chunk: bytes) -> bytes:
            threading.Event().wait(delay)
            return chunk

        passage.pass_on(to_client=delayed)

    return fault


def cuts_instead_of_answering(words: bytes) -> Fault:
    """Passes on the request that holds these words, and cuts where the answer would come."""

    def fault(passage: _Passage) -> None:
        asked = threading.Event()

        def watch(chunk: bytes) -> None:
            if words in chunk:
                asked.set()

        def withhold(chunk: bytes) -> bytes:
            if asked.is_set():
                raise ConnectionResetError
            return chunk

        passage.pass_on(to_server=watch, to_client=withhold)

    return fault


def _close(connection: socket.socket) -> None:
    # A thread that waits in recv() or accept() is only woken by the shutdown.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
