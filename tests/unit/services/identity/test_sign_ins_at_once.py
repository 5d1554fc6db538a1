"""Sign-ins elsewhere that come at once, or while their provider is changed (O3, O4, O5)."""

from collections.abc import Callable
from concurrent.futures import Future

import pytest

from pypi_repo import OPERATOR, Access, Registry
from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.errors import UnknownAccount
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.identity.errors import SignInFailed, SignInRefused, UnknownIdentityProvider
from pypi_repo.services.acting import Acting
from pypi_repo.storage.database.tables import sessions
from tests.conftest import ADMINISTRATOR, USER
from tests.support.identity_provider import SUBJECT, ScriptedProvider
from tests.support.together import one_after_the_other
from tests.unit.services.identity.conftest import Person

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

NAME = "dev@example.com"


@pytest.fixture
def person(both: Registry, provider: ScriptedProvider) -> Person:
    """A user of tomorrow, whom the provider may make."""
    both.acting_as(OPERATOR).groups.create("developers", named={"main": Access.WRITE})
    provider.person["groups"] = ["dev"]
    provider.create_on(both, creates=True, groups_claim="groups", mapping={"dev": ("developers",)})
    both.acting_as(OPERATOR).identity_providers.check("sso")  # so that it is not asked later
    return Person(both, provider, "users")


def in_two_tabs(person: Person) -> list[str]:
    """The names of the accounts as which one person is signed in."""
    names: list[str] = []
    begun = [person.begin(), person.begin()]
    answers = [person.provider.answer_to(each.url) for each in begun]
    later = one_after_the_other(
        person.registry._database,
        lambda: names.append(person.finish(begun[0], answers[0]).actor.name),
        lambda: person.finish(begun[1], answers[1]).actor.name,
        commit=2,  # the first one notes that the state is used
    )
    return [*names, later.result()]


def sign_in_during(person: Person, change: Callable[[Acting], object]) -> Future[object]:
    begun = person.begin()
    answer = person.provider.answer_to(begun.url)
    acting = person.registry.acting_as(OPERATOR)
    return one_after_the_other(
        person.registry._database, lambda: change(acting), lambda: person.finish(begun, answer)
    )


def test_o3_two_tabs_make_one_user(person: Person) -> None:
    assert in_two_tabs(person) == [NAME, NAME]
    (identity,) = person.registry.acting_as(OPERATOR).identity_providers.identities("sso")
    assert identity.account == NAME


def test_o3_two_tabs_make_one_administrator(person: Person) -> None:
    acting = person.registry.acting_as(OPERATOR)
    acting.identity_providers.change(
        "sso", accounts="administrators", mapping={"dev": (Area.USERS.value,)}
    )
    acting.identity_providers.check("sso")
    person.accounts = "administrators"
    assert in_two_tabs(person) == [NAME, NAME]


def test_o4_two_tabs_join_a_group_once(person: Person) -> None:
    person.sign_in()
    acting = person.registry.acting_as(OPERATOR)
    acting.groups.remove_members("developers", [NAME])
    assert in_two_tabs(person) == [NAME, NAME]
    assert acting.accounts.user(NAME).groups == ("developers",)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda acting: acting.identity_providers.delete("sso"), UnknownIdentityProvider),
        (
            lambda acting: acting.identity_providers.change("sso", enabled=False),
            UnknownIdentityProvider,
        ),
        (
            lambda acting: acting.identity_providers.change("sso", conditions={"hd": "acme"}),
            SignInFailed,
        ),
        (lambda acting: acting.identity_providers.unlink("sso", SUBJECT), SignInRefused),
        (lambda acting: acting.accounts.delete_user(USER), UnknownAccount),
    ],
    ids=["deleted", "switched off", "changed", "unlinked", "user deleted"],
)
def test_o5_what_ends_sign_ins_ends_those_that_are_under_way(
    change: Callable[[Acting], object], error: type[RegistryError], person: Person
) -> None:
    acting = person.registry.acting_as(OPERATOR)
    acting.identity_providers.change("sso", creates=False)
    acting.identity_providers.link("sso", USER, SUBJECT)
    acting.identity_providers.check("sso")
    with pytest.raises(error):
        sign_in_during(person, change).result()


def test_o5_an_administrator_is_deleted_meanwhile(person: Person) -> None:
    acting = person.registry.acting_as(OPERATOR)
    acting.identity_providers.change(
        "sso", accounts="administrators", creates=False, groups_claim=None, mapping={}
    )
    acting.administrators.create("second", "a long password")
    acting.identity_providers.link("sso", ADMINISTRATOR, SUBJECT)
    acting.identity_providers.check("sso")
    person.accounts = "administrators"
    with pytest.raises(SignInRefused):
        sign_in_during(person, lambda acting: acting.administrators.delete(ADMINISTRATOR)).result()
    assert person.registry._database.execute(sessions.select()).all() == []


def test_nobody_is_linked_who_is_deleted_meanwhile(person: Person) -> None:
    acting = person.registry.acting_as(OPERATOR)
    later = one_after_the_other(
        person.registry._database,
        lambda: acting.accounts.delete_user(USER),
        lambda: acting.identity_providers.link("sso", USER, SUBJECT),
    )
    with pytest.raises(UnknownAccount):
        later.result()
