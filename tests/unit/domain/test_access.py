"""Who may what."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo import Registry, Settings
from pypi_repo.domain.access import (
    ANONYMOUS,
    OPERATOR,
    Access,
    Actor,
    ActorKind,
    ExceptForOperators,
    GrantPolicy,
    Grants,
    Permission,
    admit,
    require,
)
from pypi_repo.domain.errors import AuthenticationRequired, PermissionDenied, UnknownRepository
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


def test_the_operator_may_do_everything() -> None:
    assert _allowed(OPERATOR, _repository()) == set(Permission)


def test_an_administrator_has_no_way_to_packages() -> None:
    """U20: unless the repository is public, like for anybody."""
    actor = Actor("admin", grants=Grants(), kind=ActorKind.ADMINISTRATOR)
    assert _allowed(actor, _repository()) == set()


def test_an_actor_of_a_host_may_read_and_write_by_default() -> None:
    actor = Actor("ada", groups=frozenset({"team"}))
    assert _allowed(actor, _repository()) == {Permission.READ, Permission.UPLOAD}
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


def test_who_did_not_log_in_is_asked_to() -> None:
    """X71"""
    with pytest.raises(AuthenticationRequired, match="Log in as a repository user to read"):
        require(POLICY, ANONYMOUS, Permission.READ, _repository())


def test_who_may_not_is_told_where() -> None:
    """U20, U21, X72"""
    reader = Actor("reader", grants=Grants(READ))
    with pytest.raises(PermissionDenied, match="'reader' may not upload to repository 'main'"):
        require(POLICY, reader, Permission.UPLOAD, _repository(), "demo")


class _OnlyDemo:
    """A host's policy: one project of a repository for all."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        self.asked.append((repository.name, repository.public))
        return project in (None, "demo")


def test_a_policy_may_decide_by_project() -> None:
    """U21"""
    actor = Actor("ada")
    require(_OnlyDemo(), actor, Permission.UPLOAD, _repository(), "demo")
    with pytest.raises(PermissionDenied, match="project 'other' of repository 'main'"):
        require(_OnlyDemo(), actor, Permission.UPLOAD, _repository(), "other")


def test_the_repository_that_was_found_is_handed_out() -> None:
    repository = _repository()
    assert admit(POLICY, Actor("ada"), Permission.READ, "main", repository) is repository


@pytest.mark.parametrize("permission", [Permission.READ, Permission.UPLOAD])
def test_an_unknown_repository_is_a_private_one_to_anonymous(permission: Permission) -> None:
    """X71: the very same words, so that nobody can tell."""
    messages = set()
    for found in (None, _repository("main")):
        with pytest.raises(AuthenticationRequired) as caught:
            admit(POLICY, ANONYMOUS, permission, "main", found)
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_an_unknown_repository_is_a_private_one_to_who_has_no_access() -> None:
    """X72"""
    stranger = Actor("stranger", grants=Grants(NONE, {"other": WRITE}))
    messages = set()
    for found in (None, _repository("main")):
        with pytest.raises(PermissionDenied) as caught:
            admit(POLICY, stranger, Permission.READ, "main", found)
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_only_who_could_use_it_learns_that_a_repository_is_unknown() -> None:
    with pytest.raises(UnknownRepository, match="no repository 'main'"):
        admit(POLICY, Actor("ada"), Permission.READ, "main", None)


def test_a_policy_is_asked_about_unknown_names_as_private_ones() -> None:
    """X71"""
    policy = _OnlyDemo()
    with pytest.raises(UnknownRepository):
        admit(policy, Actor("ada"), Permission.READ, "nowhere", None)
    assert policy.asked == [("nowhere", False)]


class _Nobody:
    """A host's policy that allows nothing, and keeps account of who was asked about."""

    def __init__(self) -> None:
        self.asked: list[ActorKind] = []

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        self.asked.append(actor.kind)
        return False


def test_a_policy_of_a_host_is_never_asked_about_the_operator() -> None:
    own = _Nobody()
    policy = ExceptForOperators(own)
    actors = [Actor("name", kind=kind) for kind in ActorKind]
    allowed = {
        actor.kind for actor in actors if policy.allows(actor, Permission.MANAGE, _repository())
    }
    assert allowed == {ActorKind.OPERATOR}
    assert set(own.asked) == set(ActorKind) - {ActorKind.OPERATOR}


def test_nobody_is_locked_out_by_a_policy_of_his_own() -> None:
    """Everything that code and the command line do, they still do."""
    settings = Settings(database="sqlite://", password_cost=4)
    with Registry(settings, policy=_Nobody()) as registry:
        registry.repositories.create("main")
        registry.repositories.change("main", public=True)
        assert registry.repositories.get("main").public
        assert registry.projects.all("main") == []
        assert registry.projects.search("main") == []
        assert registry.repository("main").index.project_list(OPERATOR).load().projects == ()
        assert registry.repository("main").uploads.admit(OPERATOR).profile == "private"
        with pytest.raises(AuthenticationRequired):
            registry.repository("main").index.project_list(ANONYMOUS)
        with pytest.raises(PermissionDenied):
            registry.repository("main").index.project_list(Actor("ada"))
        registry.repositories.delete("main")
