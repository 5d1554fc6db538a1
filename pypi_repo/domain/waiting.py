"""What may not wait: work on a thread that everybody else waits for, such as a server's loop.

Whoever is about to wait for a network, a slow disk, a password to be hashed or a page to be made
says so with `about_to_wait`, before anything was changed or counted. Where the thread may not wait,
the work ends there and is done anew on one that may.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WouldWait(BaseException):
    """The work has to be done on a thread that may wait.

    Not an Exception: it is no failure, and nobody who handles failures may swallow it.
    """


class _Thread(threading.local):
    may_wait = True


_thread = _Thread()


@contextmanager
def without_waiting() -> Iterator[None]:
    """Within it, `about_to_wait` raises WouldWait, in this thread."""
    _thread.may_wait = False
    try:
        yield
    finally:
        _thread.may_wait = True


def about_to_wait() -> None:
    """Raises WouldWait in a thread that may not wait."""
    if not _thread.may_wait:
        raise WouldWait
