"""Answers with pages that are rendered and compressed once for each of their versions."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request

from pypi_repo.domain.records import Versioned
from pypi_repo.web.accept import accept_header
from pypi_repo.web.cors import READABLE
from pypi_repo.web.packages.page_cache import PageCache, RenderedPage

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Content = TypeVar("Content")


def respond(
    request: Request,
    cache: PageCache,
    content: Versioned[Content],
    *,
    variant: Hashable,
    media_type: str,
    render: Callable[[Content], bytes],
    is_complete: Callable[[Content], bool] = lambda _content: True,
) -> "WSGIApplication":
    """Returns the page, or 304 if the client has it.

    variant: what else the bytes depend on, besides the version of the content.
    is_complete: a function that tells whether this version of the content will stay as it is.
    """
    key = (content.key, content.serial, content.public, variant)
    environ = request.environ
    takes_gzip = _takes_gzip(accept_header(environ, "HTTP_ACCEPT_ENCODING"))

    def make() -> RenderedPage:
        loaded = content.load()
        page = RenderedPage.of(media_type, render(loaded), _description(content))
        page = replace(page, is_complete=is_complete(loaded))
        return page.compressed() if takes_gzip else page

    page = cache.get_or_make((key, takes_gzip), make)
    known = environ.get("HTTP_IF_NONE_MATCH")
    answer = page.unchanged if known is not None and matches_etag(known, page.etag) else page.whole
    if content.stale_for is None:
        return answer
    return answer.with_headers([("X-Pypi-Repo-Stale", str(content.stale_for))])


def matches_etag(if_none_match: str, etag: str) -> bool:
    """Returns whether If-None-Match contains this ETag (RFC 9110 section 13.1.2).

    An ETag cannot contain a quote, so the quoted ETag is searched for.
    """
    return f'"{etag}"' in if_none_match or if_none_match.strip() == "*"


@lru_cache(256)  # clients send one of a handful
def _takes_gzip(accept_encoding: str) -> bool:
    return parse_accept_header(accept_encoding, Accept).quality("gzip") > 0


def _description(content: Versioned[Content]) -> list[tuple[str, str]]:
    common = [
        ("X-PyPI-Last-Serial", str(content.serial)),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Robots-Tag", "noindex"),
    ]
    if content.source:
        common.append(("X-Pypi-Repo-Source", content.source))
    vary = "Accept, Accept-Encoding"
    if not content.public:
        return [
            ("Cache-Control", "private, max-age=0, must-revalidate"),
            ("Vary", f"{vary}, Authorization, Cookie"),
            *common,
        ]
    return [
        ("Cache-Control", "public, max-age=0, must-revalidate"),
        ("Vary", vary),
        *common,
        *READABLE,
    ]
