"""CI jobs get tokens for the signed tokens of their providers (T3 to T6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pypi_repo import OPERATOR, Access, Actor, ActorKind, Permission, Registry, Settings
from pypi_repo.domain.accounts.access import GrantPolicy
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.domain.identity.errors import TokenReused, UnknownJob
from pypi_repo.services.identity import last_job
from pypi_repo.storage.database.account_tables import publisher_tokens, used_once
from pypi_repo.storage.expired import delete_expired
from tests.support.ci_jobs import (
    CONDITIONS,
    create_publisher,
    job_claims,
    job_token,
)
from tests.support.identity_provider import ScriptedProvider
from tests.support.sql import count_statements

HERE = "192.0.2.1"


@pytest.fixture
def jobs(both: Registry, provider: ScriptedProvider) -> ScriptedProvider:
    """The provider of jobs that may upload `rocket` to `main`."""
    create_publisher(both, provider.url)
    return provider


def actor_of(registry: Registry, secret: str) -> Actor:
    return registry.trusted_publishing.actor_of(secret, HERE)


def mint(registry: Registry, token: str) -> str:
    return registry.trusted_publishing.mint(token, HERE).secret


def rows(registry: Registry) -> list[datetime]:
    """When each token ends."""
    found = registry._database.execute(select(publisher_tokens.c.expires_at))
    return sorted(found.scalars())


def change(registry: Registry, name: str = "rocket", **given: Any) -> None:
    registry.acting_as(OPERATOR).publishers.change(name, **given)


def test_t3_t4_a_job_gets_what_its_publisher_gives(both: Registry, jobs: ScriptedProvider) -> None:
    before = datetime.now(UTC)
    minted = both.trusted_publishing.mint(job_token(jobs), HERE)
    assert minted.secret.startswith("ppj_")
    assert len(minted.secret) == 47
    assert minted.secret not in repr(minted)
    assert before <= minted.expires_at - timedelta(minutes=15) <= datetime.now(UTC)
    actor = actor_of(both, minted.secret)
    assert (actor.name, actor.kind) == ("rocket", ActorKind.PUBLISHER)
    assert actor.grants.on("main", "rocket") is Access.WRITE
    assert actor.grants.on("main", "other") is Access.NONE
    assert actor.grants.on("elsewhere", "rocket") is Access.NONE
    assert actor.workload is not None
    assert actor.workload.as_texts() == {
        "kind": "github",
        "issuer": jobs.url,
        "subject": "repo:acme/rocket:environment:release",
        "repository": f"{jobs.url}/acme/rocket",
        "workflow": f"{jobs.url}/acme/rocket/.github/workflows/release.yml",
        "ref": "refs/tags/v1.0",
        "run_url": f"{jobs.url}/acme/rocket/actions/runs/30433642/attempts/2",
        "owner_id": "65",
    }


def test_t4_a_job_never_manages_nor_audits(both: Registry, jobs: ScriptedProvider) -> None:
    actor = actor_of(both, mint(both, job_token(jobs)))
    repository = both.acting_as(OPERATOR).repositories.get("main")
    allowed = {
        permission
        for permission in Permission
        if GrantPolicy().allows(actor, permission, repository, "rocket")
    }
    assert allowed == {Permission.READ, Permission.UPLOAD}


def test_t4_reading_alone(both: Registry, provider: ScriptedProvider) -> None:
    create_publisher(both, provider.url, may="read", projects=())
    for secret in (mint(both, job_token(provider)), job_token(provider)):
        grants = actor_of(both, secret).grants
        assert grants.on("main", "anything") is Access.READ
        assert grants.on("elsewhere", "anything") is Access.NONE


def test_t3_several_publishers_give_their_part_each_for_its_own_time(
    both: Registry, jobs: ScriptedProvider
) -> None:
    both.acting_as(OPERATOR).repositories.create("docs")
    for name, settings in {
        "engine": {"projects": ("engine-*",), "minutes": 60},
        "a-reader": {"repository": "docs", "projects": (), "may": "read", "minutes": 30},
        "strangers": {"claims": {**CONDITIONS, "environment": "test"}, "projects": ()},
    }.items():
        create_publisher(both, jobs.url, name, **settings)
    began = datetime.now(UTC)
    minted = both.trusted_publishing.mint(job_token(jobs), HERE)
    actor = actor_of(both, minted.secret)
    assert actor.name == "engine, rocket"  # who let it upload, and not who let it read
    assert actor.grants.on("main", "rocket") is Access.WRITE
    assert actor.grants.on("main", "engine-x") is Access.WRITE
    assert actor.grants.on("main", "other") is Access.NONE
    assert actor.grants.on("docs", "anything") is Access.READ
    times = [(end - began).total_seconds() / 60 for end in rows(both)]
    assert [round(minutes) for minutes in times] == [15, 30, 60]
    assert minted.expires_at == rows(both)[-1]
    pass_by(both, timedelta(minutes=20))
    later = actor_of(both, minted.secret)
    assert later.name == "engine"
    assert later.grants.on("docs", "anything") is Access.READ
    pass_by(both, timedelta(minutes=20))
    assert actor_of(both, minted.secret).grants.on("docs", "anything") is Access.NONE
    pass_by(both, timedelta(minutes=21))
    with pytest.raises(InvalidCredentials):
        actor_of(both, minted.secret)


def test_t6_a_new_publisher_also_gives_to_tokens_that_were_verified_before(
    both: Registry, jobs: ScriptedProvider
) -> None:
    """Or an administrator who adds what is missing sees the job refused for hours."""
    signed, other = job_token(jobs), job_token(jobs)
    assert actor_of(both, signed).name == "rocket"
    secret = mint(both, other)
    create_publisher(both, jobs.url, "engine", projects=("engine",))
    assert actor_of(both, signed).name == "engine, rocket"
    assert actor_of(both, secret).name == "rocket"  # goes on, as it cannot be verified anew
    create_publisher(both, jobs.url, "late", claims={**CONDITIONS, "environment": "test"})
    assert actor_of(both, signed).name == "engine, rocket"
    both.acting_as(OPERATOR).publishers.change("late", claims=CONDITIONS)
    assert actor_of(both, signed).name == "engine, late, rocket"


def pass_by(registry: Registry, time: timedelta) -> None:
    """As if all tokens had been given so much earlier."""
    with registry._database.begin() as connection:
        found = connection.execute(
            select(publisher_tokens.c.publisher_id, publisher_tokens.c.expires_at)
        ).all()
        for id_, expires_at in found:
            connection.execute(
                update(publisher_tokens)
                .where(publisher_tokens.c.publisher_id == id_)
                .values(expires_at=expires_at - time)
            )


def test_t5_one_signed_token_is_exchanged_once(both: Registry, jobs: ScriptedProvider) -> None:
    token = job_token(jobs, jti="once")
    mint(both, token)
    again = job_token(jobs, jti="once", exp=job_claims(jobs)["exp"] + 7)
    for each in (token, again):
        with pytest.raises(TokenReused):
            mint(both, each)
    assert len(rows(both)) == 1


def test_t5_a_token_without_a_name_is_exchanged_once(
    both: Registry, jobs: ScriptedProvider
) -> None:
    """Whoever signs by elliptic curves can have the same signed in many ways."""
    claims = job_claims(jobs, jti=None)
    mint(both, jobs.keys[0].sign(claims))
    with pytest.raises(TokenReused):
        mint(both, jobs.keys[0].sign(claims))
    mint(both, jobs.keys[0].sign(claims | {"iat": claims["iat"] - 1}))


def test_t5_a_name_is_used_up_only_by_who_gets_something(
    both: Registry, jobs: ScriptedProvider
) -> None:
    token = job_token(jobs, environment="test")
    with pytest.raises(UnknownJob):
        mint(both, token)
    change(both, claims={**CONDITIONS, "environment": "test"})
    mint(both, token)


def test_t5_used_names_are_kept_until_nobody_takes_the_token_any_more(
    both: Registry, jobs: ScriptedProvider
) -> None:
    """Even on a machine whose clock is a minute slow."""
    expires = job_claims(jobs)["exp"]
    mint(both, job_token(jobs, exp=expires))
    until = both._database.execute(select(used_once.c.expires_at)).scalar_one()
    assert until == datetime.fromtimestamp(expires + 120, UTC)
    for moment, left in ((until - timedelta(seconds=1), 1), (until, 0)):
        with both._database.begin() as connection:
            delete_expired(connection, moment)
        assert len(both._database.execute(select(used_once)).all()) == left


@pytest.mark.parametrize("expires", [2**33, 2**62, 253_402_300_800, 2e300])
def test_t5_a_token_for_ever_is_exchanged_once(
    expires: float, both: Registry, jobs: ScriptedProvider
) -> None:
    token = job_token(jobs, exp=expires)
    mint(both, token)
    with pytest.raises(TokenReused):
        mint(both, token)
    assert actor_of(both, token).name == "rocket"


def test_t6_a_signed_token_is_verified_once_and_then_one_statement(
    both: Registry, jobs: ScriptedProvider, database_url: str
) -> None:
    token = job_token(jobs)
    first = actor_of(both, token)
    assert (first.name, first.kind) == ("rocket", ActorKind.PUBLISHER)
    asked = list(jobs.asked)
    with Registry(Settings(database=database_url, blobs="memory://")) as other_process:
        for registry in (both, other_process, both):
            actor_of(registry, token)
            with count_statements(registry._database) as statements:
                assert actor_of(registry, token) == first
            assert len(statements) == 1
    assert jobs.asked == asked


def test_t6_it_can_be_exchanged_as_well(both: Registry, jobs: ScriptedProvider) -> None:
    token = job_token(jobs)
    actor_of(both, token)
    assert actor_of(both, mint(both, token)) == actor_of(both, token)


@pytest.mark.parametrize("hours", [1, 7])
def test_t6_it_is_remembered_until_it_expires_and_for_six_hours_at_most(
    hours: int, both: Registry, jobs: ScriptedProvider
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    actor_of(both, job_token(jobs, exp=int((now + timedelta(hours=hours)).timestamp())))
    (until,) = rows(both)
    if hours == 1:  # and the minute by which clocks may differ
        assert until == now + timedelta(hours=1, minutes=1)
    else:
        assert timedelta(0) <= until - now - timedelta(hours=6) < timedelta(minutes=1)


def test_t6_afterwards_it_is_verified_again(both: Registry, jobs: ScriptedProvider) -> None:
    token = job_token(jobs)
    actor_of(both, token)
    pass_by(both, timedelta(hours=7))
    (gone,) = rows(both)
    assert actor_of(both, token).name == "rocket"
    (until,) = rows(both)
    assert until > datetime.now(UTC) > gone
    pass_by(both, timedelta(hours=7))
    change(both, projects=("engine",))
    assert actor_of(both, token).grants.on("main", "rocket") is Access.NONE


@pytest.mark.parametrize("kind", ["minted", "signed"])
def test_a_publisher_that_is_deleted_takes_its_part_with_it(
    kind: str, both: Registry, jobs: ScriptedProvider
) -> None:
    create_publisher(both, jobs.url, "engine", projects=("engine",))
    token = job_token(jobs)
    secret = mint(both, token) if kind == "minted" else token
    assert actor_of(both, secret).name == "engine, rocket"
    both.acting_as(OPERATOR).publishers.delete("rocket")
    actor = actor_of(both, secret)
    assert (actor.name, actor.grants.on("main", "rocket")) == ("engine", Access.NONE)
    both.acting_as(OPERATOR).publishers.delete("engine")
    with pytest.raises(InvalidCredentials):
        actor_of(both, secret)


def test_a_publisher_that_is_changed_ends_what_was_minted(
    both: Registry, jobs: ScriptedProvider
) -> None:
    secret = mint(both, job_token(jobs))
    change(both, projects=("rocket", "engine"))
    with pytest.raises(InvalidCredentials):
        actor_of(both, secret)


def test_a_publisher_that_is_changed_gives_signed_tokens_what_it_gives_now(
    both: Registry, jobs: ScriptedProvider
) -> None:
    """Also where another publisher gives something to the same job."""
    create_publisher(both, jobs.url, "engine", projects=("engine",))
    token = job_token(jobs)
    actor_of(both, token)
    change(both, projects=("booster",))
    grants = actor_of(both, token).grants
    assert [grants.on("main", each) for each in ("rocket", "booster", "engine")] == [
        Access.NONE,
        Access.WRITE,
        Access.WRITE,
    ]
    change(both, claims={**CONDITIONS, "environment": "test"})
    assert actor_of(both, token).name == "engine"


def test_a_repository_that_is_deleted_takes_its_publishers_with_it(
    both: Registry, jobs: ScriptedProvider
) -> None:
    token = job_token(jobs)
    secrets = [mint(both, token), token]
    actor_of(both, token)
    both.acting_as(OPERATOR).repositories.delete("main")
    for secret in secrets:
        with pytest.raises(InvalidCredentials):
            actor_of(both, secret)


def test_tokens_that_have_expired_go(both: Registry, jobs: ScriptedProvider) -> None:
    mint(both, job_token(jobs))
    (until,) = rows(both)
    for moment, left in ((until - timedelta(seconds=1), 1), (until, 0)):
        with both._database.begin() as connection:
            delete_expired(connection, moment)
        assert len(rows(both)) == left


def test_what_was_minted_is_known_to_all_processes(
    both: Registry, jobs: ScriptedProvider, database_url: str
) -> None:
    token = job_token(jobs)
    secret = mint(both, token)
    with Registry(Settings(database=database_url, blobs="memory://")) as other_process:
        assert actor_of(other_process, secret) == actor_of(both, secret)
        with pytest.raises(TokenReused):
            mint(other_process, token)


@pytest.fixture
def asking_for(both: Registry, provider: ScriptedProvider, database_url: str) -> Iterator[Registry]:
    create_publisher(both, provider.url)
    settings = Settings(
        database=database_url, blobs="memory://", oidc_audience="https://packages.example.com"
    )
    with Registry(settings) as registry:
        yield registry


def test_t5_another_audience(asking_for: Registry, provider: ScriptedProvider) -> None:
    mint(asking_for, job_token(provider, aud="https://packages.example.com"))
    for wrong in ("pypi-repo", "https://packages.example.com/", "https://PACKAGES.example.com"):
        with pytest.raises(InvalidCredentials):
            mint(asking_for, job_token(provider, aud=wrong))


@pytest.mark.parametrize("audience", ["", "x" * 256, "a\nb"])
def test_what_is_no_audience(audience: str) -> None:
    with pytest.raises(ConfigurationError):
        Registry(Settings(database="sqlite://", blobs="memory://", oidc_audience=audience))


def test_statements_of_an_exchange(
    both: Registry, jobs: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many other publishers the issuer has."""
    # What came last is noted seldom, and this machine may be slow.
    monkeypatch.setattr(last_job, "_PAUSE", timedelta(hours=1))
    counts = []
    for number in range(3):
        mint(both, job_token(jobs))
        with count_statements(both._database) as statements:
            mint(both, job_token(jobs))
        counts.append(len(statements))
        assert [each for each in statements if "received" in each.partition("WHERE")[0]] == [
            statements[3]  # of the one publisher that matches
        ]
        for other in range(10):
            create_publisher(
                both, jobs.url, f"other-{number}-{other}", claims={"repository_owner_id": "1"}
            )
    # The publishers, what is known of the issuer (twice), a lock, the use, and the token.
    assert counts == [6, 6, 6]
