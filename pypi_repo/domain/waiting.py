"""Announces that code is about to wait.

Some threads must not wait, such as that of a server's event loop. Code that is about to wait for a
network, a slow disk, the hashing of a password or the rendering of a page calls `about_to_wait`
first, before it has changed or counted anything. In a thread that must not wait, this ends the
work, and the caller starts it again in another thread.

Code that waits for what another thread brings, which rings a `Bell`, calls `wait_for` instead. In a
thread of a server that can do so, this ends the work, too, and the server starts it again when the
bell has rung. So however many clients wait, and however long, no thread waits with them.
"""

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, TypeAlias

Known: TypeAlias = Mapping[object, Any]
"""Answers to what an application asks, by the questions."""


class WouldWait(BaseException):
    """The work has to be done in a thread that may wait.

    It is not an Exception, so that code that handles errors does not catch it.
    """


class ComeBack(WouldWait):
    """The work has to be done again once a bell has rung, or some time has passed.

    rung: how often the bell had rung when it was seen that there is something to wait for.
    seconds: after which time the work is done again in any case.
    """

    def __init__(self, bell: "Bell", rung: int, seconds: float) -> None:
        super().__init__()
        self.bell, self.rung, self.seconds = bell, rung, seconds


class Bell:
    """Rings when something has changed, so that all who wait look again.

    rung: how often it has rung. Who waits notes it before looking at what may change.
    """

    def __init__(self) -> None:
        self.rung = 0
        self._mutex = threading.Lock()
        self._listeners: list[Callable[[], object]] = []

    def ring(self) -> None:
        """Calls all listeners, and forgets them."""
        with self._mutex:
            self.rung += 1
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def listen(self, rung: int, listener: Callable[[], object]) -> None:
        """Calls a function once: when the bell rings, or at once if it has rung since.

        rung: `self.rung`, as it was noted before.
        listener: the function, which is called in any thread, must not wait and must not raise.
        """
        with self._mutex:
            if self.rung == rung:
                self._listeners.append(listener)
                return
        listener()


class _Thread(threading.local):
    attempt: "without_waiting | None" = None
    comes_back_at: float | None = None  # on the clock of time.monotonic


_thread = _Thread()


class without_waiting:  # noqa: N801 - used as a function; a generator would take 1.3 us longer
    """A context in which `about_to_wait` raises WouldWait in this thread.

    known: what was found out for this, so that nobody has to wait for it. Who gave it to the caller
        knows its keys.
    """

    __slots__ = ("known",)

    def __init__(self, known: Mapping[object, Any] = {}) -> None:
        self.known = known

    def __enter__(self) -> None:
        _thread.attempt = self

    def __exit__(self, *_error: object) -> None:
        _thread.attempt = None


class coming_back:  # noqa: N801 - as above
    """A context in which `wait_for` raises ComeBack in this thread.

    moment: for how many seconds the thread may have been in the context before that. To start again
        costs more than to wait for what comes at once.
    """

    __slots__ = ("_moment",)

    def __init__(self, moment: float = 0.0) -> None:
        self._moment = moment

    def __enter__(self) -> None:
        _thread.comes_back_at = monotonic() + self._moment

    def __exit__(self, *_error: object) -> None:
        _thread.comes_back_at = None


def attempt() -> without_waiting | None:
    """Returns the attempt to do something without waiting that this thread makes; None if none.

    It takes microseconds, so what was true at any moment of it may be taken for true until it ends.
    """
    return _thread.attempt


def about_to_wait() -> None:
    """Raises WouldWait in a thread that must not wait."""
    if _thread.attempt is not None:
        raise WouldWait


def wait_for(bell: Bell, rung: int, seconds: float) -> None:
    """Waits until a bell rings, or has rung since. Afterwards the caller looks again.

    rung: `bell.rung`, as it was noted before.
    seconds: how long to wait at most.

    Raises ComeBack where the caller's caller starts the work again, and WouldWait in a thread that
    must not wait. So this must come before anything was changed or counted.
    """
    about_to_wait()
    deadline = _thread.comes_back_at
    moment = seconds if deadline is None else min(seconds, deadline - monotonic())
    rang = threading.Event()
    if moment > 0:
        bell.listen(rung, rang.set)
        rang.wait(moment)
    if deadline is not None and not rang.is_set():
        raise ComeBack(bell, rung, seconds)
