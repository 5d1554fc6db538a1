"""One gate: what somebody may do, and what is told to whoever may not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo import (
    ANONYMOUS,
    OPERATOR,
    Access,
    AccessPolicy,
    Actor,
    ActorKind,
    AuthenticationRequired,
    GrantPolicy,
    Grants,
    Permission,
    PermissionDenied,
    Registry,
    Repository,
    Settings,
)
from pypi_repo.domain.errors import UnknownRepository
from pypi_repo.domain.names import normalize
from pypi_repo.services.gate import Gate

GATE = Gate(GrantPolicy())
WRITER = Actor("ada", grants=Grants(Access.WRITE))


def _repository(name: str = "main") -> Repository:
    return Repository(id=1, name=name, created_at=datetime(2026, 7, 1, tzinfo=UTC))


def test_who_did_not_log_in_is_asked_to() -> None:
    """X71"""
    with pytest.raises(AuthenticationRequired, match="to read"):
        GATE.require(ANONYMOUS, Permission.READ, _repository())


def test_who_may_not_is_told_where() -> None:
    """U20, U21, X72"""
    reader = Actor("reader", grants=Grants(Access.READ))
    with pytest.raises(PermissionDenied, match=r"'reader' .*'main'"):
        GATE.require(reader, Permission.UPLOAD, _repository(), "demo")


class _OnlyDemo(AccessPolicy):
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
    Gate(_OnlyDemo()).require(actor, Permission.UPLOAD, _repository(), "demo")
    with pytest.raises(PermissionDenied, match=r"'other' .*'main'"):
        Gate(_OnlyDemo()).require(actor, Permission.UPLOAD, _repository(), "other")


def test_a_policy_that_goes_by_names_gives_nothing_to_a_ci_job_of_the_same_name() -> None:
    """T4"""

    class ByName(_OnlyDemo):
        def allows(self, actor: Actor, *question: Any) -> bool:
            return super().allows(actor, *question) and actor.name == "ada"

        def treats_projects_alike(self, *question: Any) -> bool:
            return True

    given = Grants(patterns={("main", "demo"): Access.READ, ("main", "other"): Access.READ})
    job, gate = Actor("ada", grants=given, kind=ActorKind.PUBLISHER), Gate(ByName())
    assert gate.allows(Actor("ada"), Permission.MANAGE, _repository(), "demo")
    assert not gate.allows(job, Permission.MANAGE, _repository(), "demo")
    assert not gate.allows(job, Permission.UPLOAD, _repository(), "demo")
    assert gate.allows(job, Permission.READ, _repository(), "demo")
    assert not gate.allows(job, Permission.READ, _repository(), "other")  # the policy takes it away
    assert not gate.treats_projects_alike(job, Permission.READ, _repository())
    assert gate.treats_projects_alike(Actor("ada"), Permission.READ, _repository())


def test_the_repository_that_was_found_is_handed_out() -> None:
    repository = _repository()
    assert GATE.admit(WRITER, Permission.READ, "main", repository) is repository


@pytest.mark.parametrize("permission", [Permission.READ, Permission.UPLOAD])
def test_an_unknown_repository_is_a_private_one_to_anonymous(permission: Permission) -> None:
    """X71: the very same words, so that nobody can tell."""
    messages = set()
    for found in (None, _repository("main")):
        with pytest.raises(AuthenticationRequired) as caught:
            GATE.admit(ANONYMOUS, permission, "main", found)
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_an_unknown_repository_is_a_private_one_to_who_has_no_access() -> None:
    """X72"""
    stranger = Actor("stranger", grants=Grants(Access.NONE, {"other": Access.WRITE}))
    messages = set()
    for found in (None, _repository("main")):
        with pytest.raises(PermissionDenied) as caught:
            GATE.admit(stranger, Permission.READ, "main", found)
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_only_who_could_use_it_learns_that_a_repository_is_unknown() -> None:
    with pytest.raises(UnknownRepository, match="no repository 'main'"):
        GATE.admit(WRITER, Permission.READ, "main", None)


def test_a_policy_is_asked_about_unknown_names_as_private_ones() -> None:
    """X71"""
    policy = _OnlyDemo()
    with pytest.raises(UnknownRepository):
        Gate(policy).admit(WRITER, Permission.READ, "nowhere", None)
    assert policy.asked == [("nowhere", False)]


def test_lists_are_cut_where_the_policy_decides_by_project() -> None:
    """Names are only looked up for a policy that may have several answers."""
    repository, names = _repository(), [normalize("demo"), normalize("other")]
    asked = WRITER, Permission.UPLOAD, repository
    assert Gate(_OnlyDemo()).hidden(*asked, lambda: names) == {"other"}
    assert GATE.hidden(*asked, lambda: pytest.fail("is not asked")) == frozenset()


class _Nobody(AccessPolicy):
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
    gate = Gate(own)
    actors = [Actor("name", kind=kind, grants=Grants(Access.READ)) for kind in ActorKind]
    allowed = {actor.kind for actor in actors if gate.allows(actor, Permission.READ, _repository())}
    assert allowed == {ActorKind.OPERATOR}
    assert set(own.asked) == set(ActorKind) - {ActorKind.OPERATOR}


def test_nobody_is_locked_out_by_a_policy_of_his_own() -> None:
    """Everything that code and the command line do, they still do."""
    settings = Settings(database="sqlite://", password_cost=4)
    with Registry(settings, policy=_Nobody()) as registry:
        registry.acting_as(OPERATOR).repositories.create("main")
        registry.acting_as(OPERATOR).repositories.change("main", public=True)
        assert registry.acting_as(OPERATOR).repositories.get("main").public
        assert registry.acting_as(OPERATOR).projects.all("main") == []
        assert registry.acting_as(OPERATOR).projects.search("main") == []
        assert registry.repository("main").source.project_list(OPERATOR).load().projects == ()
        assert registry.repository("main").uploads.admit(OPERATOR).file_limit > 0
        with pytest.raises(AuthenticationRequired):
            registry.repository("main").source.project_list(ANONYMOUS)
        with pytest.raises(PermissionDenied):
            registry.repository("main").source.project_list(Actor("ada"))
        registry.acting_as(OPERATOR).repositories.delete("main")


@pytest.mark.parametrize("policy", [GrantPolicy, object(), "grants"])
def test_what_is_no_policy_is_refused_at_once(policy: object) -> None:
    with pytest.raises(TypeError, match="AccessPolicy"):
        Registry(Settings(database="sqlite://"), policy=policy)


def test_services_act_as_an_actor_and_not_as_a_name() -> None:
    with (
        Registry(Settings(database="sqlite://")) as registry,
        pytest.raises(TypeError, match="Actor"),
    ):
        registry.acting_as("ada")


def test_grants_are_not_taken_for_groups() -> None:
    with pytest.raises(TypeError):
        Actor("ada", Grants(Access.WRITE))


def test_a_job_learns_that_the_publisher_that_was_meant_is_not_for_it() -> None:
    """Another publisher, which gives less, may have let it in."""
    reads = Grants(named={"main": Access.READ})
    builds = Actor("acme-builds", grants=reads, kind=ActorKind.PUBLISHER)
    with pytest.raises(PermissionDenied, match="no publisher that lets this job do so"):
        GATE.require(builds, Permission.UPLOAD, _repository(), "rocket")
