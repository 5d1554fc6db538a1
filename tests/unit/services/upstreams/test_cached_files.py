"""What is remembered of cached files, on each engine."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheUse
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.stored_files import StoredFiles
from pypi_repo.storage.upstream_reports import upstream_reports

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.fixture
def each(database_url: str) -> Iterator[Registry]:
    with Registry(Settings(database=database_url, blobs="memory://", password_cost=4)) as registry:
        registry.upgrade()
        yield registry


@pytest.fixture
def upstream(each: Registry) -> Upstream:
    return each.acting_as(OPERATOR).upstreams.create("public", url="https://index.example/simple/")


def cached(upstream: Upstream, number: int, **more: object) -> CachedFile:
    file = CachedFile(
        upstream_id=upstream.id,
        filename=f"demo-{number}.0.tar.gz",
        sha256=f"{number}" * 64,
        project="demo",  # type: ignore[arg-type]
        size=100,
        size_beside=0,
        metadata_sha256=None,
        identity=None,
        cached_at=NOW,
        used_at=NOW,
    )
    return replace(file, **more)  # type: ignore[arg-type]


def add(registry: Registry, *files: CachedFile) -> None:
    for file in files:
        with registry._database.begin() as connection:
            CachedFiles(connection).add([file])


def rows(registry: Registry) -> list[CachedFile]:
    return CachedFiles(registry._database).after(("", 0, ""), limit=100)


def test_a_file_and_what_is_beside_it_come_in_any_order(each: Registry, upstream: Upstream) -> None:
    whole = cached(upstream, 1, identity="one")
    beside = cached(upstream, 1, size=None, size_beside=7, metadata_sha256="a" * 64)
    together = replace(whole, size_beside=7, metadata_sha256="a" * 64)
    add(each, whole, beside)
    assert rows(each) == [together]
    with each._database.begin() as connection:
        CachedFiles(connection).drop(whole)
    assert rows(each) == []
    add(each, beside, whole)
    assert rows(each) == [together]
    stored = CachedFiles(each._database)
    assert stored.size(upstream.id) == together.size_in_all == 107
    assert stored.identified(upstream.id, whole.filename, "one") == together
    assert stored.identified(upstream.id, whole.filename, "two") is None
    assert stored.of_digest(whole.sha256) == [together]
    assert StoredFiles(each._database).refers_to(whole.sha256, whole.filename)
    assert not StoredFiles(each._database).refers_to(whole.sha256, "other.tar.gz")


def test_the_files_of_an_upstream_go_with_it(each: Registry, upstream: Upstream) -> None:
    add(each, cached(upstream, 1))
    each.acting_as(OPERATOR).upstreams.delete("public")
    assert rows(each) == []
    add(each, cached(upstream, 1))  # a fetch that was under way
    assert rows(each) == []


def test_the_order_of_use(each: Registry, upstream: Upstream) -> None:
    """F7."""
    files = [cached(upstream, number) for number in (1, 2, 3)]
    add(each, *files)
    moments = {
        (upstream.id, file.sha256, file.filename): NOW + timedelta(hours=hours)
        for file, hours in zip(files, (2, 3, 1), strict=True)
    }
    with each._database.begin() as connection:
        CachedFiles(connection).note_use(moments)
        CachedFiles(connection).note_use({(upstream.id, "0" * 64, "gone"): NOW})
    stored = CachedFiles(each._database)
    found = stored.least_used(upstream.id, 2)
    assert [file.filename for file in found] == ["demo-3.0.tar.gz", "demo-1.0.tar.gz"]
    after = stored.after((files[0].sha256, upstream.id, files[0].filename), limit=1)
    assert [file.filename for file in after] == ["demo-2.0.tar.gz"]
    assert stored.size_after(files[0].sha256) == 200


def test_use_is_summed(each: Registry, upstream: Upstream) -> None:
    today, before = date(2026, 11, 26), date(2026, 11, 20)
    for _time in range(2):
        with each._database.begin() as connection:
            CachedFiles(connection).add_use(
                {
                    (upstream.id, today): CacheUse(3, 2, 500),
                    (upstream.id, before): CacheUse(10, 0, 0),
                    (upstream.id + 1, today): CacheUse(1, 1, 1),  # deleted
                }
            )

    def hits_misses_and_bytes(since: date) -> tuple[int, int, int]:
        (report,) = upstream_reports(each._database, [upstream], since)
        return report.hits, report.misses, report.fetched

    assert hits_misses_and_bytes(today) == (2, 4, 1000)
    assert hits_misses_and_bytes(before) == (22, 4, 1000)
    assert hits_misses_and_bytes(date(2026, 11, 27)) == (0, 0, 0)
    assert CacheUse(1, 4, 0).hits == 0
