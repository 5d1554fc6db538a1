"""Rendered pages are made once, and forgotten when they are too many."""

import random
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

from pypi_repo.web.packages.page_cache import PageCache, RenderedPage


def _page(size: int = 10) -> RenderedPage:
    return RenderedPage.of("text/plain", b"x" * size, [])


def test_many_who_ask_at_once_wait_for_the_first() -> None:
    cache = PageCache(100_000)
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
    cache = PageCache(100_000)

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
    cache = PageCache(100_000)
    for name in ("one", "two", "three"):
        cache.get_or_make(name, lambda: _page(40_000))
        cache.get("one")
    assert cache.get("one") is not None
    assert cache.get("two") is None
    assert cache.get("three") is not None
    cache.get_or_make("huge", lambda: _page(100_000))
    assert cache.get("huge") is None
    assert cache.get("one") is not None


def test_what_small_pages_cost_beside_their_bodies_is_in_the_budget() -> None:
    budget = 4_000_000
    cache = PageCache(budget)
    tracemalloc.start()
    for number in range(10_000):
        state = ("project", number, number), number, False, ("json", f"../files/{number}")
        page = cache.get_or_make((state, True), _described)
        assert page.whole is not page.unchanged
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < budget
    assert cache.get((state, True)) is not None


def test_long_keys_are_in_the_budget() -> None:
    """A part of them is the host of a request, which may be long."""
    budget = 1_000_000
    cache = PageCache(budget)
    tracemalloc.start()
    for number in range(100):
        key = ("project", number), ("json", f"https://{'x' * 60_000}{number}/")
        cache.get_or_make(key, _page)
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < budget
    assert cache.get(key) is not None


def _described() -> RenderedPage:
    headers = [(f"Header-{number}", f"value-{number}") for number in range(10)]
    return RenderedPage.of("text/plain", random.randbytes(500), headers)
