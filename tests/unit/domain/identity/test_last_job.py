"""What the last job has said, beside what it must say (T8)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pypi_repo.domain.identity.last_job import LastJob, conditions_taken, last_job_of
from pypi_repo.domain.identity.publisher import Publisher

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CLAIMS = {
    "repository_owner": "acme",
    "repository_owner_id": "4711",
    "repository": "acme/tool",
    "environment": "pypi",
}


def publisher(received: dict[str, Any] | None, *, was_used: bool = False) -> Publisher:
    return Publisher(
        id=1,
        name="tool",
        kind="github",
        issuer="https://token.actions.githubusercontent.com",
        claims=CLAIMS,
        repository="main",
        created_at=NOW,
        created_by="root",
        last_used_at=NOW if was_used else None,
        received=None if received is None else json.dumps(received),
        received_at=None if received is None else NOW,
    )


def job(received: dict[str, Any], *, was_used: bool = False) -> LastJob:
    found = last_job_of(publisher(received, was_used=was_used))
    assert found is not None
    return found


def test_t8_there_is_no_last_job_before_the_first() -> None:
    assert last_job_of(publisher(None)) is None
    assert conditions_taken(publisher(None), ("environment",)) == CLAIMS


def test_t8_each_condition_has_what_came_beside_it() -> None:
    found = job({**CLAIMS, "environment": "staging", "run_attempt": 1, "x": {"y": ["ü"]}})
    assert [each.is_met for each in found.compared] == [True, True, True, False]
    (environment,) = found.unmet
    assert environment.title == "Environment"
    assert (environment.wanted, environment.received) == ("pypi", ("staging",))
    assert environment.can_be_taken
    assert found.others == {"run_attempt": "1", "x": '{"y": ["ü"]}'}
    assert job(CLAIMS).unmet == ()


@pytest.mark.parametrize("value", [None, "", "  ", "a*", "a\nb", ["a", "b"], {"a": 1}])
def test_t8_only_one_plain_value_can_be_taken(value: object) -> None:
    (environment,) = job({**CLAIMS, "environment": value}).unmet
    assert not environment.can_be_taken
    (missing,) = job({name: CLAIMS[name] for name in CLAIMS if name != "environment"}).unmet
    assert (missing.received, missing.can_be_taken) == ((), False)


def test_t8_the_number_of_a_stranger_is_not_offered_once_a_job_got_in() -> None:
    """The name of an owner can be taken over, and its number shows that."""
    received = {**CLAIMS, "repository_owner_id": "666"}
    assert [each.can_be_taken for each in job(received).unmet] == [True]
    assert [each.can_be_taken for each in job(received, was_used=True).unmet] == [False]
    used = publisher(received, was_used=True)
    assert conditions_taken(used, ("repository_owner_id",)) == CLAIMS


def test_t8_the_number_of_a_stranger_is_not_offered_if_other_values_differ() -> None:
    """Before the first job, anybody at the provider may have sent what came last."""
    received = {**CLAIMS, "repository": "evil/x", "repository_owner_id": "666"}
    offered = {each.claim for each in job(received).takeable}
    assert offered == {"repository"}
    assert conditions_taken(publisher(received), received)["repository_owner_id"] == "4711"


def test_t8_several_values_are_taken_and_others_are_left() -> None:
    received = {**CLAIMS, "repository": "acme/tool2", "environment": "staging", "sub": "x"}
    taken = conditions_taken(publisher(received), ("environment", "sub", "repository", "nothing"))
    assert taken == {**CLAIMS, "repository": "acme/tool2", "environment": "staging"}
