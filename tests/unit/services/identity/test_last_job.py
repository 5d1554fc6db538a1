"""What administrators see of jobs that were refused (T8)."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from pypi_repo import Registry
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.identity.errors import InvalidToken, UnknownJob
from pypi_repo.domain.identity.publisher import Publisher
from pypi_repo.storage.database.account_tables import publishers
from tests.support.ci_jobs import CONDITIONS, create_publisher, job_claims, publisher
from tests.support.identity_provider import ScriptedProvider, signing_key

HERE = "192.0.2.1"
OTHER_OWNER = {"repository_owner_id": "9", "repository": "other/thing"}


@pytest.fixture
def jobs(both: Registry, provider: ScriptedProvider) -> ScriptedProvider:
    create_publisher(both, provider.url)
    return provider


def send(registry: Registry, provider: ScriptedProvider, **changed: Any) -> dict[str, Any]:
    """Returns the claims of a job that was refused, or not."""
    claims = job_claims(provider, **changed)
    with suppress(UnknownJob):
        registry.trusted_publishing.mint(provider.keys[0].sign(claims), HERE)
    return claims


def later(registry: Registry, passed: timedelta = timedelta(seconds=1)) -> None:
    """As if all that was noted had come earlier, by a second or more."""
    with registry._database.begin() as connection:
        for id_, at in connection.execute(
            publishers.select().with_only_columns(publishers.c.id, publishers.c.received_at)
        ).all():
            if at is not None:
                earlier = publishers.update().where(publishers.c.id == id_)
                connection.execute(earlier.values(received_at=at - passed))


def received(found: Publisher) -> Any:
    return None if found.received is None else json.loads(found.received)


def test_t8_the_condition_that_failed(both: Registry, jobs: ScriptedProvider) -> None:
    claims = send(both, jobs, environment="test")
    found = publisher(both)
    assert found.refusal == "The claim environment must be 'release', and is 'test'."
    assert received(found) == claims
    assert found.received_at is not None
    assert found.last_used_at is None
    later(both)
    send(both, jobs, environment=None)
    assert publisher(both).refusal == "The claim environment must be 'release', and is not there."


def test_t8_a_job_that_got_in(both: Registry, jobs: ScriptedProvider) -> None:
    send(both, jobs, environment="test")
    claims = send(both, jobs)  # within the same second
    found = publisher(both)
    assert (found.refusal, received(found)) == (None, claims)
    assert found.last_used_at is not None


def test_t8_a_job_that_uses_its_signed_token(both: Registry, jobs: ScriptedProvider) -> None:
    for environment in ("test", "release"):
        token = jobs.keys[0].sign(job_claims(jobs, environment=environment))
        if environment == "release":
            both.trusted_publishing.actor_of(token, HERE)
            assert publisher(both).refusal is None
        else:
            with pytest.raises(InvalidCredentials):
                both.trusted_publishing.actor_of(token, HERE)
            assert "environment" in (publisher(both).refusal or "")


def test_t8_one_job_a_second(both: Registry, jobs: ScriptedProvider) -> None:
    first = send(both, jobs, environment="first")
    send(both, jobs, environment="second")
    assert received(publisher(both)) == first
    later(both)
    third = send(both, jobs, environment="third")
    assert received(publisher(both)) == third


def test_t8_the_job_that_came_nearest_stays(both: Registry, jobs: ScriptedProvider) -> None:
    """A stranger at the same provider, who may come at any time, does not hide what is wrong."""
    send(both, jobs, **OTHER_OWNER, environment="x", job_workflow_ref="x")
    nearer = send(both, jobs, environment="test")  # within the same second
    assert received(publisher(both)) == nearer
    later(both)
    send(both, jobs, **OTHER_OWNER, environment="x", job_workflow_ref="x")
    assert received(publisher(both)) == nearer
    later(both, timedelta(hours=1))
    stranger = send(both, jobs, **OTHER_OWNER, environment="x", job_workflow_ref="x")
    assert received(publisher(both)) == stranger


def test_t8_only_publishers_that_may_have_been_meant(
    both: Registry, jobs: ScriptedProvider
) -> None:
    """And those that nobody has used: their only condition may be misspelled."""
    send(both, jobs)
    later(both)
    create_publisher(both, jobs.url, "unused", claims={"repository_owner_id": "0"})
    create_publisher(both, f"{jobs.url}/other", "elsewhere")
    claims = send(both, jobs, **OTHER_OWNER, environment="test", job_workflow_ref="other")
    assert received(publisher(both)) != claims
    assert received(publisher(both, "unused")) == claims
    assert received(publisher(both, "elsewhere")) is None


def test_t8_a_mistake_of_a_colleague_is_noted_where_it_belongs(
    both: Registry, jobs: ScriptedProvider
) -> None:
    """Publishers of one company have the same owner."""
    taken = {**CONDITIONS, "repository": "acme/take"}
    create_publisher(both, jobs.url, "take", claims=taken)
    for repository in ("acme/rocket", "acme/take"):
        send(both, jobs, repository=repository)
    later(both)
    claims = send(both, jobs, repository="acme/take", environment="test")
    assert received(publisher(both, "take")) == claims
    assert publisher(both).last_got_in


def test_t8_twenty_publishers_at_most_those_with_the_most_that_matches(
    both: Registry, provider: ScriptedProvider
) -> None:
    for number in range(25):
        claims = {"repository_owner_id": "65", "environment": "none"}
        if number >= 5:
            claims["repository"] = "acme/rocket"
        create_publisher(both, provider.url, f"p-{number:02}", claims=claims)
    send(both, provider)
    noted = [n for n in range(25) if received(publisher(both, f"p-{n:02}")) is not None]
    assert noted == list(range(5, 25))


def test_t8_a_long_claim_is_kept_as_far_as_it_matters(
    both: Registry, provider: ScriptedProvider
) -> None:
    """Or the page would say of a job that got in that the claim was not there."""
    conditions = {"repository_owner_id": "65", "groups": "release-*"}
    create_publisher(both, provider.url, claims=conditions)
    groups = [f"group-{number:05}" for number in range(2_000)]
    send(both, provider, groups=[*groups, "release-1", "release-2"])
    found = publisher(both)
    assert received(found)["groups"] == ["release-1", "\u2026"]
    assert found.last_got_in
    assert found.unmet(received(found)) == ()
    later(both)
    send(both, provider, groups=groups)
    found = publisher(both)
    assert received(found)["groups"] == [*groups[:10], "\u2026"]
    assert found.unmet(received(found)) == ("groups",)
    later(both)
    send(both, provider, groups="release-" + "x" * 9_000)
    assert received(publisher(both))["groups"] == "release-" + "x" * 192 + "\u2026"


def test_t8_claims_of_any_size(both: Registry, jobs: ScriptedProvider) -> None:
    huge = {f"claim-{number}": "\u00e9" * 200 for number in range(30)}
    send(both, jobs, environment="test", one="x" * 9_000, **huge)
    found = publisher(both)
    assert 5_000 < len(found.received or "") <= 8 * 1024
    assert received(found).keys() > CONDITIONS.keys()
    assert "one" not in received(found)


def test_t8_claims_with_anything_in_them(both: Registry, jobs: ScriptedProvider) -> None:
    claims = send(both, jobs, environment="a\0b\u202e", deep=[[{"a": None}]], **{"": 1.5})
    assert received(publisher(both)) == claims
    assert "'a\\x00b\\u202e'" in (publisher(both).refusal or "")


def test_t8_nothing_is_noted_of_what_nobody_has_signed(
    both: Registry, jobs: ScriptedProvider
) -> None:
    stranger = signing_key("first", number=1)
    with pytest.raises(InvalidToken):
        both.trusted_publishing.mint(stranger.sign(job_claims(jobs)), HERE)
    assert publisher(both).received_at is None


def test_the_log_says_what_nobody_else_learns(
    both: Registry, jobs: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    token = jobs.keys[0].sign(job_claims(jobs, aud="other"))
    with pytest.raises(InvalidToken) as refused:
        both.trusted_publishing.mint(token, HERE)
    assert "udience" not in refused.value.message
    assert "InvalidAudienceError" in caplog.text
    assert token not in caplog.text


def test_t8_the_log_names_a_job_that_is_nobodys(
    both: Registry, jobs: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where no publisher notes it, as nothing about it matches."""
    token = jobs.keys[0].sign(job_claims(jobs, **OTHER_OWNER, sub="repo:other/thing:x"))
    with pytest.raises(UnknownJob) as refused:
        both.trusted_publishing.mint(token, HERE)
    assert "other/thing" not in refused.value.message
    assert "'repo:other/thing:x'" in caplog.text
    assert jobs.url in caplog.text
