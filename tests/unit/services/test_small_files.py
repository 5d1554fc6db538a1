"""Small files are kept in memory, and are never anything else than their digests say."""

import hashlib
import tracemalloc

from pypi_repo.services.small_files import LARGEST, SmallFiles


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_was_put_is_found_by_its_digest() -> None:
    small = SmallFiles(1_000_000)
    for content in (b"", b"x", b"y" * LARGEST):
        assert small.get(_digest(content)) is None
        small.put(_digest(content), content)
        assert small.get(_digest(content)) == content


def test_what_is_damaged_is_not_kept() -> None:
    small = SmallFiles(1_000_000)
    assert not small.put(_digest(b"good"), b"evil")
    assert small.get(_digest(b"good")) is None
    assert small.put(_digest(b"good"), b"good")
    assert small.get(_digest(b"good")) == b"good"


def test_whoever_asks_for_many_files_fills_no_more_than_the_budget() -> None:
    budget = 2_000_000
    small = SmallFiles(budget)
    tracemalloc.start()
    for number in range(10_000):
        content = number.to_bytes(4) * (number % 300)
        small.put(_digest(content), content)
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < budget
    assert small.get(_digest(content)) == content


def test_without_a_budget_nothing_is_kept() -> None:
    small = SmallFiles(0)
    small.put(_digest(b"x"), b"x")
    assert small.get(_digest(b"x")) is None
