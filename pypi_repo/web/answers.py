"""An answer whose headers are known: sent as it is, without a Response that looks at each."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Answer:
    """A WSGI app.

    status: with its reason phrase.
    headers: of Latin-1 without control characters; nobody checks them again.
    body: the very object is given to the server, which may send a file without our help.
    """

    def __init__(
        self, status: str, headers: list[tuple[str, str]], body: Iterable[bytes] = ()
    ) -> None:
        self._status = status
        self._headers = headers
        self._body = body

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response(self._status, self._headers[:])  # servers may add to their list
        return () if environ["REQUEST_METHOD"] == "HEAD" else self._body
