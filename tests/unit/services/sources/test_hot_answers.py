"""A page and a file of an upstream that are asked for again and again, while something changes.

What was decided before counts only as long as nothing has changed on which it depends, in whatever
process (V1, V4, V5, V6, C1 to C6).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.registry import Acting
from pypi_repo.storage.database.database import Database
from tests.conftest import READER
from tests.support.distributions import wheel
from tests.support.http import JSON
from tests.support.sql import count_statements
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream, Reader

DEMO = wheel("demo", "1.0")
NEWER = wheel("demo", "2.0")
TOMORROW = datetime.now(UTC) + timedelta(days=1)

Do = Callable[[Acting, Registry], object]


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    with closing(LiveUpstream()) as upstream:
        upstream.add(DEMO)
        yield upstream


@pytest.fixture
def other(both: Registry, upstream: LiveUpstream) -> Iterator[LiveUpstream]:
    """A second upstream that has the project."""
    with closing(LiveUpstream()) as other:
        other.add(NEWER)
        other.create_on(both, "other")
        yield other


@pytest.fixture(params=["here", "elsewhere"])
def changing(
    request: pytest.FixtureRequest, both: Registry, database_url: str, tmp_path: Path
) -> Iterator[Registry]:
    """What changes something: the registry itself, or another one as in another process."""
    if request.param == "here":
        yield both
    else:
        blobs = tmp_path / "others"
        with Registry(Settings(database=database_url, blobs=blobs, password_cost=4)) as registry:
            yield registry


@pytest.fixture
def hot(both: Registry, upstream: LiveUpstream) -> Reader:
    """A reader who gets the page and the file from what was decided before."""
    upstream.create_on(both)
    both.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    reader = Reader(both)
    assert reader.download("demo", DEMO.filename) == DEMO.content
    heat(reader)
    return reader


def heat(reader: Reader, user: str | None = READER) -> None:
    for _time in range(3):
        assert statuses(reader, user) == (200, 200, 200)


def statuses(reader: Reader, user: str | None = READER) -> tuple[int, int, int]:
    """Of the page, the file, and its metadata."""
    place = f"/files/{DEMO.path}"
    return (
        reader.status("demo", user),
        reader.get(place, user).status_code,
        reader.get(f"{place}.metadata", user).status_code,
    )


def own_project(_operator: Acting, registry: Registry) -> None:
    """Whoever reserves a name may use it."""
    operator = registry.acting_as(OPERATOR)
    operator.sources.reserve("main", ["demo"])
    upload(registry, wheel("demo", "7.0"))
    operator.sources.reserve("main", [])


def tombstone(operator: Acting, registry: Registry) -> None:
    own_project(operator, registry)
    operator.projects.delete("main", "demo")


def quarantined(operator: Acting, registry: Registry) -> None:
    own_project(operator, registry)
    operator.projects.set_status("main", "demo", "quarantined", "")


GONE = (404, 404, 404)
EMPTY = (200, 403, 403)


@pytest.mark.parametrize(
    ("change", "then"),
    [
        pytest.param(lambda o, _r: o.sources.set_sources("main", []), GONE, id="sources"),
        pytest.param(lambda o, _r: o.sources.reserve("main", ["de*"]), GONE, id="reserved"),
        pytest.param(own_project, (200, 404, 404), id="own"),
        pytest.param(tombstone, GONE, id="tombstone"),
        pytest.param(quarantined, (200, 404, 404), id="quarantined"),
        pytest.param(lambda o, _r: o.sources.add_rule("main", "deny", "demo"), EMPTY, id="rule"),
        pytest.param(
            lambda o, _r: o.upstreams.change("public", cooldown="3d", cooldown_mode="enforce"),
            EMPTY,
            id="cooldown of the upstream",
        ),
        pytest.param(
            lambda o, _r: o.repositories.change("main", cooldown="3d", cooldown_mode="enforce"),
            EMPTY,
            id="cooldown of the repository",
        ),
        pytest.param(
            lambda o, _r: o.accounts.set_access(READER, Access.NONE),
            (403, 403, 403),
            id="rights",
        ),
    ],
)
def test_a_change_acts_on_the_next_request(
    hot: Reader, changing: Registry, change: Do, then: tuple[int, int, int]
) -> None:
    change(changing.acting_as(OPERATOR), changing)
    assert statuses(hot) == then
    assert statuses(hot) == then


def test_what_is_taken_back_is_offered_again(hot: Reader, changing: Registry) -> None:
    """V1, C3, C6."""
    operator = changing.acting_as(OPERATOR)
    rule = operator.sources.add_rule("main", "deny", "demo")
    assert statuses(hot) == EMPTY
    operator.sources.delete_rule("main", rule.id)
    heat(hot)
    operator.repositories.change("main", cooldown="3d", cooldown_mode="enforce")
    assert statuses(hot) == EMPTY
    exception = operator.sources.add_rule("main", "exempt", "demo", reason="urgent", until=TOMORROW)
    heat(hot)
    operator.sources.delete_rule("main", exception.id)
    assert statuses(hot) == EMPTY
    operator.repositories.change("main", cooldown_mode="off")
    tombstone(operator, changing)
    assert statuses(hot) == GONE
    operator.sources.give_up_name("main", "demo")
    heat(hot)


def test_the_first_source_supplies_a_name_whenever_it_becomes_the_first(
    hot: Reader, changing: Registry, other: LiveUpstream
) -> None:
    """V1: all of it, so the file of the later one is gone."""
    sources = changing.acting_as(OPERATOR).sources
    sources.set_sources("main", ["upstream:public", "upstream:other"])
    heat(hot)
    sources.set_sources("main", ["upstream:other", "upstream:public"])
    assert hot.files("demo") == [NEWER.filename]
    assert statuses(hot) == (200, 404, 404)
    sources.merge("main", ["demo"])
    assert sorted(hot.files("demo")) == [DEMO.filename, NEWER.filename]
    heat(hot)
    sources.merge("main", [])
    assert statuses(hot) == (200, 404, 404)


def test_a_failing_source_before_it_hides_what_was_decided(
    hot: Reader, changing: Registry, upstream: LiveUpstream, other: LiveUpstream
) -> None:
    """V4."""
    other.broken = "503 Service Unavailable"
    sources = changing.acting_as(OPERATOR).sources
    sources.set_sources("main", ["upstream:other", "upstream:public"])
    assert statuses(hot) == (502, 502, 502)


def test_another_repository_is_asked_each_time(
    both: Registry, hot: Reader, changing: Registry
) -> None:
    """V1, V6: also before and after an upstream that was asked for the project."""
    operator = changing.acting_as(OPERATOR)
    operator.repositories.create("team")
    operator.sources.set_sources("main", ["repository:team", "upstream:public"])
    heat(hot)
    upload(changing, NEWER, "team")
    assert hot.files("demo") == [NEWER.filename]
    assert statuses(hot) == (200, 404, 404)


def test_what_comes_by_way_of_another_repository_follows_that(
    both: Registry, hot: Reader, changing: Registry
) -> None:
    """V5, V6."""
    operator = changing.acting_as(OPERATOR)
    operator.repositories.create("front")
    operator.sources.set_sources("front", ["repository:main"])
    front = Reader(both, "front")
    heat(front)
    operator.sources.add_rule("main", "deny", "demo")
    assert statuses(front) == EMPTY
    own_project(operator, changing)
    assert statuses(front) == (200, 404, 404)


def test_nobody_gets_what_was_decided_for_others(
    both: Registry, hot: Reader, changing: Registry
) -> None:
    """V6."""
    repositories = changing.acting_as(OPERATOR).repositories
    assert statuses(hot, None) == (401, 401, 401)
    repositories.change("main", public=True)
    assert statuses(hot, None) == GONE
    heat(hot)
    assert hot.get("/simple/demo/").headers["Cache-Control"].startswith("private")
    repositories.change("main", public_sources=True)
    heat(hot, None)
    assert hot.get("/simple/demo/").headers["Cache-Control"].startswith("public")
    assert hot.get(f"/files/{DEMO.path}").headers["Cache-Control"].startswith("public")
    repositories.change("main", public_sources=False)
    assert statuses(hot, None) == GONE
    assert hot.get(f"/files/{DEMO.path}").headers["Cache-Control"].startswith("private")
    repositories.change("main", public=False)
    assert statuses(hot, None) == (401, 401, 401)


def test_a_page_is_asked_for_again_when_it_is_no_longer_fresh(
    hot: Reader, changing: Registry, upstream: LiveUpstream
) -> None:
    """P3: and then decides about files, too."""
    asked = len(upstream.pages_asked())
    upstream.add(NEWER)
    assert hot.files("demo") == [DEMO.filename]
    assert len(upstream.pages_asked()) == asked
    changing.acting_as(OPERATOR).upstreams.change("public", fresh_for=1)
    heat(hot)
    time.sleep(1.1)
    assert hot.files("demo") == [DEMO.filename, NEWER.filename]
    assert len(upstream.pages_asked()) > asked
    upstream.broken = "503 Service Unavailable"
    time.sleep(1.1)
    response = hot.get("/simple/demo/")
    assert response.status_code == 200
    assert int(response.headers["X-Pypi-Repo-Stale"]) >= 1
    assert hot.get(f"/files/{DEMO.path}").data == DEMO.content


def test_a_file_that_the_upstream_has_withdrawn_is_gone_with_its_page(
    hot: Reader, both: Registry, upstream: LiveUpstream
) -> None:
    both.acting_as(OPERATOR).upstreams.change("public", fresh_for=1)
    heat(hot)
    upstream.add(NEWER)
    upstream.registry.acting_as(OPERATOR).projects.delete_file("public", DEMO.filename)
    time.sleep(1.1)
    assert hot.files("demo") == [NEWER.filename]
    assert hot.get(f"/files/{DEMO.path}").status_code == 404


def test_offline_nothing_is_asked_and_all_is_there(
    hot: Reader, changing: Registry, upstream: LiveUpstream
) -> None:
    """O2, F6."""
    upstreams = changing.acting_as(OPERATOR).upstreams
    upstreams.change("public", offline=True)
    asked = len(upstream.asked)
    heat(hot)
    assert len(upstream.asked) == asked


def test_a_file_appears_when_it_is_old_enough_and_goes_when_its_exception_ends(
    hot: Reader, changing: Registry
) -> None:
    """C3, C5."""
    operator = changing.acting_as(OPERATOR)
    operator.repositories.change("main", cooldown="3d", cooldown_mode="enforce")
    assert statuses(hot) == EMPTY
    ends = datetime.now(UTC) + timedelta(seconds=2)
    operator.sources.add_rule("main", "exempt", "demo", reason="urgent", until=ends)
    watch(hot, before=(200, 200, 200), moment=ends, after=EMPTY)
    assert hot.files("demo") == []
    (withheld,) = operator.sources.explain("main", "demo").withheld
    assert withheld.since is not None
    seconds = int((datetime.now(UTC) - withheld.since).total_seconds()) + 2
    operator.repositories.change("main", cooldown=f"{seconds}s")
    comes = withheld.since + timedelta(seconds=seconds)
    watch(hot, before=EMPTY, moment=comes, after=(200, 200, 200))
    assert hot.files("demo") == [DEMO.filename]


def watch(
    reader: Reader, *, before: tuple[int, int, int], moment: datetime, after: tuple[int, int, int]
) -> None:
    """Asks again and again until a moment has passed."""
    began = ended = datetime.now(UTC)
    while began < moment:
        began, found, ended = datetime.now(UTC), statuses(reader), datetime.now(UTC)
        assert ended >= moment or found == before
        assert began < moment or found == after


def test_each_download_is_counted(hot: Reader, both: Registry) -> None:
    """F7."""
    usage = both.acting_as(OPERATOR).usage
    before = usage.downloads_of_versions("main", "demo")["1.0"]
    heat(hot)
    assert usage.downloads_of_versions("main", "demo")["1.0"] == before + 3


def test_a_file_of_an_upstream_costs_the_statements_of_an_own_one(
    hot: Reader, both: Registry, database: Database
) -> None:
    """P4: the account and the file; nothing of the sources is asked for own ones either."""
    upload(both, own := wheel("own", "1.0"))
    for _time in range(3):
        assert hot.get(f"/files/{own.path}").status_code == 200
    numbers = []
    for path in ("/simple/own/", "/simple/demo/", f"/files/{own.path}", f"/files/{DEMO.path}"):
        hot.get(path, accept=JSON)
        with count_statements(both._database) as statements:
            assert hot.get(path, accept=JSON).status_code == 200
        numbers.append(len(statements))
    assert numbers == [2, 2, 2, 2]
