"""The address of the client and the outer URL of a request, behind a proxy."""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from pypi_repo.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_PREFIX = re.compile(
    r"(/(?!\.{1,2}(/|$))([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*/?", re.ASCII
)
_LONGEST_PREFIX = 1000  # characters
_ADDRESS_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([0-9A-Fa-f:.]+)\](:[0-9]+)?")


def behind_proxy(app: "WSGIApplication", proxy: str) -> "WSGIApplication":
    """Wraps an app to use the address of the client and the outer URL that a proxy sends.

    proxy: the address of the proxy whose X-Forwarded-For, -Proto, -Host and -Prefix are trusted.
        The last entry of a list is used, because only this one comes from the proxy. Malformed
        values are ignored.

    Raises ConfigurationError if `proxy` is not an address.
    """
    trusted = _address(proxy)
    if not trusted:
        raise ConfigurationError(
            f"{proxy!r} is no address of a proxy; write the one it connects from, like 10.0.0.10."
        )

    def believing(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if _address(environ.get("REMOTE_ADDR", "")) == trusted:
            environ = _believed(environ)
        return app(environ, start_response)

    return believing


def at_public_url(app: "WSGIApplication", url: str) -> "WSGIApplication":
    """Wraps an app to use a fixed outer URL, whatever a request says.

    url: the absolute URL of the folder in which the app is mounted.

    Raises ConfigurationError for a URL that an app cannot have.
    """
    parts = _public(url)
    prefix = unquote_to_bytes(parts.path.rstrip("/")).decode("latin-1")

    def told(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        outer = {
            "wsgi.url_scheme": parts.scheme,
            "HTTP_HOST": parts.netloc,
            "SCRIPT_NAME": prefix,
        }
        return app({**environ, **outer}, start_response)

    return told


def _public(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_possible = (
            url.isprintable()  # the parser leaves line breaks out
            and parts.scheme in _DEFAULT_PORTS
            and parts.port != 0  # and raises ValueError for what is none
            and _HOST.fullmatch(parts.netloc) is not None
            and _PREFIX.fullmatch(quote(parts.path, safe="/%:@!$&'()*+,;=~")) is not None
            and not (parts.query or parts.fragment)
        )
    except ValueError:
        is_possible = False
    if not is_possible:
        raise ConfigurationError(
            f"{url!r} is no public URL; write it like https://packages.example.com/pypi."
        )
    return parts


def _believed(environ: "WSGIEnvironment") -> "WSGIEnvironment":
    """Returns a changed copy, because a server may call the app again with the same environ."""
    environ = {**environ}
    client = _address(_last(environ, "FOR"))
    scheme = _last(environ, "PROTO").lower()
    host = _last(environ, "HOST")
    prefix = _last(environ, "PREFIX")
    if client:
        environ["REMOTE_ADDR"] = client
    if scheme in _DEFAULT_PORTS:
        environ["wsgi.url_scheme"] = scheme
    if _HOST.fullmatch(host):
        environ["HTTP_HOST"] = host
    if len(prefix) <= _LONGEST_PREFIX and _PREFIX.fullmatch(prefix):
        outer = unquote_to_bytes(prefix.rstrip("/")).decode("latin-1")
        environ["SCRIPT_NAME"] = outer + environ.get("SCRIPT_NAME", "")
    return environ


def _last(environ: "WSGIEnvironment", name: str) -> str:
    header: str = environ.get(f"HTTP_X_FORWARDED_{name}", "")
    return header.rpartition(",")[2].strip()


def _address(text: str) -> str:
    """Returns the normal form of an IP address, without a port; empty if it is not one."""
    match = _ADDRESS_WITH_PORT.fullmatch(text)
    try:
        parsed = ip_address((match[1] or match[2]) if match else text)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or parsed)
    return str(parsed)
