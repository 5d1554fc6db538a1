"""Answers with pages that are rendered and compressed once for each state they have."""

import gzip
from collections.abc import Callable, Hashable
from typing import TypeVar

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.records import Versioned
from pypi_repo.web.page_cache import PageCache, RenderedPage

Content = TypeVar("Content")

_WORTH_COMPRESSING = 1024  # bytes; below that, a page fits one packet anyway


def respond(
    request: Request,
    cache: PageCache,
    content: Versioned[Content],
    *,
    variant: Hashable,
    media_type: str,
    render: Callable[[Content], bytes],
) -> Response:
    """The page, or 304 where the client has it.

    variant: what else than the content's state decides about the bytes.
    """
    key = (content.key, variant)
    page = cache.get(key)
    if page is None:
        page = RenderedPage.of(media_type, render(content.load()))
        cache.put(key, page)
    if len(page.body) >= _WORTH_COMPRESSING and request.accept_encodings.quality("gzip") > 0:
        page = _compressed(cache, key, page)
    response = Response(page.body, content_type=page.media_type)
    if page.encoding:
        response.headers["Content-Encoding"] = page.encoding
    response.set_etag(page.etag)
    _describe(response, content)
    if request.if_none_match.contains_weak(page.etag):
        response.status_code = 304
        response.set_data(b"")
    return response


def _compressed(cache: PageCache, key: Hashable, page: RenderedPage) -> RenderedPage:
    compressed_key = (key, "gzip")
    compressed = cache.get(compressed_key)
    if compressed is None:
        # Another representation needs another strong validator (RFC 9110 section 8.8.3).
        compressed = RenderedPage(
            page.media_type, gzip.compress(page.body, 6, mtime=0), f"{page.etag}-gzip", "gzip"
        )
        cache.put(compressed_key, compressed)
    return compressed


def _describe(response: Response, content: Versioned[Content]) -> None:
    audience = "public" if content.public else "private"
    response.headers["Cache-Control"] = f"{audience}, max-age=0, must-revalidate"
    vary = "Accept, Accept-Encoding"
    response.headers["Vary"] = vary if content.public else f"{vary}, Authorization"
    response.headers["X-PyPI-Last-Serial"] = str(content.serial)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Robots-Tag"] = "noindex"
    if content.public:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Allow-Methods"] = "GET"
        response.headers["Access-Control-Expose-Headers"] = "X-PyPI-Last-Serial"
