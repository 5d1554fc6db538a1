"""Announces that code is about to wait.

Some threads must not wait, such as that of a server's event loop. Code that is about to wait for a
network, a slow disk, the hashing of a password or the rendering of a page calls `about_to_wait`
first, before it has changed or counted anything. In a thread that must not wait, this ends the
work, and the caller starts it again in another thread.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WouldWait(BaseException):
    """The work has to be done in a thread that may wait.

    It is not an Exception, so that code that handles errors does not catch it.
    """


class _Thread(threading.local):
    may_wait = True


_thread = _Thread()


@contextmanager
def without_waiting() -> Iterator[None]:
    """A context in which `about_to_wait` raises WouldWait in this thread."""
    _thread.may_wait = False
    try:
        yield
    finally:
        _thread.may_wait = True


def about_to_wait() -> None:
    """Raises WouldWait in a thread that must not wait."""
    if not _thread.may_wait:
        raise WouldWait
