"""What clients say that they accept (RFC 9110 section 12.5)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LONGEST = 2000  # characters; real ones are below 200


def accept_header(environ: "WSGIEnvironment", name: str = "HTTP_ACCEPT") -> str:
    """The header, or its beginning: whoever remembers what it means remembers no more of it."""
    header: str = environ.get(name, "")
    return header[:_LONGEST]
