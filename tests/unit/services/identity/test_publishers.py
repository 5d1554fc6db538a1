"""The management of publishers: who may what, what happens at once, and what ends (T3, T8)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo import (
    EVERY_AREA,
    OPERATOR,
    Access,
    Actor,
    ActorKind,
    Area,
    GrantPolicy,
    Grants,
    Permission,
    Registry,
    Repository,
    Settings,
)
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import (
    InvalidName,
    InvalidSetting,
    NameTaken,
    PermissionDenied,
    RegistryError,
    UnknownRepository,
)
from pypi_repo.domain.identity.errors import IdentityProviderFailed, UnknownPublisher
from pypi_repo.services.identity.publishers import Publishers
from pypi_repo.storage.database.account_tables import issuers
from pypi_repo.storage.identity.publishers import PublisherRows
from tests.conftest import populate
from tests.support.ci_jobs import create_publisher, job_token
from tests.support.identity_provider import ScriptedProvider
from tests.support.sql import count_statements
from tests.support.together import one_after_the_other

ISSUER = "https://ci.example.com"
GIVEN: dict[str, Any] = {"issuer": ISSUER, "claims": {"sub": "x"}, "repository": "main"}
HERE = "192.0.2.1"


def administrator(*areas: Area) -> Actor:
    return Actor("ada@example.com", kind=ActorKind.ADMINISTRATOR, areas=frozenset(areas))


def publishers(registry: Registry, actor: Actor = OPERATOR) -> Publishers:
    return registry.acting_as(actor).publishers


def is_let_in(registry: Registry, token: str) -> bool:
    try:
        registry.trusted_publishing.actor_of(token, HERE)
    except InvalidCredentials:
        return False
    return True


def test_t3_a_publisher_from_creation_to_deletion(both: Registry) -> None:
    made = publishers(both).create("tool", **GIVEN, projects=("Acme_*",), may="read", minutes=30)
    assert publishers(both).get("tool") == made
    assert publishers(both).all() == [made]
    assert (made.projects, made.created_by, made.last_used_at) == (("acme-*",), "operator", None)
    both.acting_as(OPERATOR).repositories.create("other")
    changed = publishers(both).change("tool", repository="other", may="upload")
    assert publishers(both).get("tool") == changed
    assert (changed.id, changed.repository, changed.may) == (made.id, "other", "upload")
    assert (changed.projects, changed.minutes) == (("acme-*",), 30)
    publishers(both).delete("tool")
    assert publishers(both).all() == []
    entries = both.acting_as(OPERATOR).activity.entries()
    told = [(each.action, each.repository, each.detail) for each in reversed(entries)]
    assert [each for each in told if "publisher" in each[0]] == [
        (
            "create publisher",
            "main",
            {
                "publisher": "tool",
                "kind": "oidc",
                "issuer": ISSUER,
                "claims": "sub=x",
                "projects": "acme-*",
                "may": "read",
                "minutes": "30",
                "allow_http": "False",
                "allow_private_network": "False",
                "ca_file": "None",
            },
        ),
        ("change publisher", "other", {"publisher": "tool", "may": "upload"}),
        ("delete publisher", "other", {"publisher": "tool"}),
    ]


def test_t3_the_order_of_conditions_is_kept(both: Registry) -> None:
    """Whoever reads which of them has failed has written them in this order."""
    claims = {"sub": "x", "ref": "*", "actor": "a", "environment": "b"}
    made = publishers(both).create("tool", **{**GIVEN, "claims": claims})
    assert list(publishers(both).get("tool").claims) == list(claims) == list(made.claims)


def test_nothing_changes_by_what_is_so_already(both: Registry) -> None:
    made = publishers(both).create("tool", **GIVEN, projects=("demo",))
    number = len(both.acting_as(OPERATOR).activity.entries())
    assert publishers(both).change("tool", **GIVEN, projects=("Demo", "demo")) == made
    assert publishers(both).change("tool") == made
    assert len(both.acting_as(OPERATOR).activity.entries()) == number


def test_another_kind_has_its_usual_issuer(both: Registry) -> None:
    publishers(both).create("tool", **GIVEN)
    changed = publishers(both).change("tool", kind="gitlab", claims={"project_id": "1"})
    assert changed.issuer == "https://gitlab.com"
    own = publishers(both).change("tool", issuer="https://git.example.com")
    assert publishers(both).change("tool", kind="gitlab").issuer == own.issuer
    with pytest.raises(InvalidSetting, match="needs the URL of its issuer"):
        publishers(both).change("tool", kind="oidc")


@pytest.mark.parametrize(
    ("name", "changed", "error"),
    [
        ("Tool", {}, InvalidName),
        ("a/b", {}, InvalidName),
        ("tool", {"repository": "nowhere"}, UnknownRepository),
        ("tool", {"repository": ""}, UnknownRepository),
        ("tool", {"repository": "a\0"}, UnknownRepository),
        ("tool", {"claims": {}}, InvalidSetting),
        ("tool", {"issuer": ""}, InvalidSetting),
    ],
)
def test_what_cannot_be_created(
    name: str, changed: dict[str, Any], error: type[RegistryError], both: Registry
) -> None:
    with pytest.raises(error):
        publishers(both).create(name, **{**GIVEN, **changed})
    assert publishers(both).all() == []


# Who may what


CALLS: list[Callable[[Publishers], object]] = [
    lambda service: service.create("other", **GIVEN),
    lambda service: service.all(),
    lambda service: service.get("tool"),
    lambda service: service.change("tool", may="read"),
    lambda service: service.delete("tool"),
    lambda service: service.check("tool"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "actor",
    [
        Actor("user@example.com", grants=Grants(everywhere=Access.WRITE)),
        Actor("ci", kind=ActorKind.PUBLISHER, grants=Grants(everywhere=Access.WRITE)),
        administrator(Area.REPOSITORIES, Area.SETTINGS),
    ],
)
def test_who_does_not_manage_users_manages_no_publishers(
    actor: Actor, call: Callable[[Publishers], object], registry: Registry
) -> None:
    made = publishers(registry).create("tool", **GIVEN)
    with pytest.raises(PermissionDenied):
        call(publishers(registry, actor))
    assert publishers(registry).all() == [made]


def test_who_manages_users_manages_publishers(registry: Registry) -> None:
    service = publishers(registry, administrator(Area.USERS))
    service.create("tool", **GIVEN)
    assert service.change("tool", may="read").created_by == "ada@example.com"
    service.delete("tool")


class _HidesSecret(GrantPolicy):
    """The rules of a host: administrators see nothing of the repository `secret`."""

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        return repository.name != "secret"


def test_publishers_of_hidden_repositories_are_unknown() -> None:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings, policy=_HidesSecret()) as registry:
        populate(registry)
        registry.acting_as(OPERATOR).repositories.create("secret")
        hidden = publishers(registry).create("hidden", **{**GIVEN, "repository": "secret"})
        service = publishers(registry, administrator(*EVERY_AREA))
        service.create("tool", **GIVEN)
        assert [each.name for each in service.all()] == ["tool"]
        for call in (
            lambda: service.get("hidden"),
            lambda: service.change("hidden", repository="main"),
            lambda: service.delete("hidden"),
            lambda: service.check("hidden"),
        ):
            with pytest.raises(UnknownPublisher):
                call()
        refused = []
        for repository in ("secret", "nowhere"):
            with pytest.raises(RegistryError) as caught:
                service.create("other", **{**GIVEN, "repository": repository})
            refused.append(caught.type)
            with pytest.raises(caught.type):
                service.change("tool", repository=repository)
        assert refused == [PermissionDenied, UnknownRepository]
        assert publishers(registry).get("hidden") == hidden
        told = registry.acting_as(administrator(*EVERY_AREA)).activity.entries()
        assert [each.detail for each in told if each.repository == "secret"] == []


@pytest.mark.parametrize(
    "given", [{"allow_private_network": True}, {"ca_file": "/etc/passwd"}], ids=str
)
def test_what_only_the_operator_sets(given: dict[str, Any], registry: Registry) -> None:
    service = publishers(registry, administrator(*EVERY_AREA))
    with pytest.raises(PermissionDenied, match="Only the operator"):
        service.create("tool", **GIVEN, **given)
    service.create("tool", **GIVEN)
    with pytest.raises(PermissionDenied, match="Only the operator"):
        service.change("tool", **given)
    publishers(registry).change("tool", **given)
    service.change("tool", may="read", **given)
    with pytest.raises(PermissionDenied, match="Only the operator"):
        service.change("tool", allow_private_network=False, ca_file=None)


def test_only_the_operator_moves_an_issuer_in_a_private_network(registry: Registry) -> None:
    """Or a page could have anything there asked."""
    publishers(registry).create("tool", **GIVEN, allow_private_network=True)
    service = publishers(registry, administrator(*EVERY_AREA))
    for moved in (
        {"issuer": "https://10.0.0.1"},
        {"kind": "gitlab", "claims": {"project_id": "1"}},
    ):
        with pytest.raises(PermissionDenied, match="Only the operator"):
            service.change("tool", **moved)
    service.change("tool", claims={"sub": "y"})


# How an issuer is reached


def _reach(registry: Registry, name: str) -> tuple[bool, bool, str | None]:
    found = publishers(registry).get(name)
    return found.allow_http, found.allow_private_network, found.ca_file


def test_a_new_publisher_reaches_its_issuer_as_the_others_do(both: Registry) -> None:
    """Or it would change how the tokens of their jobs are verified."""
    reach: dict[str, Any] = {"allow_private_network": True, "ca_file": "/ca.pem"}
    publishers(both).create("tool", **GIVEN, **reach)
    service = publishers(both, administrator(*EVERY_AREA))
    service.create("other", **GIVEN)
    service.create("same", **GIVEN, **reach)
    assert {_reach(both, name) for name in ("other", "same")} == {(False, True, "/ca.pem")}
    wrong: list[dict[str, Any]] = [{"ca_file": "/b.pem"}, {"ca_file": None}, {"allow_http": True}]
    for given in wrong:
        with pytest.raises(InvalidSetting, match="'other' says otherwise"):
            publishers(both).create("third", **GIVEN, **given)
    assert len(publishers(both).all()) == 3


def test_how_an_issuer_is_reached_changes_for_all(both: Registry) -> None:
    for name in ("one", "two"):
        publishers(both).create(name, **GIVEN)
    publishers(both).create("elsewhere", **{**GIVEN, "issuer": "https://b.example.com"})
    publishers(both).change("one", ca_file="/ca.pem", may="read")
    assert _reach(both, "two") == _reach(both, "one") == (False, False, "/ca.pem")
    assert publishers(both).get("two").may == "upload"
    assert _reach(both, "elsewhere") == (False, False, None)
    told = [each.detail for each in both.acting_as(OPERATOR).activity.entries()[:2]]
    assert told == [
        {"publisher": "two", "ca_file": "/ca.pem"},
        {"publisher": "one", "may": "read", "ca_file": "/ca.pem"},
    ]


def test_whoever_comes_to_an_issuer_reaches_it_as_the_others_do(both: Registry) -> None:
    publishers(both).create("inside", **GIVEN, allow_private_network=True)
    publishers(both).create("tool", **{**GIVEN, "issuer": "https://b.example.com"})
    with pytest.raises(InvalidSetting, match="'inside' says otherwise"):
        publishers(both).change("tool", issuer=ISSUER, ca_file="/ca.pem")
    publishers(both, administrator(*EVERY_AREA)).change("tool", issuer=ISSUER)
    assert _reach(both, "tool") == (False, True, None)


def test_a_hidden_publisher_is_not_named() -> None:
    settings = Settings(database="sqlite://", blobs="memory://", password_cost=4)
    with Registry(settings, policy=_HidesSecret()) as registry:
        populate(registry)
        registry.acting_as(OPERATOR).repositories.create("secret")
        publishers(registry).create("hidden", **{**GIVEN, "repository": "secret"})
        service = publishers(registry, administrator(*EVERY_AREA))
        with pytest.raises(InvalidSetting, match="Another publisher says otherwise"):
            service.create("tool", **GIVEN, allow_http=True)


# What ends


def test_t4_what_is_changed_or_deleted_gives_nothing_more(
    both: Registry, provider: ScriptedProvider
) -> None:
    create_publisher(both, provider.url)
    signed = job_token(provider)
    minted = both.trusted_publishing.mint(signed, HERE).secret
    assert is_let_in(both, minted)
    assert is_let_in(both, signed)
    publishers(both).change("rocket", minutes=30)
    assert not is_let_in(both, minted)
    assert is_let_in(both, signed), "it is verified anew"
    publishers(both).delete("rocket")
    assert not is_let_in(both, signed)


def test_publishers_end_with_their_repository(both: Registry, provider: ScriptedProvider) -> None:
    create_publisher(both, provider.url)
    minted = both.trusted_publishing.mint(job_token(provider), HERE).secret
    both.acting_as(OPERATOR).repositories.delete("main")
    assert publishers(both).all() == []
    assert not is_let_in(both, minted)


def _kept(registry: Registry) -> list[str]:
    return [row.issuer for row in registry._database.execute(issuers.select())]


def test_what_an_issuer_said_is_forgotten_when_it_is_reached_in_another_way(
    both: Registry, provider: ScriptedProvider
) -> None:
    create_publisher(both, provider.url)
    publishers(both).check("rocket")
    publishers(both).change("rocket", minutes=30)
    assert _kept(both) == [provider.url]
    publishers(both).change("rocket", allow_private_network=False)
    assert _kept(both) == []


def test_what_an_issuer_said_is_forgotten_with_its_last_publisher(
    both: Registry, provider: ScriptedProvider
) -> None:
    for name in ("one", "two"):
        create_publisher(both, provider.url, name)
    publishers(both).check("one")
    publishers(both).delete("one")
    assert _kept(both) == [provider.url]
    publishers(both).delete("two")
    assert _kept(both) == []


# T8


def test_t8_the_last_job_is_compared_with_the_conditions_of_now(both: Registry) -> None:
    publishers(both).create("tool", **{**GIVEN, "claims": {"sub": "x", "ref": "refs/tags/*"}})
    with both._database.begin() as connection:
        stored, found = PublisherRows(connection), publishers(both).get("tool")
        claims = {"sub": "x", "ref": "refs/heads/main"}
        now = datetime.now(UTC)
        stored.note_received(found, json.dumps(claims), now, found.why_not(claims))
    assert "refs/heads/main" in (publishers(both).get("tool").refusal or "")
    fixed = publishers(both).change("tool", claims={"sub": "x", "ref": "refs/heads/*"})
    assert (fixed.refusal, fixed.last_used_at) == (None, None)
    assert publishers(both).get("tool") == fixed
    worse = publishers(both).change("tool", claims={"sub": "y"})
    assert worse.refusal == "The claim sub must be 'y', and is 'x'."
    assert publishers(both).get("tool") == worse


def test_t8_an_issuer_is_asked_who_it_is(both: Registry, provider: ScriptedProvider) -> None:
    create_publisher(both, provider.url)
    found = publishers(both).check("rocket")
    assert (found.issuer, found.jwks_uri, found.keys) == (provider.url, f"{provider.url}/jwks", 1)
    other = f"{provider.url}/"
    publishers(both).change("rocket", kind="oidc", issuer=other, allow_private_network=True)
    with pytest.raises(IdentityProviderFailed) as caught:
        publishers(both).check("rocket")
    assert provider.url in caught.value.detail, "it says how the issuer calls itself"
    with pytest.raises(UnknownPublisher):
        publishers(both).check("nobody")


# At once


on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@on_postgresql
def test_two_that_are_created_at_once(both: Registry) -> None:
    service = publishers(both)
    later = one_after_the_other(
        both._database,
        lambda: service.create("tool", **GIVEN),
        lambda: service.create("tool", **GIVEN, may="read"),
    )
    with pytest.raises(NameTaken):
        later.result()
    assert service.get("tool").may == "upload"


@on_postgresql
def test_a_repository_that_is_deleted_meanwhile(both: Registry) -> None:
    service, repositories = publishers(both), both.acting_as(OPERATOR).repositories
    later = one_after_the_other(
        both._database,
        lambda: repositories.delete("main"),
        lambda: service.create("tool", **GIVEN),
    )
    with pytest.raises(UnknownRepository):
        later.result()
    assert service.all() == []


@on_postgresql
@pytest.mark.parametrize(
    "call", [lambda it: it.change("tool", may="read"), lambda it: it.delete("tool")]
)
def test_a_publisher_whose_repository_is_deleted_meanwhile(
    call: Callable[[Publishers], object], both: Registry
) -> None:
    service = publishers(both)
    service.create("tool", **GIVEN)
    repositories = both.acting_as(OPERATOR).repositories
    later = one_after_the_other(
        both._database, lambda: repositories.delete("main"), lambda: call(service)
    )
    with pytest.raises(UnknownPublisher):
        later.result()


@on_postgresql
@pytest.mark.parametrize(
    "call", [lambda it: it.change("tool", may="read"), lambda it: it.delete("tool")]
)
def test_a_repository_that_is_deleted_while_its_publisher_is_changed(
    call: Callable[[Publishers], object], both: Registry
) -> None:
    service = publishers(both)
    service.create("tool", **GIVEN)
    repositories = both.acting_as(OPERATOR).repositories
    one_after_the_other(
        both._database, lambda: call(service), lambda: repositories.delete("main")
    ).result()
    assert service.all() == []


@on_postgresql
def test_two_changes_at_once(both: Registry) -> None:
    service = publishers(both)
    service.create("tool", **GIVEN)
    later = one_after_the_other(
        both._database,
        lambda: service.change("tool", may="read"),
        lambda: service.change("tool", minutes=30),
    )
    assert (later.result().may, later.result().minutes) == ("read", 30)
    assert service.get("tool") == later.result()


@on_postgresql
def test_a_change_of_what_is_deleted_meanwhile(both: Registry) -> None:
    service = publishers(both)
    service.create("tool", **GIVEN)
    later = one_after_the_other(
        both._database,
        lambda: service.delete("tool"),
        lambda: service.change("tool", minutes=30),
    )
    with pytest.raises(UnknownPublisher):
        later.result()


@on_postgresql
def test_t4_a_job_that_comes_while_its_publisher_is_changed(
    both: Registry, provider: ScriptedProvider
) -> None:
    """It gets nothing by the conditions of before."""
    create_publisher(both, provider.url)
    service, token = publishers(both), job_token(provider)
    service.check("rocket")  # so that it is not asked later
    later = one_after_the_other(
        both._database,
        lambda: service.change("rocket", claims={"repository_owner_id": "1"}),
        lambda: both.trusted_publishing.mint(token, HERE),
    )
    with pytest.raises(InvalidCredentials):
        later.result()


def test_lists_ask_the_database_as_often_for_many(both: Registry) -> None:
    def asked() -> int:
        with count_statements(both._database) as statements:
            publishers(both, administrator(Area.USERS)).all()
        return len(statements)

    publishers(both).create("a", **GIVEN)
    few = asked()
    for name in "bcdefgh":
        publishers(both).create(name, **GIVEN)
    assert asked() == few
