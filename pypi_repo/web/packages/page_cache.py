"""A cache for rendered pages."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from time import monotonic

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.web.observability.metrics import MetricFamily, family_by_label
from pypi_repo.web.plain_response import PlainResponse

_MADE_AT_ONCE = 64  # different pages
_BESIDE_THE_BODY = 4096  # bytes that a page takes for its headers and its place
_LEVEL = 3  # half the time of 6, for a twentieth more bytes
_A_MOMENT = 30  # seconds
_WORTH_COMPRESSING = 1024  # bytes; below that, a page fits one packet anyway


@dataclass(frozen=True)
class RenderedPage:
    """One representation of one version of a page, with the answers that are made of it.

    description: the headers of an answer with and without the body, except the ETag.
    etag: a strong ETag, without its quotes.
    encoding: the Content-Encoding of the body, if any.
    is_complete: whether it will stay as it is; otherwise it is kept for a moment only.
    """

    media_type: str
    body: bytes
    description: list[tuple[str, str]]
    etag: str
    encoding: str = ""
    is_complete: bool = True

    @classmethod
    def of(cls, media_type: str, body: bytes, description: list[tuple[str, str]]) -> "RenderedPage":
        # Differs between media types even where their bytes do not.
        """Returns a page with this body, and the ETag for it."""
        digest = hashlib.sha256(media_type.encode() + b"\0" + body).hexdigest()
        return cls(media_type, body, description, digest[:32])

    def compressed(self) -> "RenderedPage":
        """Returns the page in compressed form, or the page itself if this is not worth it."""
        if len(self.body) < _WORTH_COMPRESSING:
            return self
        # Another representation needs another strong validator (RFC 9110 section 8.8.3).
        body = gzip.compress(self.body, _LEVEL, mtime=0)
        return replace(self, body=body, etag=f"{self.etag}-gzip", encoding="gzip")

    @property
    def size(self) -> int:
        """The bytes that the page occupies in memory."""
        return len(self.body) + _BESIDE_THE_BODY

    @cached_property
    def whole(self) -> PlainResponse:
        """The answer with the body."""
        encoding = [("Content-Encoding", self.encoding)] if self.encoding else []
        headers = [
            ("Content-Type", self.media_type),
            ("Content-Length", str(len(self.body))),
            *encoding,
            ("ETag", f'"{self.etag}"'),
            *self.description,
        ]
        return PlainResponse("200 OK", headers, (self.body,))

    @cached_property
    def unchanged(self) -> PlainResponse:
        """The answer 304, for a client that has the page."""
        return PlainResponse("304 NOT MODIFIED", [("ETag", f'"{self.etag}"'), *self.description])


class PageCache:
    """Keeps rendered pages up to `budget` bytes, and forgets those not used for longest.

    The pages cannot be stale, because a key identifies one version of a page. If many clients ask
    for a new page at the same time, it is rendered once, and the others wait.
    """

    def __init__(self, budget: int) -> None:
        self._hits = 0
        self._misses = 0
        self._pages: LRUCache[RenderedPage] = LRUCache(budget)
        self._mutex = threading.Lock()
        self._making = tuple(threading.Lock() for _ in range(_MADE_AT_ONCE))

    def collect(self) -> tuple[MetricFamily, ...]:
        """Returns the metrics of the cache."""
        return (
            family_by_label(
                "pypi_repo_page_cache_lookups_total",
                "Pages that were asked of the cache.",
                "counter",
                "result",
                {"hit": self._hits, "miss": self._misses},
            ),
            family_by_label(
                "pypi_repo_page_cache_bytes",
                "Size of the cached pages, and what it may be.",
                "gauge",
                "kind",
                {"used": self._pages.size, "limit": self._pages.budget},
            ),
        )

    def get_or_make(self, key: Hashable, make: Callable[[], RenderedPage]) -> RenderedPage:
        """Returns the page for a key, which is rendered if it is not in the cache.

        make: a function that renders the page. It must not use this cache, because it could wait
            for itself.
        """
        page = self.get(key)
        if page is None:
            about_to_wait()
            with self._making[hash(key) % _MADE_AT_ONCE]:
                page = self.get(key)
                if page is None:
                    self._misses += 1
                    page = make()
                    self.put(key, page)
        return page

    def get(self, key: Hashable) -> RenderedPage | None:
        """Returns the page for a key, or None."""
        with self._mutex:
            page = self._pages.get(key) or self._pages.get(_at_present(key))
            if page is not None:
                self._hits += 1
            return page

    def put(self, key: Hashable, page: RenderedPage) -> None:
        """Stores a page."""
        with self._mutex:
            # Clients choose parts of some keys, such as the host in their URLs.
            place = key if page.is_complete else _at_present(key)
            self._pages.put(place, page, page.size + len(repr(place)))


def _at_present(key: Hashable) -> Hashable:
    """Returns the key of what is only kept for a moment."""
    return key, "at", monotonic() // _A_MOMENT
