"""Rendered pages are made once, and forgotten when they are too many."""

import threading
from concurrent.futures import ThreadPoolExecutor

from pypi_repo.web.page_cache import PageCache, RenderedPage


def _page(size: int = 10) -> RenderedPage:
    return RenderedPage.of("text/plain", b"x" * size)


def test_many_who_ask_at_once_wait_for_the_first() -> None:
    cache = PageCache(1000)
    made, everybody = [], threading.Barrier(8)

    def make() -> RenderedPage:
        made.append(threading.get_ident())
        threading.Event().wait(0.05)
        return _page()

    def ask(_number: int) -> RenderedPage:
        everybody.wait()
        return cache.get_or_make("key", make)

    with ThreadPoolExecutor(8) as pool:
        pages = set(map(id, pool.map(ask, range(8))))
    assert len(made) == 1
    assert len(pages) == 1


def test_a_page_that_could_not_be_made_is_tried_again() -> None:
    cache = PageCache(1000)

    def fail() -> RenderedPage:
        raise RuntimeError

    for _ in range(2):
        try:
            cache.get_or_make("key", fail)
        except RuntimeError:
            continue
        raise AssertionError
    assert cache.get_or_make("key", _page) == _page()


def test_the_budget_holds_and_the_least_recently_used_goes_first() -> None:
    cache = PageCache(100)
    for name in ("one", "two", "three"):
        cache.get_or_make(name, lambda: _page(40))
        cache.get("one")
    assert cache.get("one") is not None
    assert cache.get("two") is None
    assert cache.get("three") is not None
    cache.get_or_make("huge", lambda: _page(101))
    assert cache.get("huge") is None
    assert cache.get("one") is not None
