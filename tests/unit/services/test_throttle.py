"""Guessing is slowed down, by account and address."""

from types import SimpleNamespace

import pytest

from pypi_repo.domain.errors import TooManyFailedLogins
from pypi_repo.services import throttle as throttle_module
from pypi_repo.services.throttle import Throttle

KEY = ("user@example.com", "192.0.2.1")


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(throttle_module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def test_so_many_failures_and_no_more(clock: _Clock) -> None:
    throttle = Throttle(3)
    for _ in range(3):
        throttle.check(KEY)
        throttle.count_failure(KEY)
    with pytest.raises(TooManyFailedLogins, match="wait 60 seconds") as caught:
        throttle.check(KEY)
    assert caught.value.retry_after == 60


def test_the_wait_gets_shorter_and_ends(clock: _Clock) -> None:
    throttle = Throttle(2)
    throttle.count_failure(KEY)
    clock.now += 20
    throttle.count_failure(KEY)
    clock.now += 15.5
    with pytest.raises(TooManyFailedLogins) as caught:
        throttle.check(KEY)
    assert 24 <= caught.value.retry_after <= 25
    clock.now += caught.value.retry_after
    throttle.check(KEY)
    throttle.count_failure(KEY)
    with pytest.raises(TooManyFailedLogins):
        throttle.check(KEY)


def test_who_is_told_to_wait_at_all_waits_at_least_a_second(clock: _Clock) -> None:
    throttle = Throttle(1)
    throttle.count_failure(KEY)
    clock.now += 59.9
    with pytest.raises(TooManyFailedLogins) as caught:
        throttle.check(KEY)
    assert caught.value.retry_after == 1


def test_others_are_not_held_up(clock: _Clock) -> None:
    throttle = Throttle(1)
    throttle.count_failure(KEY)
    throttle.check(("other@example.com", "192.0.2.1"))
    throttle.check(("user@example.com", "192.0.2.2"))


def test_it_forgets_the_oldest_when_it_knows_too_many(
    clock: _Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an attacker with many names would fill the memory."""
    monkeypatch.setattr(throttle_module, "_REMEMBERED_AT_MOST", 5)
    throttle = Throttle(1)
    for number in range(6):
        throttle.count_failure(number)
    throttle.check(0)
    for number in range(1, 6):
        with pytest.raises(TooManyFailedLogins):
            throttle.check(number)


def test_no_failure_at_all_allowed(clock: _Clock) -> None:
    """Limits(failed_logins=0)"""
    throttle = Throttle(0)
    throttle.check(KEY)
