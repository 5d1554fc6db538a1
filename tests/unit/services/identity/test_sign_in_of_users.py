"""Repository users who sign in elsewhere, and the groups that follow from it (O3, O4, O5)."""

import pytest

from pypi_repo import OPERATOR, Access, Registry
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.errors import SignInRefused
from tests.conftest import USER
from tests.support.identity_provider import SUBJECT, ScriptedProvider
from tests.unit.services.identity.conftest import Person

NAME = "dev@example.com"


@pytest.fixture
def person(both: Registry, provider: ScriptedProvider) -> Person:
    """A user of tomorrow, whom the provider may make."""
    groups = both.acting_as(OPERATOR).groups
    groups.create("developers", named={"main": Access.WRITE})
    groups.create("readers", named={"main": Access.READ})
    groups.create("by-hand")
    provider.person["groups"] = ["dev", "all"]
    provider.create_on(
        both,
        creates=True,
        groups_claim="groups",
        mapping={"dev": ("developers",), "all": ("readers",)},
    )
    return Person(both, provider, "users")


def groups_of(person: Person) -> tuple[str, ...]:
    return person.registry.acting_as(OPERATOR).accounts.user(NAME).groups


def test_o3_the_first_sign_in_makes_a_user_with_the_rights_of_its_groups(person: Person) -> None:
    session = person.sign_in()
    assert (session.actor.name, session.actor.groups) == (NAME, {"developers", "readers"})
    assert session.actor.grants.on("main") is Access.WRITE
    assert session.actor.grants.on("other") is Access.NONE
    found = person.registry.user_sessions.find(session.secret)
    assert found is not None
    assert found.actor == session.actor
    with pytest.raises(InvalidCredentials):
        person.registry.user_sessions.sign_in(NAME, "", "192.0.2.8")


def test_o4_what_is_gone_there_is_gone_here(person: Person) -> None:
    session = person.sign_in()
    person.registry.acting_as(OPERATOR).groups.add_members("by-hand", [NAME])
    person.provider.person["groups"] = ["all", "developers", "DEV", "de", "dev "]
    person.sign_in()
    assert groups_of(person) == ("by-hand", "readers")
    earlier = person.registry.user_sessions.find(session.secret)
    assert earlier is not None
    assert earlier.actor.grants.on("main") is Access.READ
    person.provider.person.pop("groups")
    person.sign_in()
    assert groups_of(person) == ("by-hand",)
    person.provider.person["groups"] = "dev"
    person.sign_in()
    assert groups_of(person) == ("by-hand", "developers")


def test_o4_a_group_that_was_deleted_is_not_missed(person: Person) -> None:
    person.registry.acting_as(OPERATOR).groups.delete("readers")
    person.sign_in()
    assert groups_of(person) == ("developers",)


def test_o4_a_group_that_was_deleted_stands_in_the_way_of_no_other_change(person: Person) -> None:
    acting = person.registry.acting_as(OPERATOR)
    acting.groups.delete("readers")
    changed = acting.identity_providers.change("sso", session_hours=1, enabled=False)
    assert (changed.session_hours, changed.enabled) == (1, False)
    kept = {"dev": ("developers",), "all": ("readers",)}
    acting.identity_providers.change("sso", mapping={**kept, "more": ("by-hand",)})
    with pytest.raises(InvalidSetting, match="groups that do not exist: gone; create"):
        acting.identity_providers.change("sso", mapping={**kept, "more": ("gone",)})


def test_o4_sessions_end_in_the_time_of_the_provider(person: Person) -> None:
    person.registry.acting_as(OPERATOR).identity_providers.change("sso", session_hours=2)
    session = person.sign_in()
    (signed_in,) = person.registry.own_account(session).sessions()
    assert (signed_in.expires_at - signed_in.created_at).total_seconds() == 2 * 3600


def test_o3_no_user_is_taken_over_but_an_administrator_can_link_it(person: Person) -> None:
    person.provider.person["email"] = USER
    with pytest.raises(SignInRefused, match="a repository user"):
        person.sign_in()
    person.registry.acting_as(OPERATOR).identity_providers.link("sso", USER, SUBJECT)
    assert person.sign_in().actor.name == USER


def test_o5_a_disabled_or_deleted_user_is_signed_out(person: Person) -> None:
    accounts = person.registry.acting_as(OPERATOR).accounts
    session = person.sign_in()
    accounts.set_disabled(NAME, True)
    assert person.registry.user_sessions.find(session.secret) is None
    with pytest.raises(InvalidCredentials, match="disabled"):
        person.sign_in()
    assert "disabled" in person.refusal()
    accounts.set_disabled(NAME, False)
    session = person.sign_in()
    accounts.delete_user(NAME)
    assert person.registry.user_sessions.find(session.secret) is None
