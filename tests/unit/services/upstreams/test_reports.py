"""What is reported of upstreams, on each engine."""

from datetime import UTC, datetime, timedelta

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.cached_file import CachedFile, CacheUse
from pypi_repo.services.upstreams.reports import REPORTED_DAYS
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.upstream_reports import UpstreamReport
from pypi_repo.storage.upstreams import Upstreams

NOW = datetime.now(UTC).replace(microsecond=0)
HUGE = 2**50  # bytes


def cached(upstream_id: int, number: int, size: int | None, size_beside: int = 0) -> CachedFile:
    return CachedFile(
        upstream_id=upstream_id,
        filename=f"demo-{number}.tar.gz",
        sha256=f"{number:064x}",
        project=normalize("demo"),
        size=size,
        size_beside=size_beside,
        metadata_sha256=None,
        identity=None,
        cached_at=NOW,
        used_at=NOW,
    )


@pytest.fixture
def ids(both: Registry) -> dict[str, int]:
    upstreams = both.acting_as(OPERATOR).upstreams
    names = ("first", "second")
    return {name: upstreams.create(name, url="https://index.example/simple/").id for name in names}


def test_nothing_is_known_of_a_new_upstream(both: Registry, ids: dict[str, int]) -> None:
    first, second = both.acting_as(OPERATOR).upstreams.reports()
    assert (first.upstream.name, second.upstream.name) == ("first", "second")
    assert _numbers(first) == (0, 0, 0, 0, 0)
    assert first.hit_rate is None
    assert first.users == ()
    assert first.health.answered_at is None


def test_each_upstream_has_its_own_numbers(
    both: Registry, database: Database, ids: dict[str, int]
) -> None:
    today = NOW.date()
    with database.begin() as connection:
        files = CachedFiles(connection)
        files.add(
            [
                cached(ids["first"], 1, HUGE, 10),
                cached(ids["first"], 2, HUGE),
                cached(ids["first"], 3, None, 7),  # its core metadata alone
                cached(ids["second"], 1, 5),
            ]
        )
        files.add_use(
            {
                (ids["first"], today): CacheUse(downloads=3, fetches=1, fetched=HUGE),
                (ids["first"], today - timedelta(days=1)): CacheUse(1, 0, 0),
                (ids["first"], today - timedelta(days=REPORTED_DAYS)): CacheUse(100, 100, 100),
                (ids["second"], today): CacheUse(downloads=0, fetches=2, fetched=9),
            }
        )
    operator = both.acting_as(OPERATOR)
    first, second = operator.upstreams.reports()
    assert _numbers(first) == (2, 2 * HUGE + 17, 3, 1, HUGE)
    assert first.hit_rate == 0.75
    assert _numbers(second) == (1, 5, 0, 0, 9)
    assert second.hit_rate is None
    assert operator.upstreams.report("first") == first


def test_the_report_names_who_uses_an_upstream(both: Registry, ids: dict[str, int]) -> None:
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("another")
    for repository in ("main", "another"):
        operator.sources.set_sources(repository, ["upstream:second", "upstream:first"])
    operator.sources.set_sources("main", ["upstream:second"])
    assert operator.upstreams.report("first").users == ("another",)
    assert operator.upstreams.report("second").users == ("another", "main")
    reports = operator.sources.reports("another")
    assert [*reports] == ["second", "first"]
    assert reports["second"].users == ("another",)
    assert operator.sources.reports("main").keys() == {"second"}


def test_the_report_says_how_an_upstream_answers(
    both: Registry, database: Database, ids: dict[str, int]
) -> None:
    with database.begin() as connection:
        Upstreams(connection).note_answer(ids["first"], NOW)
        Upstreams(connection).note_failure(ids["first"], NOW, "It does not answer.")
    report = both.acting_as(OPERATOR).upstreams.report("first")
    assert report.health == both.acting_as(OPERATOR).upstreams.health("first")
    assert (report.health.answered_at, report.health.failing_since) == (NOW, NOW)
    assert report.health.failure == "It does not answer."


def _numbers(report: UpstreamReport) -> tuple[int, ...]:
    numbers = (
        report.cached_files,
        report.cached_size,
        report.hits,
        report.misses,
        report.fetched,
    )
    assert all(type(number) is int for number in numbers)
    return numbers
