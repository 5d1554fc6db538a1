"""Who may what."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.accounts.access import (
    ANONYMOUS,
    AccessPolicy,
    Actor,
    ActorKind,
    GrantPolicy,
    Permission,
)
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.records import Repository

POLICY = GrantPolicy()
NONE, READ, WRITE = Access.NONE, Access.READ, Access.WRITE

_LEVELS = st.sampled_from(Access)
_GRANTS = st.builds(Grants, _LEVELS, st.dictionaries(st.sampled_from("abc"), _LEVELS))


def _repository(name: str = "main", *, public: bool = False) -> Repository:
    return Repository(id=1, name=name, public=public, created_at=datetime(2026, 1, 1, tzinfo=UTC))


def _allowed(actor: Actor, repository: Repository) -> set[Permission]:
    return {each for each in Permission if POLICY.allows(actor, each, repository)}


@pytest.mark.parametrize(
    ("grants", "private", "public"),
    [
        (Grants(), set(), {Permission.READ}),
        (Grants(READ), {Permission.READ}, {Permission.READ}),
        (
            Grants(WRITE),
            {Permission.READ, Permission.UPLOAD},
            {Permission.READ, Permission.UPLOAD},
        ),
        (Grants(WRITE, {"main": NONE}), set(), {Permission.READ}),
        (Grants(WRITE, {"main": READ}), {Permission.READ}, {Permission.READ}),
        (
            Grants(NONE, {"main": WRITE}),
            {Permission.READ, Permission.UPLOAD},
            {Permission.READ, Permission.UPLOAD},
        ),
        (Grants(NONE, {"other": WRITE}), set(), {Permission.READ}),
    ],
)
def test_users_may_what_their_grants_say(
    grants: Grants, private: set[Permission], public: set[Permission]
) -> None:
    """U20, X72"""
    actor = Actor("user@example.com", grants=grants)
    assert _allowed(actor, _repository()) == private
    assert _allowed(actor, _repository(public=True)) == public


def test_nobody_manages_by_grant() -> None:
    assert Permission.MANAGE not in _allowed(Actor("user", grants=Grants(WRITE)), _repository())


def test_anonymous_reads_what_is_public_and_writes_nothing() -> None:
    """U20, X71"""
    assert _allowed(ANONYMOUS, _repository()) == set()
    assert _allowed(ANONYMOUS, _repository(public=True)) == {Permission.READ}


def test_a_policy_answers_for_single_projects_unless_it_says_more() -> None:
    class Silent(AccessPolicy):
        pass

    class Closed(AccessPolicy):
        def allows(self, *_asked: object) -> bool:
            return False

    with pytest.raises(TypeError, match="allows"):
        Silent()  # type: ignore[abstract]
    assert not Closed().treats_projects_alike(ANONYMOUS, Permission.READ, _repository())


def test_an_administrator_sees_what_happens_and_has_no_way_to_packages() -> None:
    """U20: unless the repository is public, like for anybody."""
    actor = Actor("admin", kind=ActorKind.ADMINISTRATOR)
    assert _allowed(actor, _repository()) == {Permission.AUDIT}


def test_an_actor_of_a_host_may_do_nothing_unless_it_is_given() -> None:
    actor = Actor("ada", groups=frozenset({"team"}))
    assert _allowed(actor, _repository()) == set()
    writer = Actor("ada", grants=Grants(Access.WRITE))
    assert _allowed(writer, _repository()) == {Permission.READ, Permission.UPLOAD}
    assert not actor.is_anonymous
    assert ANONYMOUS.is_anonymous


@given(_GRANTS, _LEVELS, st.sampled_from("abcd"))
def test_capped_grants_are_the_smaller_of_both(
    grants: Grants, ceiling: Access, repository: str
) -> None:
    assert grants.capped(ceiling).on(repository) == min(grants.on(repository), ceiling)


@given(_GRANTS, st.sampled_from("abcd"), st.sampled_from("abcd"))
def test_narrowed_grants_reach_one_repository(grants: Grants, one: str, asked: str) -> None:
    expected = grants.on(asked) if asked == one else NONE
    assert grants.only(one).on(asked) == expected


@given(_GRANTS, _LEVELS, st.sampled_from("abcd"), st.sampled_from("abcd"))
def test_narrowing_never_adds_anything(
    grants: Grants, ceiling: Access, one: str, asked: str
) -> None:
    assert grants.capped(ceiling).only(one).on(asked) <= grants.on(asked)
    assert grants.only(one).capped(ceiling) == grants.capped(ceiling).only(one)
