"""What is announced though nobody has done it: tokens and quotas, each once (E1)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pypi_repo import OPERATOR, Event, Registry
from pypi_repo.services.events.announcing import announce
from tests.conftest import ADMINISTRATOR, USER
from tests.support.distributions import wheel
from tests.support.uploads import upload

DAY = timedelta(days=1)


@pytest.fixture
def heard(both: Registry) -> Iterator[list[Event]]:
    events: list[Event] = []
    end = both.subscribe(events.append)
    yield events
    end()


def test_e1_a_token_that_expires_within_a_week_is_announced_once(
    both: Registry, heard: list[Event]
) -> None:
    accounts = both.acting_as(OPERATOR).accounts
    accounts.create_token(USER, name="soon", repository="main", expires_in=6 * DAY)
    accounts.create_token(USER, name="later", expires_in=8 * DAY)
    accounts.create_token(USER, name="never")
    administrators = both.acting_as(OPERATOR).administrators
    administrators.create_token(ADMINISTRATOR, name="script", expires_in=3 * DAY)
    assert announce(both._database) == "Announced 2 events."
    assert announce(both._database) == ""
    assert [event.type for event in heard] == ["token.expiring"] * 2
    soon, script = heard
    expires_at = soon.detail["expires_at"]
    assert (soon.repository, soon.actor) == ("main", "operator")
    assert soon.detail == {"token": "soon", "account": USER, "expires_at": expires_at}
    left = datetime.fromisoformat(expires_at) - datetime.now(UTC)
    assert timedelta(days=5) < left <= timedelta(days=6)
    assert (script.repository, script.detail["account"]) == (None, ADMINISTRATOR)
    announce(both._database, datetime.now(UTC) + 2 * DAY)
    assert [event.detail["token"] for event in heard] == ["soon", "script", "later"]


def test_e1_tokens_of_nobody_and_expired_ones_are_not_announced(
    both: Registry, heard: list[Event]
) -> None:
    accounts = both.acting_as(OPERATOR).accounts
    revoked, _secret = accounts.create_token(USER, name="revoked", expires_in=DAY)
    accounts.revoke_token(revoked.id)
    accounts.create_token(USER, name="expired", expires_in=DAY)
    announce(both._database, datetime.now(UTC) + 2 * DAY)
    assert heard == []


def test_e1_a_quota_is_announced_at_80_percent_and_again_after_it_was_below(
    both: Registry, heard: list[Event]
) -> None:
    operator = both.acting_as(OPERATOR)
    for version in ("1.0", "2.0"):
        upload(both, wheel("demo", version))
    taken = operator.usage.repository("main").size
    heard.clear()
    operator.repositories.change("main", quota=taken * 2)
    assert announce(both._database) == ""
    operator.repositories.change("main", quota=int(taken * 1.2))
    assert announce(both._database) == "Announced 1 event."
    assert announce(both._database) == ""
    (event,) = heard
    assert (event.type, event.repository) == ("quota.reached", "main")
    assert event.detail.keys() == {"used", "quota"}
    operator.repositories.change("main", quota=taken * 2)
    announce(both._database)
    operator.repositories.change("main", quota=int(taken * 1.2))
    announce(both._database)
    assert [event.type for event in heard] == ["quota.reached"] * 2


def test_e1_the_chore_announces(both: Registry, heard: list[Event]) -> None:
    both.acting_as(OPERATOR).accounts.create_token(USER, name="soon", expires_in=DAY)
    reports = {report.name: report.did for report in both.chores.run_due()}
    assert reports["announce"] == "Announced 1 event."
    assert [event.type for event in heard] == ["token.expiring"]
