"""Groups of repository users, and rights on projects (G1 to G4)."""

import pytest

from pypi_repo import OPERATOR, Access, Actor, Grants, Registry
from pypi_repo.domain.accounts.access import ActorKind, Area
from pypi_repo.domain.accounts.errors import UnknownAccount, UnknownGroup
from pypi_repo.domain.accounts.rights import Right
from pypi_repo.domain.errors import (
    InvalidName,
    InvalidSetting,
    NameTaken,
    PermissionDenied,
    UnknownRepository,
)
from pypi_repo.services.acting import Acting
from tests.conftest import PASSWORD, USER
from tests.support.journal import journal_of
from tests.support.sql import count_statements

NEW = "new@example.com"
ACME = {("main", "acme-*"): Access.WRITE}


@pytest.fixture
def acting(both: Registry) -> Acting:
    acting = both.acting_as(OPERATOR)
    acting.repositories.create("other")
    acting.accounts.create_user(NEW, PASSWORD, everywhere=Access.NONE)
    return acting


def _actor(registry: Registry, name: str = NEW) -> Actor:
    return registry.repository("main").login.with_password(name, PASSWORD, "127.0.0.1")


def test_a_member_has_the_rights_of_its_groups_from_the_next_request_on(
    acting: Acting, both: Registry
) -> None:
    """G1."""
    acting.groups.create("platform", named={"main": Access.READ}, patterns=ACME)
    acting.groups.create("all", everywhere=Access.READ)
    assert _actor(both).grants.on("main") is Access.NONE
    acting.groups.add_members("platform", [NEW])
    actor = _actor(both)
    assert actor.groups == {"platform"}
    assert actor.grants.on("main", "demo") is Access.READ
    assert actor.grants.on("main", "acme-app") is Access.WRITE
    assert actor.grants.on("other", "demo") is Access.NONE
    acting.groups.add_members("all", [NEW])
    assert _actor(both).grants.on("other", "demo") is Access.READ
    acting.groups.remove_members("platform", [NEW])
    assert _actor(both).grants.on("main", "acme-app") is Access.READ
    acting.groups.delete("all")
    assert _actor(both).grants.on("main", "acme-app") is Access.NONE


def test_a_group_takes_nothing_away(acting: Acting, both: Registry) -> None:
    """G1."""
    acting.groups.create("nothing", named={"main": Access.NONE})
    acting.groups.add_members("nothing", [USER])
    assert _actor(both, USER).grants.on("main") is Access.WRITE


def test_a_token_has_the_rights_of_the_groups_of_its_user(acting: Acting, both: Registry) -> None:
    """G3."""
    acting.groups.create("platform", patterns=ACME)
    acting.groups.add_members("platform", [NEW])
    login = both.repository("main").login
    _token, secret = acting.accounts.create_token(NEW)
    _token, narrow = acting.accounts.create_token(NEW, projects=["Acme.App"])
    _token, reading = acting.accounts.create_token(NEW, read_only=True)
    assert login.with_token(secret, "192.0.2.1").grants.on("main", "acme-lib") is Access.WRITE
    assert login.with_token(narrow, "192.0.2.1").grants.on("main", "acme-lib") is Access.NONE
    assert login.with_token(narrow, "192.0.2.1").grants.on("main", "acme-app") is Access.WRITE
    assert login.with_token(reading, "192.0.2.1").grants.on("main", "acme-app") is Access.READ
    acting.groups.remove_members("platform", [NEW])
    assert login.with_token(secret, "192.0.2.1").grants.on("main", "acme-lib") is Access.NONE


def test_an_account_is_found_in_one_statement(acting: Acting, both: Registry) -> None:
    """G4."""
    for name in ("one", "two", "three"):
        acting.groups.create(name, patterns=ACME, named={"other": Access.READ})
        acting.groups.add_members(name, [NEW])
    _actor(both)
    with count_statements(both._database) as statements:
        assert _actor(both).groups == {"one", "two", "three"}
    assert len(statements) == 1


def test_groups_are_listed_and_shown(acting: Acting) -> None:
    acting.groups.create("platform", description="Builds it", patterns=ACME)
    acting.groups.create("all", everywhere=Access.READ)
    acting.groups.add_members("platform", [USER, NEW, USER])
    everyone, platform = acting.groups.all()
    assert (everyone.name, everyone.members) == ("all", ())
    assert platform == acting.groups.get("Platform")
    assert platform.members == (NEW, USER)
    assert platform.description == "Builds it"
    assert platform.grants == Grants(patterns=ACME)
    assert acting.accounts.user(NEW).groups == ("platform",)
    assert acting.accounts.user(NEW).grants == Grants()


def test_groups_of_a_user_can_be_set_with_everything_else(acting: Acting) -> None:
    for name in ("one", "two", "three"):
        acting.groups.create(name)
    acting.accounts.create_user("other@example.com", PASSWORD, groups=["one", "two"])
    assert acting.accounts.user("other@example.com").groups == ("one", "two")
    acting.accounts.change_user("other@example.com", groups=["two", "three"])
    assert acting.accounts.user("other@example.com").groups == ("three", "two")
    with pytest.raises(UnknownGroup):
        acting.accounts.change_user("other@example.com", groups=["nothing"], disabled=True)
    assert not acting.accounts.user("other@example.com").disabled
    with pytest.raises(UnknownGroup):
        acting.accounts.create_user("third@example.com", PASSWORD, groups=["nothing"])
    with pytest.raises(UnknownAccount):
        acting.accounts.user("third@example.com")


def test_a_group_can_be_changed(acting: Acting, both: Registry) -> None:
    acting.groups.create("platform", patterns=ACME)
    acting.groups.change("platform", description="New", grants=Grants(Access.READ))
    found = acting.groups.get("platform")
    assert (found.description, found.grants) == ("New", Grants(Access.READ))
    before = len(journal_of(both))
    acting.groups.change("platform", description="New", grants=Grants(Access.READ))
    assert len(journal_of(both)) == before


def test_what_is_wrong_is_refused_and_changes_nothing(acting: Acting) -> None:
    acting.groups.create("platform")
    for kind, attempt in (
        (InvalidName, lambda: acting.groups.create("Plat form")),
        (NameTaken, lambda: acting.groups.create("platform")),
        (UnknownRepository, lambda: acting.groups.create("new", named={"no": Access.READ})),
        (
            InvalidSetting,
            lambda: acting.groups.create("new", patterns={("main", "a b"): Access.READ}),
        ),
        (
            InvalidSetting,
            lambda: acting.groups.create("new", patterns={("main", "acme"): Access.NONE}),
        ),
        (UnknownGroup, lambda: acting.groups.get("new")),
        (UnknownGroup, lambda: acting.groups.delete("new")),
        (UnknownGroup, lambda: acting.groups.add_members("new", [USER])),
        (UnknownAccount, lambda: acting.groups.add_members("platform", [USER, "nobody"])),
        (UnknownAccount, lambda: acting.groups.remove_members("platform", ["nobody"])),
    ):
        with pytest.raises(kind):
            attempt()
    assert [group.members for group in acting.groups.all()] == [()]


def test_only_who_manages_users_may_manage_groups(acting: Acting, both: Registry) -> None:
    """G5: what administrators manage stays a matter of their areas."""
    acting.groups.create("platform")
    boss = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=frozenset(Area) - {Area.USERS})
    for actor in (boss, _actor(both)):
        groups = both.acting_as(actor).groups
        for attempt in (
            lambda groups=groups: groups.create("new"),
            lambda groups=groups: groups.all(),
            lambda groups=groups: groups.get("platform"),
            lambda groups=groups: groups.change("platform", description="x"),
            lambda groups=groups: groups.delete("platform"),
            lambda groups=groups: groups.add_members("platform", [USER]),
            lambda groups=groups: groups.remove_members("platform", [USER]),
        ):
            with pytest.raises(PermissionDenied):
                attempt()


def test_rights_are_explained(acting: Acting) -> None:
    acting.groups.create("platform", patterns=ACME)
    acting.groups.create("all", everywhere=Access.READ)
    for group in ("platform", "all"):
        acting.groups.add_members(group, [NEW])
    found = acting.rights.explain(NEW, "main", "Acme.App")
    assert (found.access, found.may_read, found.may_upload) == (Access.WRITE, True, True)
    assert found.rights == (
        Right(group="platform", repository="main", pattern="acme-*", access=Access.WRITE),
        Right(group="all", repository=None, pattern=None, access=Access.READ),
    )
    other = acting.rights.explain(NEW, "main", "demo")
    assert (other.access, other.may_upload) == (Access.READ, False)
    acting.accounts.set_disabled(NEW, True)
    assert not acting.rights.explain(NEW, "main", "demo").may_read


def test_users_of_a_repository_include_those_by_groups(acting: Acting) -> None:
    acting.groups.create("platform", patterns=ACME)
    acting.groups.add_members("platform", [NEW])
    assert acting.rights.in_repository("main")[NEW] is Access.WRITE
    assert acting.rights.in_repository("other")[NEW] is Access.NONE


def test_nobody_has_more_patterns_than_can_be_compared_with_each_name(acting: Acting) -> None:
    many = [f"acme-{number}-*" for number in range(101)]
    with pytest.raises(InvalidSetting, match="at most 100"):
        acting.accounts.create_token(NEW, projects=many)
    patterns = {("main", pattern): Access.READ for pattern in many}
    with pytest.raises(InvalidSetting, match="at most 100"):
        acting.groups.create("platform", patterns=patterns)
    with pytest.raises(InvalidSetting, match="at most 100"):
        acting.accounts.set_access(NEW, Access.NONE, patterns=patterns)
    token, _secret = acting.accounts.create_token(NEW, projects=many[:100])
    assert len(token.projects) == 100
