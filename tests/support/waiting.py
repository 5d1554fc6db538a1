"""Waiting for what others do a moment later."""

import time
from collections.abc import Callable


def until(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it became so within this time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def wait_until(is_so: Callable[[], bool]) -> None:
    """Fails if it does not become so within a minute."""
    assert until(is_so), "it did not become so within a minute"
