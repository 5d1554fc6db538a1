"""What is kept is bounded, and what was used last stays."""

from pypi_repo.services.lru_cache import LRUCache


def test_the_least_recently_used_is_forgotten_first() -> None:
    cache = LRUCache[str](10)
    cache.put("one", "1", 4)
    cache.put("two", "2", 4)
    assert cache.get("one") == "1"
    cache.put("three", "3", 4)
    assert [cache.get(key) for key in ("one", "two", "three")] == ["1", None, "3"]
    assert cache.size == 8


def test_what_alone_is_too_large_drives_nothing_out() -> None:
    cache = LRUCache[str](10)
    cache.put("one", "1", 10)
    cache.put("huge", "2", 11)
    assert cache.get("huge") is None
    assert cache.get("one") == "1"


def test_a_value_that_is_there_stays_as_it_is() -> None:
    cache = LRUCache[str](10)
    cache.put("one", "1", 6)
    cache.put("one", "2", 6)
    assert cache.get("one") == "1"
    assert cache.size == 6


def test_what_is_forgotten_takes_no_room() -> None:
    cache = LRUCache[str](10)
    cache.put("one", "1", 6)
    cache.forget("one")
    cache.forget("unknown")
    assert cache.get("one") is None
    assert cache.size == 0
