"""Chooses the media type of the simple API for a request (RFC 9110 section 12.5.1, PEP 691)."""

from collections.abc import Iterable, Sequence
from enum import Enum

from pypi_repo.domain.errors import NotAcceptable


class Representation(Enum):
    """A representation of a page; the value is its media type."""

    JSON = "application/vnd.pypi.simple.v1+json"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"
    HTML = "text/html"

    @property
    def is_json(self) -> bool:
        """Whether the representation is JSON, and not HTML."""
        return self is Representation.JSON


# A media type a client may name -> what it then gets; `latest` is answered with the real version.
_NAMED = {
    "application/vnd.pypi.simple.v1+json": Representation.JSON,
    "application/vnd.pypi.simple.latest+json": Representation.JSON,
    "application/vnd.pypi.simple.v1+html": Representation.HTML_V1,
    "application/vnd.pypi.simple.latest+html": Representation.HTML_V1,
    "text/html": Representation.HTML,
}

# On a tie the richest that was asked for by name wins; who names none is a browser or an old
# client and gets HTML.
_BY_NAME = (Representation.JSON, Representation.HTML_V1, Representation.HTML)
_BY_WILDCARD = (Representation.HTML, Representation.JSON, Representation.HTML_V1)


def choose(accepted: Iterable[tuple[str, float]], format_parameter: str | None) -> Representation:
    """Chooses the representation for an Accept header and a `?format=` parameter.

    accepted: pairs of a media type or range and its quality. If there are none, every
        representation is accepted.
    format_parameter: a media type that overrides the header. A literal '+' that was decoded to a
        space is understood.

    Raises NotAcceptable.
    """
    if format_parameter is not None:
        return _named(format_parameter.replace(" ", "+"))
    preferences = [(_essence(range_), quality) for range_, quality in accepted] or [("*/*", 1.0)]
    candidates = [
        (quality, specificity == 2, -order.index(representation), representation)
        for representation in Representation
        for specificity, quality in [_quality_of(representation, preferences)]
        for order in [_BY_NAME if specificity == 2 else _BY_WILDCARD]
        if quality > 0
    ]
    if not candidates:
        raise NotAcceptable(_OFFER)
    return max(candidates, key=lambda candidate: candidate[:3])[3]


def _quality_of(
    representation: Representation, preferences: Sequence[tuple[str, float]]
) -> tuple[int, float]:
    """Returns the specificity and the quality of the most specific range that matches.

    If none matches, the quality is 0.
    """
    matches = [
        (specificity, quality)
        for range_, quality in preferences
        if (specificity := _specificity(range_, representation)) is not None
    ]
    return max(matches, default=(0, 0.0))


def _specificity(range_: str, representation: Representation) -> int | None:
    if _NAMED.get(range_) is representation:
        return 2
    if range_ == representation.value.partition("/")[0] + "/*":
        return 1
    return 0 if range_ == "*/*" else None


def _named(media_type: str) -> Representation:
    try:
        return _NAMED[_essence(media_type)]
    except KeyError:
        raise NotAcceptable(_OFFER) from None


def _essence(media_type: str) -> str:
    """Returns a media type in lower case, without parameters such as `charset`."""
    return media_type.partition(";")[0].strip().lower()


_OFFER = "This index offers " + ", ".join(item.value for item in Representation) + "."
