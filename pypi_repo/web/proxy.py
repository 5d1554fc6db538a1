"""What a proxy says of the request that it passed on, for servers that do not see to it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def behind_proxy(app: "WSGIApplication", proxy: str) -> "WSGIApplication":
    """The app, told the client's address and the outer scheme as the proxy saw them.

    proxy: the address whose X-Forwarded-For and X-Forwarded-Proto are believed; of the first,
        the last entry, because only that one is the proxy's own.
    """

    def believing(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ.get("REMOTE_ADDR") == proxy:
            client = _last(environ.get("HTTP_X_FORWARDED_FOR", ""))
            scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", ""))
            if client:
                environ["REMOTE_ADDR"] = client
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        return app(environ, start_response)

    return believing


def _last(header: str) -> str:
    return header.rpartition(",")[2].strip()
