"""Asks for URLs elsewhere: those of other indexes and of identity providers."""

import functools
import http.client
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.domain.values.target import Target
from pypi_repo.domain.values.urls import Url, parse_url
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.outbound.addresses import require_allowed
from pypi_repo.outbound.answer import Answer
from pypi_repo.outbound.causes import failure
from pypi_repo.outbound.kept import KeptConnections
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.outbound.proxies import Proxies, Proxy
from pypi_repo.outbound.route import Route, route_to
from pypi_repo.outbound.trust import Trust

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

    from pypi_repo.outbound.connections import AnyConnection

Method = Literal["GET", "HEAD"]

_FORM = "application/x-www-form-urlencoded"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OURS = frozenset({"authorization", "cookie", "host", "proxy-authorization", "user-agent"})
_LIMITS = OutboundLimits()
_importing = threading.Lock()


class OutboundClient:
    """Asks for URLs elsewhere, within limits and guards. Threads may share it.

    limits: how much is taken, and how long is waited.
    proxies: the proxies of this machine; see `Settings.proxies`.
    """

    def __init__(
        self, limits: OutboundLimits = _LIMITS, proxies: Mapping[str, str] | None = None
    ) -> None:
        self._limits = limits
        self._proxies = Proxies(proxies or {})
        self._kept = KeptConnections(limits)
        self._trust = Trust()
        self._agent = _agent()

    def get(
        self,
        target: Target,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        method: Method = "GET",
    ) -> Answer:
        """Asks for a URL, and for those to which it redirects.

        target: says what may be asked, how, and which URLs get credentials.
        url: an absolute URL.
        headers: more headers of the request. Without `Accept-Encoding`, content may come
            compressed, and is decompressed within the limit of a page; with `identity`, as files
            are asked for, it comes as it is.

        Returns the answer, whatever its status.

        Raises UpstreamRefused if the target does not allow the URL or a redirect of it, and
        UpstreamFailed if there is no answer.
        """
        given = _without_ours(headers)
        about_to_wait()
        asked = parse_url(url, target.called)
        for _redirect in range(self._limits.redirects + 1):
            target.require_allowed(asked)
            answer = self._ask(target, asked, _Request(method, given))
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            with answer:
                # Header values are read as latin-1, and URLs are UTF-8 if they are not ASCII.
                asked = asked.joined(
                    location.encode("latin-1", "replace").decode("utf-8", "replace"), target.called
                )
        raise UpstreamFailed(
            f"The {target.called} redirects more than {self._limits.redirects} times; tell who "
            "runs it.",
            detail=f"from {parse_url(url).shown} to {asked.shown} in the end",
        )

    def post_form(
        self,
        target: Target,
        url: str,
        fields: Mapping[str, str],
        *,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Sends a form to a URL, as `post` does.

        fields: the fields by their names. They are in no error and no log.
        """
        content = urlencode(fields).encode("ascii")
        return self.post(target, url, content, headers={**headers, "Content-Type": _FORM})

    def post(
        self,
        target: Target,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """Sends something to a URL.

        It is sent once, on a new connection, and to no URL to which that one redirects: what it
        changes must not be changed twice, and what is in it is for this URL alone.

        target: says what may be asked, how, and which URLs get credentials.
        url: an absolute URL.
        content: the body of the request. It is in no error and no log.
        headers: more headers of the request, as for `get`.

        Returns the answer, whatever its status.

        Raises UpstreamRefused if the target does not allow the URL, and UpstreamFailed if there is
        no answer.
        """
        given = _without_ours(headers)
        about_to_wait()
        asked = parse_url(url, target.called)
        target.require_allowed(asked)
        return self._ask(target, asked, _Request("POST", given, content))

    def check(self, target: Target, url: str) -> None:
        """Raises UpstreamRefused if the target does not allow a URL, which is not asked for.

        The addresses of its host are looked up. A name without any is none that is refused.
        """
        about_to_wait()
        asked = parse_url(url, target.called)
        target.require_allowed(asked)
        require_allowed(
            asked.host, asked.port, anywhere=target.allow_private_network, called=target.called
        )

    def close(self) -> None:
        """Closes the connections that are not in use, and the others once they are not."""
        self._kept.close()

    def _ask(self, target: Target, url: Url, request: "_Request") -> Answer:
        _import_urllib3()
        from urllib3.exceptions import HTTPError

        route = route_to(url, target)
        headers = {"accept-encoding": "gzip", **request.headers}
        headers |= {"host": url.netloc, "user-agent": self._agent}
        if authorization := target.authorization_for(url):
            headers["authorization"] = authorization
        proxy = self._proxies.for_route(route)
        asked, place = url.target, url.shown
        if proxy is not None:
            place += f" by the proxy {proxy.url.shown}"
            if url.scheme == "http":  # for others the proxy makes a tunnel
                asked, headers = str(url), {**headers, **proxy.headers}
        try:
            connection, response = self._exchange(
                route, proxy, replace(request, headers=headers), asked
            )
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise failure(error, place, target.called) from error
        return Answer(
            response,
            connection,
            url,
            limits=self._limits,
            called=target.called,
            is_identity=headers["accept-encoding"] == "identity",
            give_back=lambda connection: self._kept.keep(route, connection),
        )

    def _exchange(
        self, route: Route, proxy: Proxy | None, request: "_Request", asked: str
    ) -> "tuple[AnyConnection, HTTPResponse]":
        if request.content is None and (kept := self._kept.take(route)):
            with suppress(ConnectionError, ssl.SSLError):  # it ended while nobody used it
                return kept, request.made_on(kept, asked)
        trust = None
        if route.scheme == "https":
            trust = self._trust.in_file(route.ca_file, route.called)
        from pypi_repo.outbound.connections import open_connection

        connection = open_connection(route, proxy, self._limits, trust)
        return connection, request.made_on(connection, asked)


def _without_ours(headers: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower(): value for name, value in headers.items()}
    if not _OURS.isdisjoint(given):
        raise ValueError("These headers are for the client to set.")
    return given


@functools.cache  # each request would wait for the lock
def _import_urllib3() -> None:
    """In one thread at a time: its modules import each other in a circle.

    Threads that begin with different modules of it would see some that are half done.
    """
    with _importing:
        import pypi_repo.outbound.connections  # noqa: F401


@dataclass(frozen=True, slots=True)
class _Request:
    """content: the body; None for a request without one."""

    method: Method | Literal["POST"]
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)

    def made_on(self, connection: "AnyConnection", asked: str) -> "HTTPResponse":
        """Sends the request, and waits for the headers of the answer.

        asked: what the request asks for, a path or, of a proxy, a URL.
        """
        connection.patience.expect_headers()
        try:
            connection.request(
                self.method,
                asked,
                body=self.content,
                headers=self.headers,
                preload_content=False,
                decode_content=False,
            )
            return connection.getresponse()
        except BaseException:
            connection.close()
            raise


@functools.cache
def _agent() -> str:
    """Returns how this product names itself: its version is read from a file."""
    return f"pypi-repo/{version('pypi-repo')}"
