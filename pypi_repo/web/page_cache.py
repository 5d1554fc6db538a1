"""Rendered pages, kept as long as there is room for them."""

import gzip
import hashlib
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.services.lru_cache import LRUCache
from pypi_repo.web.answers import Answer
from pypi_repo.web.metrics import MetricFamily, family_by_label

_MADE_AT_ONCE = 64  # different pages
_BESIDE_THE_BODY = 4096  # bytes that a page takes for its headers and its place
_LEVEL = 3  # half the time of 6, for a twentieth more bytes
_WORTH_COMPRESSING = 1024  # bytes; below that, a page fits one packet anyway


@dataclass(frozen=True)
class RenderedPage:
    """One representation of one state of a page, with the answers that can be made of it.

    description: the headers that an answer has with and without the body, beside the ETag.
    etag: strong, without its quotes.
    encoding: the Content-Encoding of the body, if any.
    """

    media_type: str
    body: bytes
    description: list[tuple[str, str]]
    etag: str
    encoding: str = ""

    @classmethod
    def of(cls, media_type: str, body: bytes, description: list[tuple[str, str]]) -> "RenderedPage":
        # Differs between media types even where their bytes do not.
        digest = hashlib.sha256(media_type.encode() + b"\0" + body).hexdigest()
        return cls(media_type, body, description, digest[:32])

    def compressed(self) -> "RenderedPage":
        """The same page, or this very one where compression is not worth it."""
        if len(self.body) < _WORTH_COMPRESSING:
            return self
        # Another representation needs another strong validator (RFC 9110 section 8.8.3).
        body = gzip.compress(self.body, _LEVEL, mtime=0)
        return RenderedPage(self.media_type, body, self.description, f"{self.etag}-gzip", "gzip")

    @property
    def size(self) -> int:
        """In memory."""
        return len(self.body) + _BESIDE_THE_BODY

    @cached_property
    def whole(self) -> Answer:
        encoding = [("Content-Encoding", self.encoding)] if self.encoding else []
        headers = [
            ("Content-Type", self.media_type),
            ("Content-Length", str(len(self.body))),
            *encoding,
            ("ETag", f'"{self.etag}"'),
            *self.description,
        ]
        return Answer("200 OK", headers, (self.body,))

    @cached_property
    def unchanged(self) -> Answer:
        return Answer("304 NOT MODIFIED", [("ETag", f'"{self.etag}"'), *self.description])


class PageCache:
    """Forgets the least recently used page when all together exceed `budget` bytes.

    Nothing in it can be stale: a key names one state of a page. Many who ask at once for a page
    that nobody has made yet wait for the first of them, instead of making it too.
    """

    def __init__(self, budget: int) -> None:
        self._hits = 0
        self._misses = 0
        self._pages: LRUCache[RenderedPage] = LRUCache(budget)
        self._mutex = threading.Lock()
        self._making = tuple(threading.Lock() for _ in range(_MADE_AT_ONCE))

    def collect(self) -> tuple[MetricFamily, ...]:
        """What /metrics shows of it."""
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
        """make: must not ask this cache, where it could wait for itself."""
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
        with self._mutex:
            page = self._pages.get(key)
            if page is not None:
                self._hits += 1
            return page

    def put(self, key: Hashable, page: RenderedPage) -> None:
        with self._mutex:
            # Clients choose parts of some keys, such as the host in their URLs.
            self._pages.put(key, page, page.size + len(repr(key)))
