"""Connections that check where they lead, and read with patience.

This module imports urllib3, which takes a while; it is imported when something is asked for.
"""

import http.client
import io
import re
import socket
import ssl
from collections.abc import Callable
from functools import partial

from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.util import Url as ProxyUrl
from urllib3.util.ssltransport import SSLTransport

from pypi_repo.outbound.addresses import connect, require_allowed
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.outbound.patience import Patience, PatientReader
from pypi_repo.outbound.proxies import Proxy
from pypi_repo.outbound.route import Route

_BUFFER = 64 * 1024  # bytes


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


class _Response(http.client.HTTPResponse):
    """Reads with patience, and refuses what two readers of HTTP could understand differently."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        *,
        patience: Patience,
    ) -> None:
        super().__init__(sock, debuglevel, method)
        self.fp.close()
        self.fp = _Buffer(sock, patience)

    def begin(self) -> None:
        super().begin()
        if self.status < 200:
            raise http.client.HTTPException(f"an interim answer, {self.status}, as the last one")
        if self.msg.defects or (not self.msg.is_multipart() and self.msg.get_payload()):
            raise http.client.HTTPException("headers that are none")
        if "Transfer-Encoding" in self.msg:
            if not self.chunked:
                raise http.client.HTTPException("an unknown transfer encoding")
            del self.msg["Content-Length"]  # RFC 9112, section 6.3: it does not count
            return
        sizes = set(self.msg.get_all("Content-Length", []))
        if len(sizes) > 1:
            raise http.client.HTTPException("two sizes")
        if any(re.fullmatch("[0-9]+", size) is None for size in sizes):
            raise http.client.HTTPException("a size that is no number")


class _Guarded:
    """What both kinds of connections do alike.

    open_socket: connects where it may; the one place where urllib3 makes sockets calls it.
    patience: that of the next answer.
    """

    open_socket: Callable[[], socket.socket]
    patience: Patience

    def _new_conn(self) -> socket.socket:
        return self.open_socket()


class Connection(_Guarded, HTTPConnection):
    """A connection without TLS to a host or a proxy."""


class SecureConnection(_Guarded, HTTPSConnection):
    """A connection with TLS to a host, also through a proxy without it, or to a proxy."""


AnyConnection = Connection | SecureConnection


def open_connection(
    route: Route, proxy: Proxy | None, limits: OutboundLimits, trust: ssl.SSLContext | None
) -> AnyConnection:
    """Connects to the host of a route, or to the proxy that connects to it.

    trust: the certificates that are trusted; None if the route does without TLS.

    Raises UpstreamRefused if the host has an address that the route does not allow, and OSError or
    what urllib3 raises if there is no connection.
    """
    if proxy is not None:
        require_allowed(route.host, route.port, anywhere=route.anywhere, called=route.called)
    connection = _made(route, proxy, limits, trust)
    patience = Patience(limits)
    connection.patience = patience
    connection.open_socket = partial(
        connect,
        connection.host,
        connection.port,
        limits.connect,
        anywhere=route.anywhere or proxy is not None,  # a proxy is where it is
        called=route.called,
    )
    connection.response_class = partial(_Response, patience=patience)  # type: ignore[assignment]
    patience.expect_headers()  # those of a proxy that makes a tunnel
    try:
        connection.connect()
        connection.timeout = patience.seconds_left()
    except BaseException:
        connection.close()
        raise
    if isinstance(connection.sock, ssl.SSLSocket | SSLTransport):
        # Or who is in between could cut an answer without a size, and it would look whole.
        connection.sock.suppress_ragged_eofs = False  # type: ignore[union-attr]
    return connection


def _made(
    route: Route, proxy: Proxy | None, limits: OutboundLimits, trust: ssl.SSLContext | None
) -> AnyConnection:
    if proxy is None:
        if trust is None:
            return Connection(route.host, route.port, timeout=limits.connect)
        return SecureConnection(route.host, route.port, timeout=limits.connect, ssl_context=trust)
    url = ProxyUrl(proxy.url.scheme, host=proxy.url.host, port=proxy.url.port)
    config = ProxyConfig(
        ssl.create_default_context() if proxy.url.scheme == "https" else None, False, None, None
    )
    place = (proxy.url.host, proxy.url.port)
    if trust is not None:
        connection = SecureConnection(
            *place, timeout=limits.connect, ssl_context=trust, proxy=url, proxy_config=config
        )
        connection.set_tunnel(route.host, route.port, proxy.headers, scheme=proxy.url.scheme)
        return connection
    kind = SecureConnection if proxy.url.scheme == "https" else Connection
    return kind(*place, timeout=limits.connect, proxy=url, proxy_config=config)
