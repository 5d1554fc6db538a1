"""Whose stages those are that CI jobs open: those of their publishers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from pypi_repo import OPERATOR, Actor, Registry
from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.services.lifecycle.stages import Stages
from pypi_repo.storage.database.account_tables import publisher_tokens
from tests.support.ci_jobs import create_publisher, job_token, publisher
from tests.support.distributions import wheel
from tests.support.identity_provider import ScriptedProvider
from tests.support.uploads import filenames, stage

WHEEL, TOOLS = wheel("rocket", "1.0"), wheel("tools", "1.0")


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    yield scripted
    scripted.close()


def minted(registry: Registry, provider: ScriptedProvider, **changed: str) -> str:
    return registry.trusted_publishing.mint(job_token(provider, **changed), "192.0.2.1").secret


def job(registry: Registry, secret: str) -> Actor:
    return registry.trusted_publishing.actor_of(secret, "192.0.2.1")


def of(registry: Registry, actor: Actor) -> Stages:
    return registry.acting_as(actor).stages


def test_a_stage_stays_with_a_job_when_one_of_its_publishers_does_not_give_any_more(
    both: Registry, provider: ScriptedProvider
) -> None:
    create_publisher(both, provider.url)
    create_publisher(both, provider.url, "tools", projects=("tools",))
    secret = minted(both, provider)
    opened = of(both, job(both, secret)).open("main").id
    stage(both, opened, WHEEL, actor=job(both, secret))
    with both._database.begin() as connection:
        of_tools = publisher_tokens.c.publisher_id == publisher(both, "tools").id
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(publisher_tokens).where(of_tools).values(expires_at=past))
    assert job(both, secret).name == "rocket"
    assert [each.id for each in of(both, job(both, secret)).stages("main")] == [opened]
    of(both, job(both, secret)).publish("main", opened)
    assert filenames(both, "rocket") == [WHEEL.filename]


def test_a_stage_stays_with_a_job_that_gets_another_publisher(
    both: Registry, provider: ScriptedProvider
) -> None:
    create_publisher(both, provider.url)
    opened = of(both, job(both, minted(both, provider))).open("main").id
    create_publisher(both, provider.url, "another", projects=("tools",))
    later = job(both, minted(both, provider))
    assert later.name == "another, rocket"
    assert of(both, later).stage("main", opened)[0].id == opened


def test_a_stage_with_files_beyond_the_rights_of_a_job_is_not_its_own(
    both: Registry, provider: ScriptedProvider
) -> None:
    """Though they share a publisher: it may be for all jobs of a company."""
    create_publisher(both, provider.url, "company", claims={"repository_owner_id": "65"})
    tools = {"repository_owner_id": "65", "repository": "acme/tools"}
    create_publisher(both, provider.url, "tools", claims=tools, projects=("tools",))
    opener = job(both, minted(both, provider, repository="acme/tools"))
    opened = of(both, opener).open("main").id
    stage(both, opened, TOOLS, actor=opener)
    other = job(both, minted(both, provider))
    assert (opener.name, other.name) == ("company, tools", "company")
    assert of(both, other).stages("main") == []
    with pytest.raises(PermissionDenied):
        of(both, other).drop("main", opened)
    of(both, opener).drop("main", opened)


def test_a_new_publisher_does_not_get_the_stages_of_one_of_the_same_name(
    both: Registry, provider: ScriptedProvider
) -> None:
    create_publisher(both, provider.url)
    opener = job(both, minted(both, provider))
    opened = of(both, opener).open("main").id
    stage(both, opened, WHEEL, actor=opener)
    both.acting_as(OPERATOR).publishers.delete("rocket")
    create_publisher(both, provider.url)
    stranger = job(both, minted(both, provider))
    assert stranger.name == opener.name
    assert of(both, stranger).stages("main") == []
    with pytest.raises(PermissionDenied):
        of(both, stranger).publish("main", opened)
    assert of(both, Actor("rocket", grants=stranger.grants)).stages("main") == []
