"""Lists that people look through: the same order on every engine, in as many statements."""

import pytest

from pypi_repo import OPERATOR, Access, Registry
from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.errors import UnknownAccount
from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.domain.lists import ListRequest
from tests.support.distributions import wheel
from tests.support.sql import count_statements
from tests.support.uploads import upload


def _projects(registry: Registry, sort: str, **how: object) -> list[str]:
    request = ListRequest(sort=sort, **how)  # type: ignore[arg-type]
    return [
        found.name for found in registry.acting_as(OPERATOR).projects.page("main", request).rows
    ]


def test_projects_are_sorted_and_paged(both: Registry) -> None:
    upload(both, wheel("beta", "1.0", padding=9000))
    for version in ("1.0", "2.0rc1"):
        upload(both, wheel("gamma", version))
    upload(both, wheel("Alpha", "1.0"))
    both.acting_as(OPERATOR).repositories.create("other")
    upload(both, wheel("elsewhere", "1.0"), repository="other")
    upload(both, wheel("left", "1.0"))
    both.acting_as(OPERATOR).projects.delete_file("main", "left-1.0-py3-none-any.whl")

    assert _projects(both, "name", descending=True) == ["left", "gamma", "beta", "Alpha"]
    assert _projects(both, "size", descending=True) == ["beta", "gamma", "Alpha", "left"]
    assert _projects(both, "files") == ["left", "Alpha", "beta", "gamma"]
    assert _projects(both, "releases") == ["Alpha", "beta", "left", "gamma"]
    # What was never uploaded to comes last either way.
    assert _projects(both, "uploaded") == ["beta", "gamma", "Alpha", "left"]
    assert _projects(both, "uploaded", descending=True) == ["Alpha", "gamma", "beta", "left"]
    assert _projects(both, "files", size=3, page=2) == ["gamma"]
    assert _projects(both, "name", text="_A") == []
    assert _projects(both, "name", text="A%") == []
    assert _projects(both, "name", text="MM") == ["gamma"]

    shown = both.acting_as(OPERATOR).projects.page("main", ListRequest(size=3, page=9))
    assert (shown.number, shown.pages, shown.total) == (2, 2, 4)
    assert (shown.first, shown.last) == (4, 4)
    (left,) = both.acting_as(OPERATOR).projects.page("main", ListRequest(text="left")).rows
    assert (left.latest, left.files, left.last_upload) == ("1.0", 0, None)
    (gamma,) = both.acting_as(OPERATOR).projects.page("main", ListRequest(text="gamma")).rows
    assert (gamma.latest, gamma.releases, gamma.files) == ("1.0", 2, 2)


def test_the_summary_is_that_of_the_latest_release(both: Registry) -> None:
    def summary() -> str:
        (found,) = both.acting_as(OPERATOR).projects.page("main", ListRequest()).rows
        return found.summary

    def publish(version: str, text: str, **how: object) -> None:
        upload(both, wheel("demo", version, extra_metadata=f"Summary: {text}\n", **how))  # type: ignore[arg-type]

    publish("1.0", "The first")
    publish("2.0", "The second")
    assert summary() == "The second"
    publish("1.1", "In between")
    assert summary() == "The second"
    both.acting_as(OPERATOR).projects.yank_release("main", "demo", "2.0", "broken")
    assert summary() == "In between"
    both.acting_as(OPERATOR).projects.delete_release("main", "demo", "1.1")
    assert summary() == "The first"
    both.acting_as(OPERATOR).projects.yank_release("main", "demo", "2.0", None)
    assert summary() == "The second"
    both.acting_as(OPERATOR).repositories.change("main", allow_overwrite=True)
    publish("2.0", "Another one", padding=10)
    assert summary() == "Another one"
    both.acting_as(OPERATOR).repositories.change("main", profile="lenient")
    publish("3.0", "Over\n    two lines, " + "x" * 2000)
    assert summary().startswith("Over two lines, xxx")
    assert len(summary()) == 512
    upload(both, wheel("demo", "4.0"))
    assert summary() == ""


def test_projects_are_found_in_every_repository(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    for repository, name in (("other", "Demo"), ("main", "demo"), ("main", "demo-api")):
        upload(both, wheel(name, "1.0"), repository=repository)
    found = [
        (each.repository, each.name) for each in both.acting_as(OPERATOR).projects.anywhere("DEMO")
    ]
    assert found == [("main", "demo"), ("other", "Demo"), ("main", "demo-api")]
    assert len(both.acting_as(OPERATOR).projects.anywhere("demo", limit=2)) == 2
    assert both.acting_as(Actor("user@example.com")).projects.anywhere("demo") == []


def test_users_are_sorted_and_paged(both: Registry) -> None:
    both.acting_as(OPERATOR).repositories.create("other")
    named = {"main": Access.READ, "other": Access.WRITE}
    both.acting_as(OPERATOR).accounts.create_user(
        "zoe", "correct horse", everywhere=Access.NONE, named=named
    )

    def names(**how: object) -> list[str]:
        return [
            user.name for user in both.acting_as(OPERATOR).accounts.page(ListRequest(**how)).rows
        ]  # type: ignore[arg-type]

    assert names() == ["reader@example.com", "user@example.com", "zoe"]
    assert names(size=2, page=2) == ["zoe"]
    assert names(sort="created", descending=True)[0] == "zoe"
    assert names(sort="used") == ["reader@example.com", "user@example.com", "zoe"]
    assert names(text="Example") == ["reader@example.com", "user@example.com"]
    zoe = both.acting_as(OPERATOR).accounts.user("ZOE")
    assert zoe.grants.named == named
    with pytest.raises(UnknownAccount):
        both.acting_as(OPERATOR).accounts.user("nobody")
    with pytest.raises(PermissionDenied):
        both.acting_as(Actor("zoe")).accounts.page(ListRequest())
    with pytest.raises(PermissionDenied):
        both.acting_as(Actor("zoe")).accounts.user("zoe")


@pytest.mark.parametrize("sort", ["name", "size", "uploaded"])
def test_a_page_costs_the_same_however_long_the_list_is(sort: str, both: Registry) -> None:
    def statements() -> int:
        with count_statements(both._database) as counted:
            both.acting_as(OPERATOR).projects.page("main", ListRequest(sort=sort, size=2))
        return len(counted)

    upload(both, wheel("one", "1.0"))
    few = statements()
    for name in ("two", "three", "four"):
        for version in ("1.0", "2.0"):
            upload(both, wheel(name, version))
    assert statements() == few == 4
