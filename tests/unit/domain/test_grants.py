"""Access to repositories and to single projects (G1, G3)."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.accounts.access import (
    ANONYMOUS,
    Actor,
    ActorKind,
    Area,
    GrantPolicy,
    Permission,
)
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.records import Repository

_REPOSITORIES = ("main", "other")
_PROJECTS = ("acme-app", "acme-lib", "other")
_PATTERNS = ("acme-*", "*-lib", "other", "*")

_levels = st.sampled_from(Access)
_grants = st.builds(
    Grants,
    everywhere=_levels,
    named=st.dictionaries(st.sampled_from(_REPOSITORIES), _levels),
    patterns=st.dictionaries(
        st.tuples(st.sampled_from(_REPOSITORIES), st.sampled_from(_PATTERNS)),
        st.sampled_from([Access.READ, Access.WRITE]),
    ),
)
_limits: st.SearchStrategy[tuple[str, ...]] = st.lists(st.sampled_from(_PATTERNS), max_size=2).map(
    tuple
)


def _repository(name: str, *, public: bool = False) -> Repository:
    return Repository(id=1, name=name, public=public, created_at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_pattern_adds_to_the_access_to_the_repository() -> None:
    grants = Grants(Access.READ, {"secret": Access.NONE}, {("main", "acme-*"): Access.WRITE})
    assert grants.on("main", "acme-app") is Access.WRITE
    assert grants.on("main", "other") is Access.READ
    assert grants.on("other", "acme-app") is Access.READ
    assert grants.on("secret", "acme-app") is Access.NONE


def test_a_pattern_takes_nothing_away() -> None:
    grants = Grants(Access.WRITE, {}, {("main", "acme-*"): Access.READ})
    assert grants.on("main", "acme-app") is Access.WRITE


def test_a_repository_can_be_reached_if_any_of_its_projects_can() -> None:
    grants = Grants(patterns={("main", "acme-*"): Access.READ})
    assert grants.on("main") is Access.READ
    assert grants.on("other") is Access.NONE


@given(st.lists(_grants, min_size=1, max_size=4), st.data())
def test_the_widest_right_counts(several: list[Grants], data: st.DataObject) -> None:
    """G1."""
    where = data.draw(st.sampled_from(("main", "other", "third")))
    project = data.draw(st.sampled_from((*_PROJECTS, None)))
    together = Grants.widest(several)
    assert together.on(where, project) == max(each.on(where, project) for each in several)


@given(_grants, _limits, _levels, st.data())
def test_a_token_has_no_more_than_its_user(
    grants: Grants, projects: tuple[str, ...], ceiling: Access, data: st.DataObject
) -> None:
    """G3."""
    where = data.draw(st.sampled_from(_REPOSITORIES))
    project = data.draw(st.sampled_from((*_PROJECTS, None)))
    narrow = grants.only("main").limited_to(projects).capped(ceiling)
    assert narrow.on(where, project) <= min(grants.on(where, project), ceiling)
    assert narrow.on("other", project) is Access.NONE


def test_a_token_for_projects_reaches_no_others() -> None:
    """G3."""
    grants = Grants(Access.WRITE).limited_to(("acme-*", "demo"))
    assert grants.on("main", "acme-app") is Access.WRITE
    assert grants.on("main", "demo") is Access.WRITE
    assert grants.on("main", "demo-2") is Access.NONE
    assert grants.on("main") is Access.WRITE


@given(_grants, _limits, st.sampled_from([Permission.READ, Permission.UPLOAD]), st.booleans())
def test_projects_are_alike_only_if_no_answer_differs(
    grants: Grants, projects: tuple[str, ...], permission: Permission, public: bool
) -> None:
    """G2: lists are only shown unfiltered to actors for whom this is true."""
    policy, main = GrantPolicy(), _repository("main", public=public)
    actor = Actor("user", grants=grants.limited_to(projects))
    answers = {policy.allows(actor, permission, main, project) for project in _PROJECTS}
    if policy.treats_projects_alike(actor, permission, main):
        assert len(answers | {policy.allows(actor, permission, main)}) == 1


def test_projects_are_alike_for_everybody_without_rights_on_projects() -> None:
    policy, main = GrantPolicy(), _repository("main")
    boss = Actor("boss", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES}))
    reader = Actor("reader", grants=Grants(Access.READ, patterns={("other", "a"): Access.WRITE}))
    for actor in (ANONYMOUS, boss, reader):
        for permission in Permission:
            assert policy.treats_projects_alike(actor, permission, main)
    writer = Actor("writer", grants=Grants(Access.READ, patterns={("main", "a"): Access.WRITE}))
    assert policy.treats_projects_alike(writer, Permission.READ, main)
    assert not policy.treats_projects_alike(writer, Permission.UPLOAD, main)
