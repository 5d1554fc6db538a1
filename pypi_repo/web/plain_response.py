"""A response for hot paths, without the cost of Werkzeug's Response."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class PlainResponse:
    """A WSGI app that sends a status, headers and a body as they are.

    status: the status with its reason phrase.
    headers: headers in Latin-1 without control characters, which nothing checks again.
    body: the body. The server gets this very object, so that it can send a file itself.
    """

    def __init__(
        self, status: str, headers: list[tuple[str, str]], body: Iterable[bytes] = ()
    ) -> None:
        self._status = status
        self._headers = headers
        self._body = body

    def with_headers(self, headers: list[tuple[str, str]]) -> "PlainResponse":
        """Returns the same response with further headers."""
        return PlainResponse(self._status, [*self._headers, *headers], self._body)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response(self._status, self._headers[:])  # servers may add to their list
        return () if environ["REQUEST_METHOD"] == "HEAD" else self._body
