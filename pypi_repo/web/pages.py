"""Answers with pages that are rendered and compressed once for each state they have."""

import gzip
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request

from pypi_repo.domain.records import Versioned
from pypi_repo.web.answers import Answer
from pypi_repo.web.page_cache import PageCache, RenderedPage

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Content = TypeVar("Content")

_LONGEST_ACCEPT = 2000  # characters; real ones are below 100
_WORTH_COMPRESSING = 1024  # bytes; below that, a page fits one packet anyway


def respond(
    request: Request,
    cache: PageCache,
    content: Versioned[Content],
    *,
    variant: Hashable,
    media_type: str,
    render: Callable[[Content], bytes],
) -> "WSGIApplication":
    """The page, or 304 where the client has it.

    variant: what else than the content's state decides about the bytes.
    """
    key = (content.key, variant)
    page = cache.get_or_make(key, lambda: RenderedPage.of(media_type, render(content.load())))
    environ = request.environ
    if len(page.body) >= _WORTH_COMPRESSING and _takes_gzip(
        environ.get("HTTP_ACCEPT_ENCODING", "")
    ):
        page = _compressed(cache, key, page)
    known = "HTTP_IF_NONE_MATCH" in environ and request.if_none_match.contains_weak(page.etag)
    return _not_modified(page, content) if known else _whole(page, content)


@lru_cache(256)  # clients send one of a handful
def _takes_gzip(accept_encoding: str) -> bool:
    return parse_accept_header(accept_encoding[:_LONGEST_ACCEPT], Accept).quality("gzip") > 0


def _compressed(cache: PageCache, key: Hashable, page: RenderedPage) -> RenderedPage:
    def compress() -> RenderedPage:
        # Another representation needs another strong validator (RFC 9110 section 8.8.3).
        body = gzip.compress(page.body, 6, mtime=0)
        return RenderedPage(page.media_type, body, f"{page.etag}-gzip", "gzip")

    return cache.get_or_make((key, "gzip"), compress)


def _whole(page: RenderedPage, content: Versioned[Content]) -> Answer:
    state = (content.public, content.serial)
    headers = page.headers.get(state)
    if headers is None:
        headers = page.headers[state] = [
            ("Content-Type", page.media_type),
            ("Content-Length", str(len(page.body))),
            *([("Content-Encoding", page.encoding)] if page.encoding else []),
            *_description(page, content),
        ]
    return Answer("200 OK", headers, (page.body,))


def _not_modified(page: RenderedPage, content: Versioned[Content]) -> Answer:
    return Answer("304 NOT MODIFIED", _description(page, content))


def _description(page: RenderedPage, content: Versioned[Content]) -> list[tuple[str, str]]:
    common = [
        ("ETag", f'"{page.etag}"'),
        ("X-PyPI-Last-Serial", str(content.serial)),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Robots-Tag", "noindex"),
    ]
    vary = "Accept, Accept-Encoding"
    if not content.public:
        return [
            ("Cache-Control", "private, max-age=0, must-revalidate"),
            ("Vary", f"{vary}, Authorization"),
            *common,
        ]
    return [
        ("Cache-Control", "public, max-age=0, must-revalidate"),
        ("Vary", vary),
        *common,
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET"),
        ("Access-Control-Expose-Headers", "X-PyPI-Last-Serial"),
    ]
