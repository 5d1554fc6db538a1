"""When deliveries that failed are tried again."""

from datetime import timedelta

TRIED_FOR = timedelta(hours=24)
"""The time from the first attempt to the last one, at least."""

_FIRST = timedelta(seconds=30)


def _delays() -> tuple[timedelta, ...]:
    """Each is twice as long as the one before; the last one fills what is left of the time."""
    delays = [_FIRST]
    while sum(delays, 3 * delays[-1]) <= TRIED_FOR:
        delays.append(2 * delays[-1])
    return (*delays, TRIED_FOR - sum(delays, timedelta()))


DELAYS = _delays()
"""The pauses between attempts, without jitter."""

JITTER = 0.1
"""The share of a pause by which it may be longer, so that not all receivers are asked at once."""


def next_pause(attempts: int, jitter: float) -> timedelta | None:
    """Returns how long to wait for the next attempt; None if there is to be none.

    attempts: the number of attempts that have failed.
    jitter: a random number from 0 to 1.
    """
    if attempts > len(DELAYS):
        return None
    return DELAYS[attempts - 1] * (1 + JITTER * jitter)
