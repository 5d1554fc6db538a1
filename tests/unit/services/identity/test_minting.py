"""CI jobs get tokens for signed tokens of their providers (T3 to T6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pypi_repo import Access, Actor, ActorKind, Registry
from pypi_repo.domain.identity.publisher import Publisher
from tests.support.ci_jobs import create_publisher, job_token
from tests.support.identity_provider import ScriptedProvider

HERE = "192.0.2.1"


@pytest.fixture
def rocket(both: Registry, provider: ScriptedProvider) -> Publisher:
    return create_publisher(both, provider.url)


def actor_of(registry: Registry, secret: str) -> Actor:
    return registry.trusted_publishing.actor_of(secret, HERE)


def mint(registry: Registry, token: str, address: str = HERE) -> str:
    return registry.trusted_publishing.mint(token, address).secret


def test_t3_a_job_gets_what_its_publisher_gives(
    both: Registry, rocket: Publisher, provider: ScriptedProvider
) -> None:
    before = datetime.now(UTC)
    minted = both.trusted_publishing.mint(job_token(provider), HERE)
    assert minted.secret.startswith("ppj_")
    assert len(minted.secret) == 47
    assert before <= minted.expires_at - timedelta(minutes=15) <= datetime.now(UTC)
    actor = actor_of(both, minted.secret)
    assert (actor.name, actor.kind) == ("rocket", ActorKind.PUBLISHER)
    assert actor.grants.on("main", "rocket") is Access.WRITE
    assert actor.grants.on("main", "other") is Access.NONE
    assert actor.workload is not None
    assert actor.workload.as_texts() == {
        "kind": "github",
        "issuer": provider.url,
        "subject": "repo:acme/rocket:environment:release",
        "repository": f"{provider.url}/acme/rocket",
        "workflow": f"{provider.url}/acme/rocket/.github/workflows/release.yml",
        "ref": "refs/tags/v1.0",
        "run_url": f"{provider.url}/acme/rocket/actions/runs/30433642/attempts/2",
        "owner_id": "65",
    }
