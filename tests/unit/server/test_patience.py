"""How long an upload may take, pause, and be slow; the seconds are made up."""

from collections.abc import Callable

from pypi_repo.server.http.patience import Pace, Patience

KB = 1000
DAY = 24 * 3600
PATIENCE = Patience()


def given_up_after(
    rate: Callable[[int], float], seconds: int, patience: Patience = PATIENCE
) -> int:
    """The second in which the server loses patience, or `seconds` if it never does.

    rate: the bytes that come within the second of this number.
    """
    pace = Pace(patience, now=0)
    for second in range(1, seconds):
        if came := rate(second):
            pace.came(int(came), second)
        if pace.is_too_slow(second):
            return second
    return seconds


def test_an_upload_may_pause_for_two_minutes() -> None:
    assert PATIENCE.body == 120
    assert given_up_after(lambda second: 0 if 10 <= second < 120 else 100 * KB, 1000) == 1000


def test_it_may_pause_again() -> None:
    """As on a line that breaks every five minutes."""
    assert given_up_after(lambda second: 0 if second % 300 < 110 else 30 * KB, DAY) == DAY


def test_one_that_stops_is_given_up_after_the_pause() -> None:
    assert given_up_after(lambda second: 100 * KB if second < 10 else 0, 1000) == 9 + 121


def test_another_patience() -> None:
    patience = Patience(body=10)

    assert given_up_after(lambda second: 100 * KB if second < 10 else 0, 1000, patience) == 9 + 11


def test_an_honest_client_sends_four_gibibytes_for_half_a_day() -> None:
    assert given_up_after(lambda _second: 100 * KB, DAY) == DAY


def test_a_slow_line_is_no_offence() -> None:
    assert given_up_after(lambda _second: 20 * KB, DAY) == DAY


def test_a_byte_now_and_then_does_not_hold_a_thread() -> None:
    assert given_up_after(lambda second: second % 100 == 0, DAY) <= 2 * PATIENCE.body


def test_who_drips_must_be_faster_and_faster() -> None:
    """33 connections at 1.3 kB/s once held all threads."""
    assert given_up_after(lambda _second: 1.3 * KB, DAY) < 20 * 60
    assert given_up_after(lambda _second: 5 * KB, DAY) < 40 * 60


def test_who_was_fast_at_first_must_go_on() -> None:
    assert given_up_after(lambda second: 10_000 * KB if second < 60 else 1.3 * KB, DAY) < 20 * 60


def test_a_slow_server_is_not_the_clients_fault() -> None:
    pace = Pace(PATIENCE, now=0)
    for second in range(0, DAY, 60):
        pace.restart(second)
        assert not pace.is_too_slow(second + 59)
