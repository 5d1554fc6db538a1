"""Lets scripts on pages of other sites read what everybody may read (WHATWG Fetch, CORS)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pypi_repo.domain.errors import RegistryError
from pypi_repo.web.plain_response import PlainResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ALLOWED = ("Access-Control-Allow-Origin", "*")

READABLE = (
    _ALLOWED,
    ("Access-Control-Allow-Methods", "GET"),
    ("Access-Control-Expose-Headers", "Accept-Ranges, Content-Range, ETag, X-PyPI-Last-Serial"),
)
"""On what stands in a public repository. Without credentials: those are never for `*`."""

PREFLIGHT = PlainResponse(
    "204 NO CONTENT",
    [
        *READABLE,
        ("Access-Control-Allow-Headers", "*"),
        ("Access-Control-Max-Age", "86400"),
    ],
)
"""To a browser that asks whether it may ask."""


def is_preflight(environ: "WSGIEnvironment") -> bool:
    """Returns whether a browser asks what a script may do."""
    return (
        environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    )


def allowing(start_response: "StartResponse", is_public: Callable[[], bool]) -> "StartResponse":
    """Adds the CORS header to refusals and redirects of a public repository.

    A script must see a 404 to ask the next index, and can only follow redirects with the header.
    """

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        if status[0] in "34" and status[:3] != "304" and _ALLOWED not in headers and is_public():
            headers.extend(READABLE)
        return start_response(status, headers, exc_info)

    return start


def as_far_as_known(is_public: Callable[[], bool]) -> Callable[[], bool]:
    """Wraps `is_public` to return False if it fails.

    The request itself then has a better answer.
    """

    def is_known_as_public() -> bool:
        try:
            return is_public()
        except RegistryError:
            return False

    return is_known_as_public
