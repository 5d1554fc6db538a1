"""Who supplies a name: a repository itself, and then the first of its sources that has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pypi_repo import OPERATOR, Access, Actor, Grants, PermissionDenied, Registry, Unavailable
from pypi_repo.domain.upstreams.errors import NameSupplied
from tests.conftest import PASSWORD, READER, USER
from tests.support.distributions import wheel
from tests.support.live import LiveServer
from tests.support.uploads import upload
from tests.support.upstreams import LiveUpstream, Reader
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def reader(registry: Registry, upstream: LiveUpstream) -> Reader:
    upstream.create_on(registry)
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    return Reader(registry)


def test_what_is_not_here_comes_from_the_upstream(reader: Reader, upstream: LiveUpstream) -> None:
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    assert reader.files("demo") == [demo.filename]
    assert reader.get("/simple/demo/").headers["X-Pypi-Repo-Source"] == "upstream:public"
    assert reader.download("demo", demo.filename) == demo.content
    assert reader.get("/pypi/demo/json").get_json()["info"]["version"] == "1.0"
    assert reader.status("nothing") == 404


def test_a_fresh_page_and_a_cached_file_cost_no_request(
    reader: Reader, upstream: LiveUpstream
) -> None:
    """P3, F6, X93."""
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    for _time in range(3):
        assert reader.download("demo", demo.filename) == demo.content
    assert upstream.pages_asked() == ["demo"]
    assert upstream.files_asked() == [demo.filename]


def test_own_names_are_never_asked_for_elsewhere(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V1."""
    upload(registry, wheel("demo", "1.0"))
    upstream.asked.clear()
    upstream.add(wheel("demo", "99.0"))
    assert reader.files("demo") == ["demo-1.0-py3-none-any.whl"]
    registry.acting_as(OPERATOR).projects.delete_file("main", "demo-1.0-py3-none-any.whl")
    assert reader.files("demo") == []
    registry.acting_as(OPERATOR).projects.set_status("main", "demo", "quarantined")
    assert reader.files("demo") == []
    registry.acting_as(OPERATOR).projects.delete("main", "demo")
    assert reader.status("demo") == 404
    assert upstream.asked == []
    registry.acting_as(OPERATOR).sources.give_up_name("main", "Demo")
    upstream.create_on(registry, "again")  # the first one said that it has no such project
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:again"])
    assert reader.files("demo") == ["demo-99.0-py3-none-any.whl"]


def test_reserved_names_are_never_asked_for_elsewhere(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V2, V9, X92."""
    upstream.add(wheel("acme-tools", "99.0"))
    registry.acting_as(OPERATOR).sources.reserve("main", ["Acme_*"])
    assert reader.status("acme-tools") == 404
    assert upstream.asked == []
    assert "keeps the name" in reader.get("/simple/acme-tools/").text


def test_a_failing_upstream_is_502_and_later_sources_are_not_asked(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V4."""
    registry.acting_as(OPERATOR).repositories.create("other")
    upload(registry, wheel("demo", "1.0"), "other")
    registry.acting_as(OPERATOR).sources.set_sources(
        "main", ["upstream:public", "repository:other"]
    )
    upstream.broken = "500 Internal Server Error"
    response = reader.get("/simple/demo/")
    assert response.status_code == 502
    assert int(response.headers["Retry-After"]) > 0
    registry.acting_as(OPERATOR).sources.set_sources(
        "main", ["repository:other", "upstream:public"]
    )
    assert reader.files("demo") == ["demo-1.0-py3-none-any.whl"]


def test_an_old_page_is_shown_while_the_upstream_fails(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """P3."""
    upstream.add(wheel("demo", "1.0"))
    assert reader.files("demo")
    registry.acting_as(OPERATOR).upstreams.change("public", fresh_for=0)
    upstream.broken = "503 Service Unavailable"
    response = reader.get("/simple/demo/")
    assert response.status_code == 200
    assert response.headers["X-Pypi-Repo-Stale"].isdigit()
    registry.acting_as(OPERATOR).upstreams.change("public", stale_for=0)
    wait_until(lambda: reader.status("demo") == 502)  # an answer counts for a second in any case


def test_another_repository_is_a_source_for_those_who_may_read_it(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V6: others get neither its names nor those of later sources."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("secret")
    upload(registry, wheel("hidden", "1.0"), "secret")
    upstream.add(wheel("hidden", "99.0"))
    operator.sources.set_sources("main", ["repository:secret", "upstream:public"])
    operator.accounts.create_user("guest", PASSWORD, named={"main": 1}, everywhere=0)  # type: ignore[dict-item, arg-type]
    assert reader.files("hidden") == ["hidden-1.0-py3-none-any.whl"]
    assert reader.status("hidden", "guest") == 404
    names = [each["name"] for each in reader.get("/simple/", "guest").get_json()["projects"]]
    assert names == []
    names = [each["name"] for each in reader.get("/simple/", USER).get_json()["projects"]]
    assert names == ["hidden"]


def test_anonymous_readers_get_nothing_of_upstreams_unless_it_is_said(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V6."""
    upstream.add(wheel("demo", "1.0"))
    registry.acting_as(OPERATOR).repositories.change("main", public=True)
    assert reader.status("demo", None) == 404
    assert upstream.asked == []
    assert reader.get("/simple/demo/").headers["Cache-Control"].startswith("private")
    registry.acting_as(OPERATOR).repositories.change("main", public_sources=True)
    assert reader.files("demo", None) == ["demo-1.0-py3-none-any.whl"]


def test_merged_names_have_the_files_of_all_sources(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V3: of equal filenames, the first counts, also for downloads."""
    own, foreign, both = (
        wheel("demo", "1.0"),
        wheel("demo", "1.0", description="another"),
        wheel("demo", "2.0"),
    )
    registry.acting_as(OPERATOR).sources.set_sources("main", [])
    upload(registry, own)
    registry.acting_as(OPERATOR).sources.set_sources("main", ["upstream:public"])
    upstream.add(foreign)
    upstream.add(both)
    assert reader.files("demo") == [own.filename]
    registry.acting_as(OPERATOR).sources.merge("main", ["demo"])
    assert reader.files("demo") == [own.filename, both.filename]
    assert reader.download("demo", own.filename) == own.content
    assert reader.download("demo", both.filename) == both.content
    assert reader.get(f"/files/{_location(foreign)}").status_code == 404


def _location(distribution: object) -> str:
    import hashlib

    from pypi_repo.domain.stored_files import file_path

    content = distribution.content  # type: ignore[attr-defined]
    return file_path(hashlib.sha256(content).hexdigest(), distribution.filename)  # type: ignore[attr-defined]


def test_the_list_has_what_its_reader_can_open(registry: Registry) -> None:
    """V6, V7: a source that one may not read keeps its names from later ones all the same."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("hidden")
    for name in ("front", "open"):
        operator.repositories.create(name, public=True)
    for repository, project in (("hidden", "secret"), ("open", "secret"), ("open", "other")):
        upload(registry, wheel(project, "1.0"), repository)
    operator.sources.set_sources("front", ["repository:hidden", "repository:open"])
    front = Reader(registry, "front")

    def listed(user: str | None) -> list[str]:
        return [each["name"] for each in front.get("/simple/", user).get_json()["projects"]]

    assert (listed(None), front.status("secret", None)) == (["other"], 404)
    assert (listed(READER), front.status("secret")) == (["other", "secret"], 200)
    operator.sources.merge("front", ["secret"])
    assert (listed(None), front.status("secret", None)) == (["other", "secret"], 200)


# Metadata


def _summary(reader: Reader) -> str | None:
    summary: str | None = reader.get("/pypi/demo/json").get_json()["info"]["summary"]
    return summary


def test_metadata_that_could_not_be_had_are_there_later(
    registry: Registry, reader: Reader, upstream: LiveUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P6: and as long as they are not, one file is asked for and not all."""
    for python in ("cp311", "cp312", "cp313"):
        tag = f"{python}-{python}-linux_x86_64"
        upstream.add(wheel("demo", "1.0", tag=tag, extra_metadata="Summary: hello\n"))
    assert len(reader.files("demo")) == 3
    upstream.asked.clear()
    upstream.broken = "500 Broken"
    assert [_summary(reader) for _time in range(3)] == [None] * 3
    assert len(upstream.files_asked()) == 1
    assert list(reader.get("/pypi/demo/json").get_json()["releases"]) == ["1.0"]
    upstream.broken = None
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._NOT_TRIED_AGAIN", 0)
    monkeypatch.setattr("pypi_repo.web.packages.page_cache._A_MOMENT", 0.001)
    assert _summary(Reader(registry)) == "hello"


def test_metadata_of_what_is_offline_are_there_when_it_is_asked_again(
    registry: Registry, reader: Reader, upstream: LiveUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.add(wheel("demo", "1.0", extra_metadata="Summary: hello\n"))
    reader.files("demo")
    upstreams = registry.acting_as(OPERATOR).upstreams
    upstreams.change("public", offline=True)
    assert _summary(reader) is None
    upstreams.change("public", offline=False)
    monkeypatch.setattr("pypi_repo.web.packages.page_cache._A_MOMENT", 0.001)
    assert _summary(reader) == "hello"


def test_metadata_come_by_way_of_another_repository_with_rules(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """And no source learns the name that would not learn it otherwise."""
    upstream.add(wheel("demo", "1.0", extra_metadata="Summary: hello\n"))
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("team")
    with closing(LiveUpstream()) as later:
        later.create_on(registry, "later")
        operator.sources.set_sources("team", ["repository:main", "upstream:later"])
        operator.sources.add_rule("team", "deny", "evil")
        assert _summary(Reader(registry, "team")) == "hello"
        assert later.asked == []


# Rules and the cooldown


def test_a_rule_holds_for_pages_files_and_json(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V5, C6: also for files that are cached already."""
    old, new = wheel("demo", "1.0"), wheel("demo", "2.0")
    upstream.add(old)
    upstream.add(new)
    assert reader.download("demo", new.filename) == new.content
    sources = registry.acting_as(OPERATOR).sources
    rule = sources.add_rule("main", "deny", "demo>=2", reason="broken")
    assert reader.files("demo") == [old.filename]
    assert reader.get("/simple/demo/").get_json()["versions"] == ["1.0"]
    assert list(reader.get("/pypi/demo/json").get_json()["releases"]) == ["1.0"]
    assert reader.get("/pypi/demo/2.0/json").status_code == 404
    for suffix in ("", ".metadata"):
        response = reader.get(f"/files/{_location(new)}{suffix}")
        assert response.status_code == 403
        assert "broken" in response.text
    sources.delete_rule("main", rule.id)
    assert reader.files("demo") == [old.filename, new.filename]
    assert reader.get(f"/files/{_location(new)}").data == new.content


def test_files_that_are_too_young_are_left_out(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """C1, C4."""
    upstream.add(demo := wheel("demo", "1.0"))
    operator = registry.acting_as(OPERATOR)
    operator.upstreams.change("public", cooldown="3d", cooldown_mode="enforce")
    assert reader.files("demo") == []
    response = reader.get(f"/files/{_location(demo)}")
    assert response.status_code == 403
    assert "cooldown" in response.status  # pip shows nothing else
    operator.repositories.change("main", cooldown_mode="off")
    assert reader.files("demo") == [demo.filename]


def test_what_comes_by_way_of_another_repository_waits_as_well(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """C1, C4: what was uploaded there does not."""
    upstream.add(demo := wheel("demo", "1.0"))
    upload(registry, own := wheel("own", "1.0"))
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("team", cooldown="30d", cooldown_mode="enforce")
    operator.sources.set_sources("team", ["repository:main"])
    team = Reader(registry, "team")
    assert (team.files("demo"), reader.files("demo")) == ([], [demo.filename])
    assert team.get(f"/files/{_location(demo)}").status_code == 403
    assert team.download("own", own.filename) == own.content
    (withheld,) = operator.sources.explain("team", "demo").withheld
    later = datetime.now(UTC) + timedelta(days=9)
    assert withheld.code == "too-young"
    operator.sources.add_rule("team", "exempt", "demo", reason="urgent", until=later)
    assert team.download("demo", demo.filename) == demo.content


# Uploads


def test_nobody_shadows_what_a_source_supplies(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V11, U84: only the first upload of a project is asked about."""
    upstream.add(wheel("requests", "2.0"))
    with pytest.raises(NameSupplied, match="upstream:public"):
        upload(registry, wheel("requests", "99.0"))
    with pytest.raises(NameSupplied):
        upload(registry, wheel("Requests", "99.0"))
    upload(registry, wheel("own", "1.0"))
    upstream.asked.clear()
    upload(registry, wheel("own", "2.0"))
    assert upstream.asked == []
    registry.acting_as(OPERATOR).sources.reserve("main", ["requests"])
    upload(registry, wheel("requests", "99.0"))
    assert upstream.asked == []
    assert reader.files("requests") == ["requests-99.0-py3-none-any.whl"]


def test_a_new_project_waits_for_a_source_that_cannot_say(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V11."""
    upstream.broken = "500 Internal Server Error"
    with pytest.raises(Unavailable, match="reserve"):
        upload(registry, wheel("own", "1.0"))
    assert registry.acting_as(OPERATOR).projects.all("main") == []


def test_a_deleted_project_may_come_back(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    upload(registry, wheel("own", "1.0"))
    registry.acting_as(OPERATOR).projects.delete("main", "own")
    upstream.add(wheel("own", "99.0"))
    upload(registry, wheel("own", "2.0"))
    assert reader.files("own") == ["own-2.0-py3-none-any.whl"]


def test_a_repository_may_refuse_all_uploads(registry: Registry) -> None:
    """V10."""
    registry.acting_as(OPERATOR).repositories.change("main", accepts_uploads=False)
    with pytest.raises(PermissionDenied, match="takes no uploads"):
        upload(registry, wheel("demo", "1.0"))


def test_offline_there_is_what_was_fetched(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """O2: the rest is 404 with a sentence, and nothing is asked."""
    kept, other = wheel("demo", "1.0"), wheel("demo", "2.0")
    upstream.add(kept)
    upstream.add(other)
    assert reader.download("demo", kept.filename) == kept.content
    registry.acting_as(OPERATOR).upstreams.change("public", offline=True, fresh_for=0)
    upstream.asked.clear()
    assert reader.files("demo") == [kept.filename, other.filename]
    assert reader.download("demo", kept.filename) == kept.content
    for response in (reader.get("/simple/absent/"), reader.get_file("demo", other.filename)):
        assert response.status_code == 404
        assert "offline" in response.text


# What was seen


def test_another_url_is_another_index(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """Nothing of the former index is shown, although pages of both have the same number."""
    other = LiveUpstream()
    try:
        upstream.add(wheel("demo", "1.0"))
        other.add(wheel("demo", "2.0"))
        assert reader.files("demo") == ["demo-1.0-py3-none-any.whl"]
        registry.acting_as(OPERATOR).upstreams.change("public", url=other.url)
        assert reader.files("demo") == ["demo-2.0-py3-none-any.whl"]
        registry.acting_as(OPERATOR).upstreams.change("public", url=upstream.url)
        assert reader.files("demo") == ["demo-1.0-py3-none-any.whl"]
    finally:
        other.close()


def test_a_cached_file_is_there_while_the_upstream_is_not(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """F6: however old the page is that lists it."""
    demo = wheel("demo", "1.0")
    upstream.add(demo)
    assert reader.download("demo", demo.filename) == demo.content
    registry.acting_as(OPERATOR).upstreams.change("public", fresh_for=0, stale_for=0)
    upstream.asked.clear()
    upstream.broken = "503 Service Unavailable"
    again = Reader(registry)
    assert again.get(f"/files/{_location(demo)}").data == demo.content
    assert upstream.asked == []


def test_an_index_that_was_asked_for_nothing_owns_no_names_while_it_is_offline(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V4: nor does it give up those of which it said so long ago."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("other")
    upload(registry, wheel("demo", "1.0"), "other")
    operator.sources.set_sources("main", ["upstream:public", "repository:other"])
    operator.upstreams.change("public", offline=True)
    assert reader.status("demo") == 404
    operator.upstreams.change("public", offline=False)
    assert reader.files("demo") == ["demo-1.0-py3-none-any.whl"]


def test_one_reader_without_rights_asks_nobody(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V6: not even the upstreams of a repository that the reader may not read."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("outer", public=True)
    operator.sources.set_sources("outer", ["repository:main"])
    upstream.add(wheel("demo", "1.0"))
    upstream.broken = "500 Internal Server Error"
    response = Reader(registry, "outer").get("/simple/demo/", None)
    assert response.status_code == 404
    assert "public" not in response.text
    assert upstream.asked == []


def test_a_redirect_to_what_is_not_there_says_nothing_of_the_project(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V4: an index may send those whose session has ended to a page to sign in."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/simple/"):
            start_response("302 Found", [("Location", "/login")])
        else:
            start_response("404 Not Found", [])
        return ()

    upstream.add(wheel("demo", "1.0"))
    operator = registry.acting_as(OPERATOR)
    with LiveServer(answer) as server:
        given = {"allow_http": True, "allow_private_network": True}
        operator.upstreams.create("first", url=f"{server.url}/simple/", **given)  # type: ignore[arg-type]
        operator.sources.set_sources("main", ["upstream:first", "upstream:public"])
        assert reader.status("demo") == 502
    assert upstream.asked == []


def test_who_may_not_read_a_source_is_not_told_its_name(
    registry: Registry, reader: Reader, upstream: LiveUpstream
) -> None:
    """V6, V11."""
    operator = registry.acting_as(OPERATOR)
    operator.repositories.create("secret")
    upload(registry, wheel("hidden", "1.0"), "secret")
    operator.sources.set_sources("main", ["repository:secret"])
    guest = Actor("guest", grants=Grants(named={"main": Access.WRITE}))
    with pytest.raises(NameSupplied, match="one of the sources") as refused:
        upload(registry, wheel("hidden", "2.0"), "main", guest)
    assert "secret" not in refused.value.message
