"""What clients accept (RFC 9110 section 12.5), of which no more is read than any of them sends."""

from typing import TypeVar

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

_LONGEST = 2000  # characters; real ones are below 200

Kind = TypeVar("Kind", bound=Accept)


def accepted(header: str, kind: type[Kind]) -> Kind:
    """The values that an Accept header lists; `kind` says which of these headers it is."""
    return parse_accept_header(header[:_LONGEST], kind)
