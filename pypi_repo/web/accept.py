"""The Accept headers of requests (RFC 9110 section 12.5)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LONGEST = 2000  # characters; real ones are below 200


def accept_header(environ: "WSGIEnvironment", name: str = "HTTP_ACCEPT") -> str:
    """Returns the header, or its beginning if it is long.

    Callers cache what a header means, so its length must be limited.
    """
    header: str = environ.get(name, "")
    return header[:_LONGEST]
