"""Rendered pages, kept as long as there is room for them."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Self

from pypi_repo.web.metrics import Family, Reading

_MADE_AT_ONCE = 64  # different pages


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """`etag` is strong and differs between media types even where their bytes do not.

    encoding: the Content-Encoding of the body, if any.
    headers: of answers with it, by what else they depend on; made by whoever answers.
    """

    media_type: str
    body: bytes
    etag: str
    encoding: str = ""
    headers: dict[Hashable, list[tuple[str, str]]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, media_type: str, body: bytes) -> Self:
        digest = hashlib.sha256(media_type.encode() + b"\0" + body).hexdigest()
        return cls(media_type, body, digest[:32])


class PageCache:
    """Forgets the least recently used page when all together exceed `budget` bytes.

    Nothing in it can be stale: a key names one state of a page. Many who ask at once for a page
    that nobody has made yet wait for the first of them, instead of making it too.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._size = 0
        self._hits = 0
        self._misses = 0
        self._pages: OrderedDict[Hashable, RenderedPage] = OrderedDict()
        self._mutex = threading.Lock()
        self._making = tuple(threading.Lock() for _ in range(_MADE_AT_ONCE))

    def families(self) -> tuple[Family, ...]:
        """What it tells of itself."""
        return (
            Reading(
                "pypi_repo_page_cache_lookups_total",
                "Pages that were asked of the cache.",
                "counter",
                "result",
                lambda: {"hit": self._hits, "miss": self._misses},
            ),
            Reading(
                "pypi_repo_page_cache_bytes",
                "Size of the cached pages, and what it may be.",
                "gauge",
                "kind",
                lambda: {"used": self._size, "limit": self._budget},
            ),
        )

    def get_or_make(self, key: Hashable, make: Callable[[], RenderedPage]) -> RenderedPage:
        page = self.get(key)
        if page is None:
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
                self._pages.move_to_end(key)
                self._hits += 1
            return page

    def put(self, key: Hashable, page: RenderedPage) -> None:
        with self._mutex:
            if key in self._pages or len(page.body) > self._budget:
                return
            self._pages[key] = page
            self._size += len(page.body)
            while self._size > self._budget:
                _key, oldest = self._pages.popitem(last=False)
                self._size -= len(oldest.body)
