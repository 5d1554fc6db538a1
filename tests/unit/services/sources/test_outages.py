"""What an outage of an earlier source does to the names of the later ones (V1, V4, P3, F6, O2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.domain.errors import UnknownProject
from pypi_repo.domain.names import normalize
from pypi_repo.domain.prefetching.wanted import Wanted
from pypi_repo.services.sources.merged import Merged
from pypi_repo.storage.cached_files import CachedFiles
from pypi_repo.storage.database.upstream_tables import upstream_pages
from tests.conftest import READER
from tests.support.distributions import Distribution, wheel
from tests.support.sql import count_statements
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream, Reader, keep_metadata
from tests.support.waiting import wait_until

DEMO = wheel("demo", "1.0")
FORMER = wheel("demo", "7.0")
DOWN = "503 Service Unavailable"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """Files that several processes share."""
    return {"blobs": f"file://{tmp_path}/blobs"}


@pytest.fixture
def first(both: Registry) -> Iterator[LiveUpstream]:
    """The first source, which has nothing."""
    with closing(LiveUpstream()) as first:
        first.create_on(both, "first")
        yield first


@pytest.fixture
def public(both: Registry, first: LiveUpstream) -> Iterator[LiveUpstream]:
    """The second source, which has two projects."""
    with closing(LiveUpstream()) as public:
        public.create_on(both)
        for distribution in (DEMO, wheel("unseen", "1.0")):
            public.add(distribution)
        sources = ["upstream:first", "upstream:public"]
        both.acting_as(OPERATOR).sources.set_sources("main", sources)
        yield public


@pytest.fixture
def reader(both: Registry, public: LiveUpstream) -> Reader:
    """Who has downloaded a file of the second source, with its metadata."""
    reader = Reader(both)
    fetch(reader, both)
    return reader


def fetch(reader: Reader, registry: Registry) -> None:
    assert reader.get_file("demo", f"{DEMO.filename}.metadata").status_code == 200
    keep_metadata(registry)
    assert reader.download("demo", DEMO.filename) == DEMO.content
    cached = CachedFiles(registry._database)
    wait_until(lambda: any(row.size for row in cached.after(("", 0, ""), limit=10)))


@pytest.fixture
def later(
    both: Registry, reader: Reader, database_url: str, files: dict[str, Any], minute: None
) -> Iterator[Registry]:
    """Another process, which begins after the file was downloaded."""
    with Registry(Settings(database=database_url, password_cost=4, **files)) as later:
        yield later


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a minute passes between two requests."""
    monkeypatch.setattr("pypi_repo.services.upstreams.pages._MISSING_FOR", timedelta(0))
    monkeypatch.setattr("pypi_repo.services.upstreams.pages._Asking.kept", 0.0)
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._NOT_TRIED_AGAIN", 0.0)


def kept(registry: Registry) -> dict[str, bool]:
    """What the database has of the first source: whether it has the project, by its name."""
    with registry._database.begin() as connection:
        rows = connection.execute(
            select(upstream_pages.c.project, upstream_pages.c.is_found).where(
                upstream_pages.c.upstream_id == 1
            )
        )
        return {row.project: row.is_found for row in rows}


def number_of_rows(registry: Registry) -> int:
    with registry._database.begin() as connection:
        found = select(func.count()).select_from(upstream_pages)
        return connection.execute(found).scalar_one()


def checked_at(registry: Registry) -> datetime | None:
    return registry.acting_as(OPERATOR).sources.explain("main", "demo").asked[0].checked_at


def location(distribution: Distribution) -> str:
    return f"/files/{distribution.path}"


def is_there(reader: Reader) -> bool:
    """Whether the second source supplies the page and the file, both as old ones."""
    response = reader.get("/simple/demo/")
    assert response.status_code == 200, response.text
    assert response.headers["X-Pypi-Repo-Source"] == "upstream:public"
    assert reader.get("/pypi/demo/json").headers["X-Pypi-Repo-Stale"].isdigit()
    assert reader.get(f"{location(DEMO)}.metadata").status_code == 200
    return response.headers["X-Pypi-Repo-Stale"].isdigit()


@pytest.mark.usefixtures("minute")
def test_the_names_of_later_sources_stay_while_an_earlier_one_is_down(
    reader: Reader, both: Registry, first: LiveUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    """V4, P3: also when it is hardly asked any more."""
    first.broken = DOWN
    with caplog.at_level(logging.WARNING):
        for _time in range(7):
            assert is_there(reader)
    assert both._upstream_pages.asks_seldom(both.acting_as(OPERATOR).upstreams.get("first"))
    assert both._upstream_pages.requests.outcomes()["first", "stale"] >= 7
    assert "The upstream first fails" in caplog.text
    assert reader.get(location(DEMO)).data == DEMO.content


def test_another_process_knows_it_as_well(
    later: Registry, both: Registry, first: LiveUpstream, public: LiveUpstream
) -> None:
    """V4, P4."""
    first.broken = DOWN
    assert is_there(Reader(later))
    public.broken = DOWN
    assert is_there(Reader(later))


def test_a_name_that_was_never_asked_for_waits(
    later: Registry, first: LiveUpstream, public: LiveUpstream
) -> None:
    """V4."""
    first.broken = DOWN
    public.asked.clear()
    response = Reader(later).get("/simple/unseen/")
    assert response.status_code == 502
    assert int(response.headers["Retry-After"]) > 0
    assert public.asked == []
    first.broken = None
    assert Reader(later).files("unseen") == ["unseen-1.0-py3-none-any.whl"]


def test_it_counts_no_longer_than_old_pages(
    later: Registry, both: Registry, first: LiveUpstream
) -> None:
    """P3."""
    both.acting_as(OPERATOR).upstreams.change("first", stale_for=0)
    assert Reader(later).status("demo") == 200
    first.broken = DOWN
    assert Reader(later).status("demo") == 502


def test_nothing_is_asked_of_what_is_offline(
    later: Registry, both: Registry, first: LiveUpstream, public: LiveUpstream
) -> None:
    """O2."""
    for name in ("first", "public"):
        both.acting_as(OPERATOR).upstreams.change(name, offline=True)
    first.asked.clear()
    public.asked.clear()
    reader = Reader(later)
    assert reader.files("demo") == [DEMO.filename]
    assert "X-Pypi-Repo-Stale" not in reader.get("/simple/demo/").headers
    assert reader.get(f"{location(DEMO)}.metadata").status_code == 200
    assert reader.status("unseen") == 404
    assert first.asked == public.asked == []


@pytest.mark.parametrize("is_offline", [False, True])
@pytest.mark.usefixtures("minute")
def test_a_backup_with_the_cache_has_it(
    reader: Reader,
    both: Registry,
    first: LiveUpstream,
    public: LiveUpstream,
    tmp_path: Path,
    is_offline: bool,
) -> None:
    """V4, O2."""
    for name in ("first", "public") if is_offline else ():
        both.acting_as(OPERATOR).upstreams.change(name, offline=True)
    both.backup.create(str(tmp_path / "backup"), with_cache=True)
    first.broken = public.broken = DOWN
    settings = Settings(database=tmp_path / "target" / "registry.db", password_cost=4)
    with Registry(settings) as target:
        target.backup.restore(str(tmp_path / "backup"))
        there = Reader(target)
        assert there.files("demo") == [DEMO.filename]
        assert there.get(location(DEMO)).data == DEMO.content
        assert there.status("unseen") == (404 if is_offline else 502)


def test_what_is_prefetched_is_there_in_spite_of_an_earlier_source(
    both: Registry, first: LiveUpstream, public: LiveUpstream, request: pytest.FixtureRequest
) -> None:
    """O1, O2."""
    upstreams = both.acting_as(OPERATOR).upstreams
    upstreams.prefetch("public", [Wanted(project=normalize("demo"))])
    for name in ("first", "public"):
        upstreams.change(name, offline=True)
    request.getfixturevalue("minute")
    reader = Reader(both)
    assert reader.download("demo", DEMO.filename) == DEMO.content


def test_names_that_nobody_has_leave_nothing(reader: Reader, both: Registry) -> None:
    """V4: or anybody could fill the database."""
    before = number_of_rows(both)
    for number in range(20):
        assert reader.status(f"nothing-{number}") == 404
    assert number_of_rows(both) == before
    assert kept(both) == {"demo": False}


@pytest.mark.usefixtures("minute")
def test_a_name_for_which_nobody_asks_any_more_is_forgotten(
    reader: Reader, both: Registry, first: LiveUpstream
) -> None:
    """Else what is kept of old names would grow for ever."""
    upstreams = both.acting_as(OPERATOR).upstreams
    upload(both, wheel("mine", "1.0"))  # of which all sources were asked
    both.upkeep.sweep()
    assert kept(both) == {"demo": False, "mine": False}
    with both._database.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=31)
        connection.execute(update(upstream_pages).values(checked_at=long_ago))
    upstreams.change("first", offline=True)
    both.upkeep.sweep()
    assert kept(both) == {"demo": False, "mine": False}, "it cannot say it again"
    upstreams.change("first", offline=False)
    both.upkeep.sweep()
    assert kept(both) == {"mine": False}, "a project of ours is known to hide nothing"
    assert reader.download("demo", DEMO.filename) == DEMO.content
    assert kept(both) == {"demo": False, "mine": False}, "it has said it again"


@pytest.mark.usefixtures("minute")
def test_a_project_that_the_earlier_source_comes_to_have_is_its_own(
    reader: Reader, later: Registry, both: Registry, first: LiveUpstream
) -> None:
    """V1: whoever knew what, and V4 from then on."""
    first.add(FORMER)
    for each in (reader, Reader(later)):
        assert each.files("demo") == [FORMER.filename]
        assert each.get(location(DEMO)).status_code == 404
    assert kept(both) == {"demo": True}
    both.acting_as(OPERATOR).upstreams.change("first", fresh_for=0)
    first.broken = DOWN
    for each in (reader, Reader(later)):
        assert each.files("demo") == [FORMER.filename]


def test_a_project_that_the_earlier_source_has_withdrawn_comes_from_the_later_one(
    later: Registry, both: Registry, first: LiveUpstream
) -> None:
    """V1, V4."""
    reader = Reader(later)
    first.add(FORMER)
    assert reader.files("demo") == [FORMER.filename]
    first.registry.acting_as(OPERATOR).projects.delete("public", "demo")
    both.acting_as(OPERATOR).upstreams.change("first", fresh_for=0)
    assert reader.files("demo") == [DEMO.filename]
    first.broken = DOWN
    assert is_there(reader)
    assert is_there(Reader(both))


def test_another_url_says_it_anew(
    later: Registry, both: Registry, first: LiveUpstream, public: LiveUpstream
) -> None:
    """V4: what another index said counts no more."""
    reader = Reader(later)
    with closing(LiveUpstream()) as other:
        other.broken = DOWN
        both.acting_as(OPERATOR).upstreams.change("first", url=other.url)
        assert reader.status("demo") == 502
        other.broken = None
        assert reader.status("demo") == 200
        other.broken = DOWN
        assert is_there(reader)
        assert is_there(Reader(both))


def test_it_holds_by_way_of_other_repositories(
    later: Registry, both: Registry, first: LiveUpstream
) -> None:
    """V4."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("team")
    operator.sources.set_sources("team", ["upstream:first"])
    operator.sources.set_sources("main", ["repository:team", "upstream:public"])
    first.broken = DOWN
    assert is_there(Reader(later))


@pytest.mark.usefixtures("minute")
def test_it_is_kept_by_way_of_other_repositories(both: Registry, public: LiveUpstream) -> None:
    """V4: also where another repository supplies the project."""
    operator = both.acting_as(OPERATOR)
    for name in ("team", "base"):
        operator.repositories.create(name)
    operator.sources.set_sources("team", ["upstream:first"])
    operator.sources.set_sources("main", ["repository:team", "repository:base"])
    upload(both, wheel("own", "1.0"), "base")
    assert Reader(both).files("own") == ["own-1.0-py3-none-any.whl"]
    assert kept(both) == {"own": False}


def test_it_holds_for_merged_names(
    later: Registry, both: Registry, first: LiveUpstream, public: LiveUpstream
) -> None:
    """V3, V4: whichever of the sources is down."""
    sources = both.acting_as(OPERATOR).sources
    sources.merge("main", ["demo"])
    sources.set_sources("main", ["upstream:public", "upstream:first"])
    first.broken = DOWN
    assert is_there(Reader(later))


def test_it_holds_for_sources_that_a_host_has_put_together(
    both: Registry, first: LiveUpstream, public: LiveUpstream, request: pytest.FixtureRequest
) -> None:
    """V4."""
    operator = both.acting_as(OPERATOR)
    for name in ("first", "public"):
        operator.repositories.create(name)
        operator.sources.set_sources(name, [f"upstream:{name}"])
    merged = Merged(both.repository("first").source, both.repository("public").source)
    demo = normalize("demo")
    assert merged.project_page(OPERATOR, demo).stale_for is None
    assert kept(both) == {"demo": False}
    request.getfixturevalue("minute")
    first.broken = DOWN
    assert merged.project_page(OPERATOR, demo).stale_for is not None
    first.broken = None
    with pytest.raises(UnknownProject):
        merged.project_page(OPERATOR, normalize("nothing"))
    assert kept(both) == {"demo": False}


@pytest.mark.usefixtures("minute")
def test_v8_it_is_explained(reader: Reader, both: Registry, first: LiveUpstream) -> None:
    before = checked_at(both)
    first.broken = DOWN
    found = both.acting_as(OPERATOR).sources.explain("main", "demo")
    assert found.supplier == "upstream:public"
    earlier, later = found.asked
    assert (earlier.answer, earlier.has_project) == ("has-none", False)
    assert earlier.stale_for is not None
    assert earlier.checked_at == before is not None
    assert (later.answer, later.stale_for) == ("supplies", None)


def test_who_gets_nothing_from_upstreams_is_not_told_of_their_outages(
    later: Registry, both: Registry, first: LiveUpstream, public: LiveUpstream
) -> None:
    """V6."""
    operator = both.acting_as(OPERATOR)
    operator.repositories.create("base", public=True)
    operator.repositories.change("main", public=True)
    operator.sources.set_sources("main", ["upstream:first", "repository:base"])
    upload(both, wheel("own", "1.0"), "base")
    reader = Reader(later)
    assert reader.files("own") == ["own-1.0-py3-none-any.whl"]
    first.broken = DOWN
    assert "X-Pypi-Repo-Stale" in reader.get("/simple/own/").headers
    response = reader.get("/simple/own/", None)
    assert response.status_code == 200
    assert "X-Pypi-Repo-Stale" not in response.headers


def writes(statements: list[str]) -> int:
    return sum("INSERT INTO upstream_pages" in each for each in statements)


def test_what_it_costs(
    both: Registry, public: LiveUpstream, request: pytest.FixtureRequest
) -> None:
    """P4, F6: one write for the page of each of the two, and then nothing for a minute."""
    reader = Reader(both)
    with count_statements(both._database) as cold:
        assert reader.files("demo") == [DEMO.filename]
    assert writes(cold) == 2
    fetch(reader, both)
    for _time in range(2):
        assert reader.get(location(DEMO), READER).status_code == 200
    first = both.acting_as(OPERATOR).upstreams.get("first")
    for path in ("/simple/demo/", location(DEMO)):
        with count_statements(both._database) as hot:
            assert reader.get(path).status_code == 200
        assert len(hot) == 2
    request.getfixturevalue("minute")
    asked = both._upstream_pages.requests.outcomes()[first.name, "missing"]
    with count_statements(both._database) as hot:
        assert reader.get(location(DEMO)).status_code == 200
    assert len(hot) == 2
    assert both._upstream_pages.requests.outcomes()[first.name, "missing"] == asked
    with count_statements(both._database) as again:
        assert reader.files("demo") == [DEMO.filename]
    assert writes(again) == 1
    assert both._upstream_pages.requests.outcomes()[first.name, "missing"] == asked + 1
