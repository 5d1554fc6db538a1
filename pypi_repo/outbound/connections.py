"""Connections that check where they lead, and read with patience.

This module imports urllib3, which takes a while; it is imported when something is asked for.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.util import Url as ProxyUrl
from urllib3.util.ssltransport import SSLTransport

from pypi_repo.outbound.addresses import connect, require_allowed
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.outbound.patience import Patience
from pypi_repo.outbound.proxies import Proxy
from pypi_repo.outbound.response import Response
from pypi_repo.outbound.route import Route


class _Guarded(http.client.HTTPConnection):
    """What both kinds of connections do alike.

    urllib3 makes the connections, with proxies and TLS. Requests and answers are those of the
    standard library, as what urllib3 makes of them takes twice the time.

    open_socket: connects where it may; the one place where urllib3 makes sockets calls it.
    patience: that of the next answer.
    """

    open_socket: Callable[[], socket.socket]
    patience: Patience

    def _new_conn(self) -> socket.socket:
        return self.open_socket()

    def exchange(
        self, method: str, asked: str, headers: Mapping[str, str], content: bytes | None
    ) -> Response:
        """Sends a request, and waits for the headers of the answer.

        asked: what the request asks for, a path or, of a proxy, a URL.
        content: the body; None for a request without one.
        """
        self.patience.expect_headers()
        self.sock.settimeout(self.timeout)
        http.client.HTTPConnection.request(self, method, asked, content, headers)
        return cast("Response", http.client.HTTPConnection.getresponse(self))


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
    connection.response_class = partial(Response, patience=patience)  # type: ignore[assignment]
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
