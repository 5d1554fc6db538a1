"""What strangers send is checked, as often as it must be and no more often than it may."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import islice
from types import SimpleNamespace

import bcrypt
import pytest

from pypi_repo.domain.accounts.errors import TooManyFailedLogins, TooManyLogins
from pypi_repo.services.accounts import credentials as credentials_module
from pypi_repo.services.accounts import passwords as passwords_module
from pypi_repo.services.accounts.credentials import Credentials
from pypi_repo.services.accounts.hashing_slots import STRANGERS, HashingSlots, Patience
from pypi_repo.services.accounts.passwords import Passwords
from pypi_repo.services.accounts.throttle import Throttle

PASSWORD, USER = "correct horse", "user@example.com"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
LONG = 60.0  # seconds; nobody waits so long where all is well


class Bcrypt:
    """The real one, held up until `go_on`; `checked` is what it was asked."""

    def __init__(self) -> None:
        self.checked: list[bytes] = []
        self._checkpw: Callable[[bytes, bytes], bool] = bcrypt.checkpw
        self._may_go = threading.Event()

    def checkpw(self, password: bytes, hashed: bytes) -> bool:
        self.checked.append(password)
        assert self._may_go.wait(LONG)
        return self._checkpw(password, hashed)

    def go_on(self) -> None:
        self._may_go.set()

    def is_busy_with(self, number: int) -> None:
        pause = threading.Event()
        for _ in range(6000):
            if len(self.checked) >= number:
                return
            pause.wait(0.01)
        raise AssertionError(self.checked)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stands in the line stays there, however slow this machine is."""
    patience = Patience(STRANGERS.line, LONG)
    monkeypatch.setattr(credentials_module, "STRANGERS", patience)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    slow = Bcrypt()
    monkeypatch.setattr(bcrypt, "checkpw", slow.checkpw)
    return slow


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(4, HashingSlots(1))


@pytest.fixture
def stored(passwords: Passwords) -> str:
    return passwords.hash(PASSWORD)


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(100)


def outcomes(futures: list[Future[bool]]) -> list[object]:
    """What each was answered: True, False, or the error's type."""
    errors = [future.exception(LONG) for future in futures]
    return [
        future.result() if error is None else type(error)
        for future, error in zip(futures, errors, strict=True)
    ]


@pytest.mark.parametrize("allowed", [1, 10])
def test_64_jobs_with_one_new_password_are_all_admitted_by_one_check(
    allowed: int, passwords: Passwords, stored: str, slow: Bcrypt, threads: ThreadPoolExecutor
) -> None:
    credentials = Credentials(passwords, Throttle(allowed, allowed))
    jobs = [threads.submit(credentials.are_right, USER, PASSWORD, stored, HERE) for _ in range(64)]
    slow.is_busy_with(1)
    slow.go_on()
    assert outcomes(jobs) == [True] * 64
    assert len(slow.checked) == 1
    assert credentials.are_right(USER, "wrong horse", stored, HERE) is False


def test_80_guesses_at_once_are_counted_before_they_are_checked(
    stored: str, slow: Bcrypt, threads: ThreadPoolExecutor
) -> None:
    """With a slot for each, so that only the count can keep them out."""
    credentials = Credentials(Passwords(4, HashingSlots(100)), Throttle(10, 1000))
    guesses = [
        threads.submit(credentials.are_right, USER, f"guess {number}", stored, HERE)
        for number in range(80)
    ]
    slow.is_busy_with(10)
    slow.go_on()
    answered = outcomes(guesses)
    assert answered.count(False) == 10
    assert answered.count(TooManyFailedLogins) == 70
    assert len(slow.checked) == 10


def test_one_wrong_guess_sent_80_times_at_once_is_80_failures(
    passwords: Passwords, stored: str, slow: Bcrypt, threads: ThreadPoolExecutor
) -> None:
    """They share one check, and hold up a thread each."""
    credentials = Credentials(passwords, Throttle(10, 50))
    guesses = [
        threads.submit(credentials.are_right, USER, "wrong horse", stored, HERE) for _ in range(80)
    ]
    slow.is_busy_with(1)
    slow.go_on()
    assert set(outcomes(guesses)) <= {False, TooManyFailedLogins}
    assert len(slow.checked) <= 10
    with pytest.raises(TooManyFailedLogins):
        credentials.are_right("another", "guess", None, HERE)


def test_strangers_find_no_place_and_the_remembered_wait_for_none(
    passwords: Passwords, stored: str, slow: Bcrypt, threads: ThreadPoolExecutor
) -> None:
    """64 of them, under ever new names: one is checked, a few wait, the others go at once."""
    credentials = Credentials(passwords, Throttle(10, 1000))
    slow.go_on()
    assert credentials.are_right(USER, PASSWORD, stored, HERE)
    slow._may_go.clear()
    strangers = [
        threads.submit(credentials.are_right, f"nobody {number}", "guess", None, HERE)
        for number in range(64)
    ]
    slow.is_busy_with(2)
    sent_away = list(islice(as_completed(strangers, LONG), 64 - 1 - STRANGERS.line))
    assert outcomes(sent_away) == [TooManyLogins] * len(sent_away)
    assert credentials.are_right(USER, PASSWORD, stored, HERE)
    slow.go_on()
    assert outcomes(strangers).count(False) == 1 + STRANGERS.line
    assert len(slow.checked) == 1 + 1 + STRANGERS.line


def test_who_found_no_place_has_not_failed(stored: str, slow: Bcrypt) -> None:
    credentials = Credentials(Passwords(4, HashingSlots(1)), Throttle(2, 2))
    with ThreadPoolExecutor(6) as threads:
        others = [
            threads.submit(
                credentials.are_right, USER, f"guess {number}", stored, f"192.0.2.{number}"
            )
            for number in range(5)
        ]
        slow.is_busy_with(1)
        for _ in range(10):
            with pytest.raises(TooManyLogins):
                _once_all_wait(credentials, stored)
        slow.go_on()
        assert outcomes(others) == [False] * 5
    assert credentials.are_right(USER, PASSWORD, stored, "198.51.100.1")


def _once_all_wait(credentials: Credentials, stored: str) -> None:
    """Asks as soon as the line is full."""
    slots = credentials._passwords._slots
    pause = threading.Event()
    while len(slots._line) < STRANGERS.line:
        pause.wait(0.01)
    credentials.are_right(USER, PASSWORD, stored, "198.51.100.1")


def test_an_address_is_throttled_whatever_the_name(passwords: Passwords, stored: str) -> None:
    credentials = Credentials(passwords, Throttle(10, 30))
    assert credentials.are_right("neighbour", PASSWORD, stored, HERE)
    for number in range(30):
        assert not credentials.are_right(f"nobody {number}", "guess", None, HERE)
    with pytest.raises(TooManyFailedLogins):
        credentials.are_right("one more", "guess", None, HERE)
    assert credentials.are_right("neighbour", PASSWORD, stored, HERE), "it is remembered"
    assert credentials.are_right(USER, PASSWORD, passwords.hash(PASSWORD), ELSEWHERE)


def test_one_password_tried_for_two_unknown_names_is_two_checks(
    stored: str, slow: Bcrypt, threads: ThreadPoolExecutor
) -> None:
    """As for known ones: the clock must not tell which they are."""
    credentials = Credentials(Passwords(4, HashingSlots(100)), Throttle(10, 1000))
    guesses = [
        threads.submit(credentials.are_right, name, "guess", None, HERE) for name in ("a", "b")
    ]
    slow.is_busy_with(2)
    slow.go_on()
    assert outcomes(guesses) == [False, False]


def test_strangers_who_share_wrong_guesses_may_soon_share_no_more(
    passwords: Passwords, stored: str, slow: Bcrypt, threads: ThreadPoolExecutor
) -> None:
    """From ever new addresses: each of them holds a thread while it waits for another's answer."""
    credentials = Credentials(passwords, Throttle(10, 1000))
    addresses = (f"198.51.100.{number}" for number in range(100))

    def guess(name: str) -> Future[bool]:
        return threads.submit(credentials.are_right, name, "guess", None, next(addresses))

    first = [guess("nobody") for _ in range(40)]
    slow.is_busy_with(1)
    slow.go_on()
    assert outcomes(first).count(False) >= 21
    slow._may_go.clear()
    checked = len(slow.checked)
    leader = guess("nobody else")
    slow.is_busy_with(checked + 1)
    assert outcomes([guess("nobody else") for _ in range(40)]) == [TooManyLogins] * 40
    slow.go_on()
    assert outcomes([leader]) == [False]


@pytest.fixture
def ten_minutes_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Passwords are no longer remembered as right, after it was called."""
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(passwords_module, "time", clock)

    def pass_by() -> None:
        clock.now += 601

    return pass_by


def test_whose_password_was_right_long_ago_is_checked_before_a_crowd_of_strangers(
    passwords: Passwords,
    stored: str,
    slow: Bcrypt,
    threads: ThreadPoolExecutor,
    ten_minutes_later: Callable[[], None],
) -> None:
    """They have the only place and fill their line; a neighbour has used up the address."""
    credentials = Credentials(passwords, Throttle(3, 3))
    slow.go_on()
    assert credentials.are_right(USER, PASSWORD, stored, HERE)
    for _ in range(3):
        assert not credentials.are_right(USER, "wrong horse", stored, HERE)
    ten_minutes_later()
    slow._may_go.clear()
    checked = len(slow.checked)
    strangers = [
        threads.submit(
            credentials.are_right, f"nobody {number}", "guess", None, f"192.0.2.{number}"
        )
        for number in range(10, 50)
    ]
    slow.is_busy_with(checked + 1)
    list(islice(as_completed(strangers, LONG), len(strangers) - 1 - STRANGERS.line))
    user = threads.submit(credentials.are_right, USER, PASSWORD, stored, HERE)
    with pytest.raises(TooManyFailedLogins):
        credentials.are_right(USER, "wrong again", stored, HERE)
    slow.go_on()
    assert outcomes([user]) == [True]


def test_who_is_known_is_checked_anew_after_ten_minutes(
    passwords: Passwords, stored: str, slow: Bcrypt, ten_minutes_later: Callable[[], None]
) -> None:
    credentials = Credentials(passwords, Throttle(10, 1000))
    slow.go_on()
    assert credentials.are_right(USER, PASSWORD, stored, HERE)
    ten_minutes_later()
    assert credentials.are_right(USER, PASSWORD, stored, HERE)
    assert slow.checked == [PASSWORD.encode()] * 2
    assert not credentials.are_right(USER, PASSWORD, passwords.hash("another one"), HERE)
