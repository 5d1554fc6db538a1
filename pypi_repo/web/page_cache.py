"""Rendered pages, kept as long as there is room for them."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Self


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

    Nothing in it can be stale: a key names one state of a page.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._size = 0
        self._pages: OrderedDict[Hashable, RenderedPage] = OrderedDict()
        self._mutex = threading.Lock()

    def get(self, key: Hashable) -> RenderedPage | None:
        with self._mutex:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
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
