"""Changes that depend on what is there, while other processes change it too."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.errors import NameTaken, Unavailable, UnknownRepository
from tests.conftest import ADMINISTRATOR, USER
from tests.support.api import ApiClient
from tests.support.distributions import wheel
from tests.support.uploads import upload

_COUNTED_BY_EACH = 15


@pytest.fixture
def other(both: Registry, database_url: str) -> Iterator[Registry]:
    """The registry `both` as another process has it."""
    with Registry(Settings(database=database_url, blobs="memory://", password_cost=4)) as other:
        yield other


def test_no_update_is_lost_between_processes(both: Registry, other: Registry) -> None:
    """Each adds one to a number as often as the other: read, then change if it is still so."""

    def counted(registry: Registry) -> int:
        api = ApiClient(registry, ADMINISTRATOR)
        done = refused = 0
        while done < _COUNTED_BY_EACH:
            shown = api.get("repositories/main")
            number = int(shown.get_json()["description"] or "0")
            changed = api.put(
                "repositories/main",
                {"description": str(number + 1)},
                headers={"If-Match": shown.headers["ETag"]},
            )
            assert changed.status_code in (200, 412), changed.text
            if changed.status_code == 200:
                done += 1
            else:
                refused += 1
        return refused

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(counted, (both, other)))
    assert both.acting_as(OPERATOR).repositories.get("main").description == str(
        2 * _COUNTED_BY_EACH
    )


def test_of_two_who_create_the_same_one_does(both: Registry, other: Registry) -> None:
    apis = [ApiClient(registry, ADMINISTRATOR) for registry in (both, other)]

    def create(number: int) -> list[int]:
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(
                lambda api: api.put(
                    f"repositories/team-{number}", {}, headers={"If-None-Match": "*"}
                ),
                apis,
            )
            return sorted(answer.status_code for answer in answers)

    for number in range(5):
        statuses = create(number)
        assert statuses[0] == 201
        assert statuses[1] in (409, 412)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_change_by_another_way_in_between_is_noticed(both: Registry, other: Registry) -> None:
    """SQLite's writers wait for each other, so there is no in between."""
    file = upload(both, wheel("demo", "1.0"))
    seen: list[object] = []

    def yank_unless_yanked() -> None:
        seen.append(both.acting_as(OPERATOR).projects.file("main", file.filename).yanked)
        if len(seen) == 1:
            other.acting_as(OPERATOR).projects.yank_file("main", file.filename, "by the other")
        if seen[-1] is None:
            both.acting_as(OPERATOR).projects.yank_file("main", file.filename, "by us")

    both.as_one(yank_unless_yanked)
    assert seen == [None, "by the other"]
    assert both.acting_as(OPERATOR).projects.file("main", file.filename).yanked == "by the other"

    passwords = (f"another horse {number}" for number in count(1))

    def disable_after_the_other() -> None:
        both.acting_as(OPERATOR).accounts.users()
        other.acting_as(OPERATOR).accounts.set_password(USER, next(passwords))
        both.acting_as(OPERATOR).accounts.set_disabled(USER, True)

    with pytest.raises(Unavailable):
        both.as_one(disable_after_the_other)
    assert not any(user.disabled for user in both.acting_as(OPERATOR).accounts.users())


def test_all_of_it_or_nothing(both: Registry) -> None:
    def create_twice() -> None:
        both.acting_as(OPERATOR).repositories.create("new")
        assert both.acting_as(OPERATOR).repositories.get("new").name == "new"
        both.acting_as(OPERATOR).repositories.create("new")

    with pytest.raises(NameTaken):
        both.as_one(create_twice)
    with pytest.raises(UnknownRepository):
        both.acting_as(OPERATOR).repositories.get("new")
    both.acting_as(OPERATOR).repositories.create("new")
    assert both.as_one(lambda: both.acting_as(OPERATOR).repositories.get("new").name) == "new"


def test_all_of_a_service_or_nothing_where_its_caller_goes_on(both: Registry) -> None:
    accounts = both.acting_as(OPERATOR).accounts

    def create_both() -> None:
        with pytest.raises(UnknownRepository):
            accounts.create_user("half@example.com", "correct horse", named={"new": Access.READ})
        accounts.create_user("whole@example.com", "correct horse")

    both.as_one(create_both)
    names = {user.name for user in accounts.users()}
    assert "whole@example.com" in names
    assert "half@example.com" not in names


def test_the_outermost_of_several_commits(both: Registry) -> None:
    repositories = both.acting_as(OPERATOR).repositories

    def describe(text: str) -> None:
        repositories.change("main", description=text)

    def change(*, fails: bool) -> None:
        describe("outer")
        assert both.as_one(lambda: repositories.get("main").description) == "outer"
        both.as_one(lambda: describe("inner"))
        assert repositories.get("main").description == "inner"
        describe("last")
        if fails:
            raise NameTaken("Taken.")

    with pytest.raises(NameTaken):
        both.as_one(lambda: change(fails=True))
    assert repositories.get("main").description == ""
    both.as_one(lambda: change(fails=False))
    assert repositories.get("main").description == "last"
