"""What is configured for the sources of a repository, and who may (V1, V2, V3, C3, C6)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from pypi_repo import (
    EVERY_AREA,
    OPERATOR,
    AccessPolicy,
    Actor,
    ActorKind,
    Permission,
    Registry,
    Repository,
    Settings,
)
from pypi_repo.domain.accounts.access import ANONYMOUS, Area
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    Conflict,
    InvalidSetting,
    PermissionDenied,
    RegistryError,
    UnknownRepository,
)
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.errors import NameWithheld, UnknownRule, UnknownUpstream
from pypi_repo.domain.upstreams.sources import RepositorySources
from pypi_repo.services.upstreams.configuring.sources import Sources
from tests.support.distributions import wheel
from tests.support.journal import journal_of
from tests.support.uploads import UPLOADER, upload

LATER = datetime.now(UTC) + timedelta(days=7)
LAST_WEEK = datetime.now(UTC) - timedelta(days=7)


def sources(registry: Registry, actor: Actor = OPERATOR) -> Sources:
    return registry.acting_as(actor).sources


@pytest.fixture
def filled(both: Registry) -> Registry:
    """With the upstreams `public` and `torch`, and the repositories `main`, `team` and `tools`."""
    for name in ("public", "torch"):
        both.acting_as(OPERATOR).upstreams.create(name, url=f"https://{name}.example.com/simple/")
    for name in ("team", "tools"):
        both.acting_as(OPERATOR).repositories.create(name)
    return both


def revision(registry: Registry, repository: str = "main") -> int:
    return registry.acting_as(OPERATOR).repositories.get(repository).sources_revision


def raises_the_revision(registry: Registry, change: Callable[[], object]) -> bool:
    before = revision(registry)
    change()
    return revision(registry) > before


# Sources


def test_all_settings_are_changed_together_or_not_at_all(filled: Registry) -> None:
    given = ["repository:team", "upstream:public"]
    done = sources(filled).configure(
        "main", sources=given, reserved=["Acme_*", "inner"], merged=["torch"]
    )
    assert (done.references, done.reserved, done.merged) == (
        *(("repository:team", "upstream:public"), ("acme-*", "inner"), ("torch",)),
    )
    assert sources(filled).configure("main", reserved=[]).references == done.references
    before = sources(filled).of("main")
    for wrong in ({"merged": ["a/b"]}, {"given_up": ["absent"]}):
        with pytest.raises((InvalidSetting, Conflict)):
            sources(filled).configure("main", sources=[], reserved=["x"], **wrong)
        assert sources(filled).of("main") == before


def test_a_change_that_changes_nothing_is_none(filled: Registry) -> None:
    def configure() -> None:
        sources(filled).configure(
            "main", sources=["upstream:public"], reserved=["b", "a"], merged=["torch"]
        )

    assert raises_the_revision(filled, configure)
    entries = len(filled.acting_as(OPERATOR).activity.entries())
    assert not raises_the_revision(filled, configure)
    assert len(filled.acting_as(OPERATOR).activity.entries()) == entries


def test_a_new_repository_has_its_own_files_only(filled: Registry) -> None:
    assert sources(filled).of("main") == RepositorySources()
    assert revision(filled) == 0


def test_sources_are_kept_in_their_order(filled: Registry) -> None:
    for wanted in (
        ["repository:team", "upstream:torch", "upstream:public"],
        ["upstream:public", "repository:tools", "repository:team"],
        ["upstream:public"],
        [],
    ):
        change = partial(sources(filled).set_sources, "main", wanted)
        assert raises_the_revision(filled, change)
        found = sources(filled).of("main")
        assert found.references == tuple(wanted)
        assert len(found.sources) == len(wanted)
    assert sources(filled).of("team") == RepositorySources()
    assert revision(filled, "team") == 0


def test_a_source_has_the_settings_of_its_upstream(filled: Registry) -> None:
    sources(filled).set_sources("main", ["upstream:public"])
    changed = filled.acting_as(OPERATOR).upstreams.change("public", cooldown="3d")
    assert sources(filled).of("main").sources == (changed,)


@pytest.mark.parametrize(
    "wanted",
    [
        ["public"],
        ["upstream:"],
        ["repository:"],
        ["mirror:public"],
        [""],
        ["upstream:public", "upstream:public"],
        ["repository:team", "upstream:public", "repository:team"],
    ],
)
def test_what_is_no_list_of_sources(filled: Registry, wanted: list[str]) -> None:
    sources(filled).set_sources("main", ["upstream:torch"])
    with pytest.raises(InvalidSetting):
        sources(filled).set_sources("main", wanted)
    assert sources(filled).of("main").references == ("upstream:torch",)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (["upstream:public", "upstream:missing"], UnknownUpstream),
        (["upstream:public", "upstream:a\0b"], UnknownUpstream),
        (["upstream:public", "repository:missing"], UnknownRepository),
    ],
)
def test_sources_that_do_not_exist(
    filled: Registry, wanted: list[str], error: type[RegistryError]
) -> None:
    sources(filled).set_sources("main", ["upstream:torch"])
    before = journal_of(filled), revision(filled)
    with pytest.raises(error):
        sources(filled).set_sources("main", wanted)
    assert sources(filled).of("main").references == ("upstream:torch",)
    assert (journal_of(filled), revision(filled)) == before


def test_a_repository_is_no_source_of_itself(filled: Registry) -> None:
    with pytest.raises(Conflict):
        sources(filled).set_sources("main", ["repository:main"])


def test_repositories_form_no_circle(filled: Registry) -> None:
    sources(filled).set_sources("main", ["repository:team"])
    sources(filled).set_sources("team", ["upstream:public", "repository:tools"])
    for wanted in (["repository:main"], ["upstream:public", "repository:team"]):
        with pytest.raises(Conflict, match="a source of itself"):
            sources(filled).set_sources("tools", wanted)
    assert sources(filled).of("tools").sources == ()
    # Two ways to the same repository are no circle.
    sources(filled).set_sources("main", ["repository:team", "repository:tools"])


def test_two_changes_at_once_form_no_circle(filled: Registry) -> None:
    for _ in range(5):
        start = Barrier(2)

        def point(names: tuple[str, str], start: Barrier = start) -> bool:
            start.wait()
            try:
                sources(filled).set_sources(names[0], [f"repository:{names[1]}"])
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            assert sum(threads.map(point, [("main", "team"), ("team", "main")])) == 1
        for name in ("main", "team"):
            sources(filled).set_sources(name, [])


def test_a_source_cannot_be_deleted(filled: Registry) -> None:
    repositories = filled.acting_as(OPERATOR).repositories
    sources(filled).set_sources("main", ["repository:team"])
    with pytest.raises(Conflict, match="'team' is a source of main"):
        repositories.delete("team")
    repositories.delete("main")
    repositories.delete("team")
    assert [each.name for each in repositories.all()] == ["tools"]


def test_a_renewed_repository_begins_without_sources(filled: Registry) -> None:
    sources(filled).set_sources("main", ["upstream:public"])
    sources(filled).reserve("main", ["acme-*"])
    sources(filled).add_rule("main", "deny", "*")
    filled.acting_as(OPERATOR).repositories.delete("main")
    filled.acting_as(OPERATOR).repositories.create("main")
    assert sources(filled).of("main") == RepositorySources()


# Names


@pytest.mark.parametrize("use", ["reserve", "merge"])
def test_v2_v3_patterns_are_normalized_and_replaced(filled: Registry, use: str) -> None:
    change = getattr(sources(filled), use)
    kept = {"reserve": "reserved", "merge": "merged"}[use]
    other = {"reserve": "merged", "merge": "reserved"}[use]
    assert raises_the_revision(filled, lambda: change("main", ["Acme_*", "acme.*", "Zope"]))
    found = sources(filled).of("main")
    assert getattr(found, kept) == ("acme-*", "zope")
    assert getattr(found, other) == ()
    with pytest.raises(InvalidSetting):
        change("main", ["fine", "not fine"])
    assert getattr(sources(filled).of("main"), kept) == ("acme-*", "zope")
    assert raises_the_revision(filled, lambda: change("main", []))
    assert getattr(sources(filled).of("main"), kept) == ()


def test_v1_the_name_of_a_deleted_project_is_kept_until_it_is_given_up(filled: Registry) -> None:
    upload(filled, wheel("Acme.Core", "1.0"))
    name = normalize("acme-core")
    with pytest.raises(Conflict, match="delete it first"):
        sources(filled).give_up_name("main", "acme_core")
    assert raises_the_revision(
        filled, lambda: filled.acting_as(OPERATOR).projects.delete("main", "acme-core")
    )
    assert sources(filled).of("main").keeps(name)
    assert sources(filled).of("main").kept == {name}
    assert raises_the_revision(filled, lambda: sources(filled).give_up_name("main", "ACME_core"))
    assert not sources(filled).of("main").keeps(name)
    entry = journal_of(filled, "main")[-1]
    assert (entry.action, entry.project) == ("give up name", "acme-core")


def test_v2_a_reserved_name_is_not_given_up(filled: Registry) -> None:
    """Otherwise it would seem to be, and no source would supply it."""
    upload(filled, wheel("Acme.Core", "1.0"))
    filled.acting_as(OPERATOR).projects.delete("main", "acme-core")
    sources(filled).reserve("main", ["acme-*"])
    with pytest.raises(Conflict, match="reserved by 'acme-\\*', so no source supplies it"):
        sources(filled).give_up_name("main", "acme_core")
    assert sources(filled).of("main").kept == {"acme-core"}
    sources(filled).configure("main", reserved=[], given_up=["acme-core"])
    assert not sources(filled).of("main").keeps(normalize("acme-core"))


def test_v1_a_repository_without_sources_keeps_names_from_those_of_others(
    filled: Registry,
) -> None:
    upload(filled, wheel("demo", "1.0"), "team")
    upload(filled, wheel("demo", "9.0"), "tools")
    sources(filled).set_sources("main", ["repository:team", "repository:tools"])
    filled.acting_as(OPERATOR).projects.delete("team", "demo")
    for repository in ("main", "team"):
        with pytest.raises(NameWithheld):
            filled.repository(repository).source.project_page(OPERATOR, normalize("demo"))


def test_v1_a_name_is_kept_once_however_often_its_project_is_deleted(filled: Registry) -> None:
    filled.acting_as(OPERATOR).repositories.change("main", allow_reuse=True)
    for _ in range(2):
        upload(filled, wheel("demo", "1.0"))
        filled.acting_as(OPERATOR).projects.delete("main", "demo")
    sources(filled).give_up_name("main", "demo")
    assert sources(filled).of("main").kept == frozenset()


@pytest.mark.parametrize("name", ["demo", "a\0b", "", "x" * 5000])
def test_v1_a_name_that_is_not_kept_cannot_be_given_up(filled: Registry, name: str) -> None:
    before = revision(filled)
    with pytest.raises(Conflict, match="keeps no name"):
        sources(filled).give_up_name("main", name)
    assert revision(filled) == before


# Rules and exceptions


def test_c6_rules_are_kept_in_their_order(filled: Registry) -> None:
    mine = sources(filled)
    added = [
        mine.add_rule("main", "allow", "Requests<2.32", reason=" old, but tested "),
        mine.add_rule("main", "deny", "*", kind="sdist", yanked=True, status="archived"),
        mine.add_rule("main", "exempt", "acme-*", reason="ours", until=LATER),
    ]
    assert mine.of("main").rules == tuple(added)
    assert mine.of("team").rules == ()
    first, second, third = added
    assert (first.pattern, first.specifier, first.reason) == (
        "requests",
        "<2.32",
        "old, but tested",
    )
    assert (first.author, first.until, first.target) == (OPERATOR.name, None, "requests<2.32")
    assert (second.kind, second.yanked, second.status) == ("sdist", True, "archived")
    assert (third.action, third.until) == ("exempt", LATER)


def test_c6_each_change_of_the_rules_counts(filled: Registry) -> None:
    mine = sources(filled)
    assert raises_the_revision(filled, lambda: mine.add_rule("main", "deny", "demo"))
    (rule,) = mine.of("main").rules
    assert raises_the_revision(filled, lambda: mine.delete_rule("main", rule.id))
    assert mine.of("main").rules == ()


def test_c6_the_number_of_a_rule_is_never_used_again(filled: Registry) -> None:
    first = sources(filled).add_rule("main", "deny", "demo")
    sources(filled).delete_rule("main", first.id)
    assert sources(filled).add_rule("main", "deny", "demo").id > first.id


@pytest.mark.parametrize(
    "given",
    [
        {"target": ""},
        {"target": "a b"},
        {"target": "demo<"},
        {"action": "ignore"},
        {"kind": "egg"},
        {"status": "dead"},
        {"reason": "a\0b"},
        {"until": LAST_WEEK},
        {"until": LATER.replace(tzinfo=None)},
        {"action": "exempt", "until": LATER},
        {"action": "exempt", "until": LATER, "reason": " "},
        {"action": "exempt", "reason": "ours"},
    ],
)
def test_c3_c6_rules_that_are_not_valid(filled: Registry, given: dict[str, Any]) -> None:
    values = {"action": "deny", "target": "demo"} | given
    before = revision(filled)
    with pytest.raises(InvalidSetting):
        sources(filled).add_rule("main", values.pop("action"), values.pop("target"), **values)
    assert sources(filled).of("main").rules == ()
    assert revision(filled) == before


@pytest.mark.parametrize("rule_id", [-1, 0, 2**31, 2**63, 10**30])
def test_c6_a_rule_that_does_not_exist(filled: Registry, rule_id: int) -> None:
    theirs = sources(filled).add_rule("team", "deny", "demo")
    before = revision(filled)
    for number in (rule_id, theirs.id):
        with pytest.raises(UnknownRule):
            sources(filled).delete_rule("main", number)
    assert sources(filled).of("team").rules == (theirs,)
    assert revision(filled) == before


# The journal and access


def test_c3_all_changes_are_in_the_journal(filled: Registry) -> None:
    mine = sources(filled)
    before = len(journal_of(filled, "main"))
    mine.set_sources("main", ["repository:team", "upstream:public"])
    mine.reserve("main", ["acme-*", "zope"])
    mine.merge("main", ["torch"])
    rule = mine.add_rule("main", "deny", "demo<2", kind="sdist", reason="no")
    exception = mine.add_rule("main", "exempt", "demo", reason="urgent", until=LATER)
    mine.delete_rule("main", rule.id)
    mine.delete_rule("main", exception.id)
    of_rule = {"action": "deny", "target": "demo<2", "kind": "sdist", "reason": "no"}
    of_exception = {
        "action": "exempt",
        "target": "demo",
        "reason": "urgent",
        "until": LATER.isoformat(),
    }
    entries = journal_of(filled, "main")[before:]
    assert [(each.action, each.detail) for each in entries] == [
        ("set sources", {"sources": "repository:team upstream:public"}),
        ("reserve names", {"patterns": "acme-* zope"}),
        ("merge names", {"patterns": "torch"}),
        ("add rule", of_rule),
        ("add exception", of_exception),
        ("delete rule", of_rule),
        ("delete exception", of_exception),
    ]
    assert {each.actor for each in entries} == {OPERATOR.name}


def calls(mine: Sources, repository: str) -> list[Callable[[], object]]:
    return [
        lambda: mine.of(repository),
        lambda: mine.reports(repository),
        lambda: mine.set_sources(repository, ["upstream:torch"]),
        lambda: mine.reserve(repository, ["acme-*"]),
        lambda: mine.merge(repository, ["acme-*"]),
        lambda: mine.give_up_name(repository, "demo"),
        lambda: mine.add_rule(repository, "deny", "demo"),
        lambda: mine.delete_rule(repository, 1),
    ]


@pytest.mark.parametrize(
    ("actor", "error"),
    [
        (UPLOADER, PermissionDenied),
        (ANONYMOUS, AuthenticationRequired),
        (
            Actor("a", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA - {Area.REPOSITORIES}),
            PermissionDenied,
        ),
    ],
)
def test_only_who_manages_the_repository_manages_its_sources(
    filled: Registry, actor: Actor, error: type[RegistryError]
) -> None:
    filled.acting_as(OPERATOR).repositories.change("main", public=True)
    before = journal_of(filled)
    for call in (*calls(sources(filled, actor), "main"), *calls(sources(filled, actor), "none")):
        with pytest.raises(error):
            call()
    assert sources(filled).of("main") == RepositorySources()
    assert journal_of(filled) == before


class OfOneRepository(AccessPolicy):
    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        return repository.name == "team"


def test_who_manages_one_repository_adds_no_upstream() -> None:
    """Which may have credentials for an index of somebody else."""
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with closing(Registry(settings, policy=OfOneRepository())) as registry:
        operator = registry.acting_as(OPERATOR)
        operator.repositories.create("team")
        for name in ("public", "partner"):
            operator.upstreams.create(name, url=f"https://{name}.example.com/simple/")
        operator.sources.set_sources("team", ["upstream:public"])
        theirs = sources(registry, UPLOADER)
        for name in ("partner", "missing"):  # it tells no names either
            with pytest.raises(PermissionDenied):
                theirs.set_sources("team", ["upstream:public", f"upstream:{name}"])
        assert theirs.of("team").references == ("upstream:public",)
        theirs.set_sources("team", [])
        assert theirs.of("team").references == ()


@pytest.mark.parametrize("name", ["none", "Main", "a\0b"])
def test_a_repository_that_does_not_exist(filled: Registry, name: str) -> None:
    for call in calls(sources(filled), name):
        with pytest.raises(UnknownRepository):
            call()


def test_an_administrator_is_the_author(filled: Registry) -> None:
    actor = Actor("ann", kind=ActorKind.ADMINISTRATOR, areas=frozenset({Area.REPOSITORIES}))
    rule = sources(filled, actor).add_rule("main", "deny", "demo")
    assert rule.author == "ann"
    assert sources(filled).of("main").rules == (replace(rule, id=rule.id),)
    assert journal_of(filled, "main")[-1].actor == "ann"
