"""Guessing is slowed down, by account and address."""

from types import SimpleNamespace

import pytest

from pypi_repo.domain.accounts.errors import TooManyFailedLogins
from pypi_repo.services.accounts import throttle as throttle_module
from pypi_repo.services.accounts.throttle import Throttle

USER, HERE = "user@example.com", "192.0.2.1"
PLENTY = 1000


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


def wait(throttle: Throttle, account: str = USER, address: str = HERE) -> int:
    """Seconds that somebody is told to wait who tries now."""
    with pytest.raises(TooManyFailedLogins) as caught:
        throttle.begin(account, address)
    return caught.value.retry_after


def test_so_many_failures_and_no_more(clock: _Clock) -> None:
    throttle = Throttle(3, PLENTY)
    for _ in range(3):
        throttle.begin(USER, HERE)
    with pytest.raises(TooManyFailedLogins, match="wait 60 seconds") as caught:
        throttle.begin(USER, HERE)
    assert caught.value.retry_after == 60


def test_who_succeeds_is_not_counted(clock: _Clock) -> None:
    throttle = Throttle(3, 3)
    for _ in range(20):
        throttle.take_back(throttle.begin(USER, HERE))
    for _ in range(3):
        throttle.begin(USER, HERE)
    wait(throttle)


def test_attempts_that_were_taken_back_push_out_no_failures(clock: _Clock) -> None:
    """They cost nobody bcrypt, so a guesser could make its own failures forgotten with them."""
    throttle = Throttle(3, PLENTY)
    for _ in range(3):
        throttle.begin(USER, HERE)
    for number in range(10_001):
        throttle.take_back(throttle.begin(f"nobody {number}", "198.51.100.1"))
    assert wait(throttle) == 60


def test_one_success_takes_back_one_attempt(clock: _Clock) -> None:
    """Also of several that began in the same moment."""
    throttle = Throttle(3, PLENTY)
    attempts = [throttle.begin(USER, HERE) for _ in range(3)]
    throttle.take_back(attempts[0])
    throttle.begin(USER, HERE)
    wait(throttle)


def test_a_failure_that_was_no_attempt_counts_too(clock: _Clock) -> None:
    """Of who waited for the check of another one."""
    throttle = Throttle(3, PLENTY)
    for _ in range(10):
        throttle.count_failure(USER, HERE)
    assert wait(throttle) == 60
    clock.now += 60
    throttle.begin(USER, HERE)


def test_the_wait_gets_shorter_and_ends(clock: _Clock) -> None:
    throttle = Throttle(2, PLENTY)
    throttle.begin(USER, HERE)
    clock.now += 20
    throttle.begin(USER, HERE)
    clock.now += 15.5
    seconds = wait(throttle)
    assert seconds == 25
    clock.now += seconds
    throttle.begin(USER, HERE)
    assert wait(throttle) == 20


def test_who_is_told_to_wait_at_all_waits_at_least_a_second(clock: _Clock) -> None:
    throttle = Throttle(1, PLENTY)
    throttle.begin(USER, HERE)
    clock.now += 59.9
    assert wait(throttle) == 1


def test_others_are_not_held_up(clock: _Clock) -> None:
    throttle = Throttle(1, PLENTY)
    throttle.begin(USER, HERE)
    throttle.begin("other@example.com", HERE)
    throttle.begin(USER, "192.0.2.2")


def test_ever_new_names_from_one_address_are_no_way_around(clock: _Clock) -> None:
    throttle = Throttle(3, 20)
    for number in range(20):
        throttle.begin(f"guess {number}", HERE)
    with pytest.raises(TooManyFailedLogins, match="60 seconds"):
        throttle.begin("one more", HERE)
    throttle.begin("one more", "192.0.2.2")


def test_who_must_wait_anyway_is_not_counted_for_the_address(clock: _Clock) -> None:
    """One misconfigured machine must not use up what its neighbours have."""
    throttle = Throttle(3, 5)
    for _ in range(3):
        throttle.begin(USER, HERE)
    for _ in range(50):
        wait(throttle)
    throttle.begin("neighbour", HERE)


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("unix socket", "192.0.2.1", False),
    ],
)
def test_what_one_guesser_can_have(first: str, second: str, is_one: bool, clock: _Clock) -> None:
    by_account, by_address = Throttle(1, PLENTY), Throttle(PLENTY, 1)
    by_account.begin(USER, first)
    by_address.begin(USER, first)
    if is_one:
        wait(by_account, USER, second)
        wait(by_address, "another", second)
    else:
        by_account.begin(USER, second)
        by_address.begin("another", second)


def test_it_forgets_the_oldest_when_it_knows_too_many(
    clock: _Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an attacker with many names would fill the memory."""
    monkeypatch.setattr(throttle_module, "_REMEMBERED_AT_MOST", 5)
    throttle = Throttle(1, PLENTY)
    for number in range(6):
        throttle.begin(f"guess {number}", HERE)
    throttle.begin("guess 0", HERE)
    for number in range(3, 6):
        wait(throttle, f"guess {number}")


def test_no_failure_at_all_allowed(clock: _Clock) -> None:
    """Limits(failed_logins=0)"""
    Throttle(0, 0).begin(USER, HERE)
