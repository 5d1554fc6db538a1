"""Changes of accounts that come at once, in a database where writers do not take turns."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from pypi_repo import OPERATOR, Access, Registry
from pypi_repo.domain.accounts.errors import (
    InvalidCredentials,
    UnknownAccount,
    UnknownGroup,
    UnknownInvitation,
)
from pypi_repo.domain.accounts.grants import Grants
from pypi_repo.domain.errors import RegistryError, UnknownRepository
from pypi_repo.services.acting import Acting
from pypi_repo.storage.catalog import Catalog
from tests.conftest import ADMINISTRATOR, PASSWORD, READER, USER
from tests.support.journal import journal_of
from tests.support.together import one_after_the_other, waiting_for_locks
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

ADDRESS = "192.0.2.7"
NEW_PASSWORD = "another long password"

Change = Callable[[Registry, Acting], Any]


def at_once(registry: Registry, first: Change, second: Change) -> Future[Any]:
    """What came of the second change, which began before the first one was there for all."""
    acting = registry.acting_as(OPERATOR)
    acting.accounts.user(USER)  # whatever is asked only once is asked now
    return one_after_the_other(
        registry._database, lambda: first(registry, acting), lambda: second(registry, acting)
    )


def add_member(_registry: Registry, acting: Acting) -> None:
    acting.groups.add_members("developers", [READER, USER])


def set_groups(_registry: Registry, acting: Acting) -> None:
    acting.accounts.change_user(USER, groups=["developers"])


def set_grants(_registry: Registry, acting: Acting) -> None:
    acting.accounts.change_user(USER, grants=Grants(named={"main": Access.READ}))


def set_grants_of_group(_registry: Registry, acting: Acting) -> None:
    acting.groups.change("developers", grants=Grants(named={"main": Access.READ}))


def set_password(_registry: Registry, acting: Acting) -> None:
    acting.accounts.set_password(USER, NEW_PASSWORD)


def delete_user(_registry: Registry, acting: Acting) -> None:
    acting.accounts.delete_user(USER)


def delete_group(_registry: Registry, acting: Acting) -> None:
    acting.groups.delete("developers")


def delete_repository(_registry: Registry, acting: Acting) -> None:
    acting.repositories.delete("main")


def invite(_registry: Registry, acting: Acting) -> str:
    return acting.invitations.invite(USER)


def create_token(_registry: Registry, acting: Acting) -> None:
    acting.accounts.create_token(USER, repository="main")


def replace_repository(registry: Registry, acting: Acting) -> None:
    def replace() -> None:
        acting.repositories.delete("main")
        acting.repositories.create("main")

    registry.as_one(replace)


def open_stage(_registry: Registry, acting: Acting) -> str:
    return acting.stages.open("main").id


def sign_in(registry: Registry, _acting: Acting) -> None:
    registry.user_sessions.sign_in(USER, PASSWORD, ADDRESS)


@pytest.fixture(autouse=True)
def _group(both: Registry) -> None:
    both.acting_as(OPERATOR).groups.create("developers")


@pytest.mark.parametrize("first", [add_member, set_groups])
@pytest.mark.parametrize("second", [add_member, set_groups])
def test_two_who_add_the_same_member(first: Change, second: Change, both: Registry) -> None:
    at_once(both, first, second).result()
    assert USER in both.acting_as(OPERATOR).groups.get("developers").members
    actions = [entry.action for entry in journal_of(both) if entry.detail.get("account") == USER]
    assert sum(action in ("add user to group", "change groups of user") for action in actions) == 1


@pytest.mark.parametrize("change", [set_grants, set_grants_of_group])
def test_two_who_give_the_same_rights(change: Change, both: Registry) -> None:
    at_once(both, change, change).result()
    acting = both.acting_as(OPERATOR)
    changed = (
        acting.accounts.user(USER) if change is set_grants else acting.groups.get("developers")
    )
    assert changed.grants.on("main") is Access.READ


def test_of_two_invitations_the_later_one_is_good(both: Registry) -> None:
    secrets: list[str] = []

    def earlier(registry: Registry, acting: Acting) -> None:
        secrets.append(invite(registry, acting))

    secrets.append(at_once(both, earlier, invite).result())
    with pytest.raises(UnknownInvitation):
        both.invitations.find(secrets[0])
    assert both.invitations.find(secrets[1]).user == USER


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        (delete_user, add_member, UnknownAccount),
        (delete_user, set_groups, UnknownAccount),
        (delete_user, set_grants, UnknownAccount),
        (delete_user, invite, UnknownAccount),
        (delete_user, create_token, UnknownAccount),
        (delete_user, sign_in, InvalidCredentials),
        (delete_group, add_member, UnknownGroup),
        (delete_group, set_groups, UnknownGroup),
        (delete_group, set_grants_of_group, UnknownGroup),
        (delete_repository, set_grants, UnknownRepository),
        (delete_repository, set_grants_of_group, UnknownRepository),
        (delete_repository, create_token, UnknownRepository),
    ],
)
def test_what_is_deleted_meanwhile_is_said_to_be_unknown(
    first: Change, second: Change, error: type[RegistryError], both: Registry
) -> None:
    with pytest.raises(error):
        at_once(both, first, second).result()


def test_a_sign_in_with_a_password_that_is_changed_meanwhile(both: Registry) -> None:
    with pytest.raises(InvalidCredentials):
        at_once(both, set_password, sign_in).result()


def test_a_password_that_is_changed_while_somebody_signs_in_ends_the_session(
    both: Registry,
) -> None:
    secrets: list[str] = []

    def begin(registry: Registry, _acting: Acting) -> None:
        secrets.append(registry.user_sessions.sign_in(USER, PASSWORD, ADDRESS).secret)

    at_once(both, begin, set_password).result()
    assert both.user_sessions.find(secrets[0]) is None


def test_an_administrator_who_is_deleted_meanwhile(both: Registry) -> None:
    acting = both.acting_as(OPERATOR)
    acting.administrators.create("second", PASSWORD)

    def delete(_registry: Registry, acting: Acting) -> None:
        acting.administrators.delete(ADMINISTRATOR)

    with pytest.raises(InvalidCredentials):
        at_once(
            both,
            delete,
            lambda registry, _acting: registry.sessions.sign_in(ADMINISTRATOR, PASSWORD, ADDRESS),
        ).result()
    acting.administrators.create(ADMINISTRATOR, PASSWORD)
    with pytest.raises(UnknownAccount):
        at_once(
            both,
            delete,
            lambda _registry, acting: acting.administrators.create_token(ADMINISTRATOR),
        ).result()


def is_locked(registry: Registry) -> bool:
    """Whether another transaction would have to wait for the repository."""
    nowait = text("SELECT id FROM repositories WHERE name = 'main' FOR UPDATE NOWAIT")
    with registry._database.engine.connect() as another:
        try:
            another.execute(nowait)
        except OperationalError:
            return True
    return False


def test_a_repository_that_was_deleted_and_made_again_is_locked_all_the_same(
    both: Registry,
) -> None:
    """Or it could be deleted once more, while something is added to it."""

    def lock(registry: Registry, _acting: Acting) -> bool:
        with registry._database.begin() as connection:
            Catalog(connection).lock("main")
            return is_locked(registry)

    assert at_once(both, replace_repository, lock).result()


def test_a_repository_that_was_not_there_stays_away_until_the_commit(both: Registry) -> None:
    """Whoever has found that there is none would go on in it without a lock."""
    database, acting = both._database, both.acting_as(OPERATOR)
    with ThreadPoolExecutor(1) as another:
        with database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock("new")
            created = another.submit(acting.repositories.create, "new")
            wait_until(lambda: created.done() or waiting_for_locks(database) > 0)
            found = catalog.repository("new")
        assert (found, created.result().name) == (None, "new")


def test_a_change_goes_on_in_the_repository_that_was_made_again(both: Registry) -> None:
    opened = at_once(both, replace_repository, open_stage).result()
    assert [stage.id for stage in both.acting_as(OPERATOR).stages.stages("main")] == [opened]
