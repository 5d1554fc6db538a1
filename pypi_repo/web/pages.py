"""Answers with pages that are rendered and compressed once for each state they have."""

import gzip
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request

from pypi_repo.domain.records import Versioned
from pypi_repo.web.page_cache import PageCache, RenderedPage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
    page = cache.get(key)
    if page is None:
        page = RenderedPage.of(media_type, render(content.load()))
        cache.put(key, page)
    environ = request.environ
    if len(page.body) >= _WORTH_COMPRESSING and _takes_gzip(
        environ.get("HTTP_ACCEPT_ENCODING", "")
    ):
        page = _compressed(cache, key, page)
    known = "HTTP_IF_NONE_MATCH" in environ and request.if_none_match.contains_weak(page.etag)
    return _not_modified(page, content) if known else _whole(page, content)


class _Answer:
    """A WSGI app that has nothing left to do but to send what is prepared."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self._status = status
        self._headers = headers
        self._body = body

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response(self._status, self._headers[:])  # servers may add to their list
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self._body,)


@lru_cache(256)  # clients send one of a handful
def _takes_gzip(accept_encoding: str) -> bool:
    return parse_accept_header(accept_encoding[:_LONGEST_ACCEPT], Accept).quality("gzip") > 0


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


def _whole(page: RenderedPage, content: Versioned[Content]) -> _Answer:
    state = (content.public, content.serial)
    headers = page.headers.get(state)
    if headers is None:
        headers = page.headers[state] = [
            ("Content-Type", page.media_type),
            ("Content-Length", str(len(page.body))),
            *([("Content-Encoding", page.encoding)] if page.encoding else []),
            *_description(page, content),
        ]
    return _Answer("200 OK", headers, page.body)


def _not_modified(page: RenderedPage, content: Versioned[Content]) -> _Answer:
    return _Answer("304 NOT MODIFIED", _description(page, content), b"")


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
