"""Work for which requests wait, in threads of its own.

Threads that answer requests are few, and an index elsewhere may be slow. So what is asked of one is
asked in threads that belong to no request, so many at once for each upstream, and once for all who
want the same. It goes on to its end when nobody waits any more, because the next one will ask soon.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from copy import copy
from time import monotonic
from typing import TypeVar

from pypi_repo.domain.errors import RegistryError, Unavailable, UpstreamFailed
from pypi_repo.domain.waiting import Bell, wait_for

_log = logging.getLogger(__name__)

_AT_ONCE = 16  # for one upstream
_QUEUED = 1000  # for all of them
_PATIENCE = 60.0  # seconds until who waits is told to come back later
_NOT_TRIED_AGAIN = 3.0  # seconds, after it has failed
_ENDED_WITHIN = 5.0  # seconds

Kind = TypeVar("Kind", bound="Errand")


class Errand(ABC):
    """A piece of work.

    bell: rings with each step, and at the end.
    is_over: whether it has ended, well or not.
    failure: why it has failed; None if it has not.
    is_stopped: set when the registry is closed: the work should end soon.
    kept: for how many seconds those who waited find the result here.
    looks_after: after how many seconds those who wait look again without the bell.
    """

    kept = 10.0
    looks_after = _PATIENCE

    def __init__(self) -> None:
        self.bell = Bell()
        self.is_over = False
        self.failure: RegistryError | None = None
        self.is_stopped = False
        self._came = self._ended = monotonic()

    @abstractmethod
    def work(self) -> None:
        """Does the work, in a thread of its own. What it raises is what those who wait get."""

    def do(self) -> None:
        """Works to the end, whatever happens."""
        self._came = monotonic()
        try:
            self.work()
        except RegistryError as error:
            self.failure = _without_past(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody must wait in vain
            _log.exception("Something that requests wait for has failed")
            self.failure = Unavailable(
                "What should come from an upstream cannot be fetched; the log of the server says "
                "why.",
                detail=f"{type(error).__name__}: {error}",
            )
        self.end()

    def end(self) -> None:
        """Tells those who wait that it is over."""
        self._ended = monotonic()
        self.is_over = True
        self.bell.ring()

    def wait_until(
        self, is_enough: Callable[[], bool] = lambda: False, patience: float = _PATIENCE
    ) -> None:
        """Waits until there is enough for the caller, or it is over.

        patience: for how many seconds nothing may come.

        Raises what the work raised, and UpstreamFailed if nothing comes for so long.
        """
        while True:
            rung = self.bell.rung
            if is_enough():
                return
            if self.failure is not None:
                raise copy(self.failure)  # one for each thread
            if self.is_over:
                return
            left = self._came + patience - monotonic()
            if left <= 0:
                raise UpstreamFailed(
                    "The upstream is slow, and others wait for it, too; try again in a moment.",
                    retry_after=10,
                )
            wait_for(self.bell, rung, min(left, self.looks_after))

    def note_progress(self) -> None:
        """Tells those who wait that there is more, and gives them new patience."""
        self._came = monotonic()
        self.bell.ring()

    def is_forgotten(self, now: float) -> bool:
        """Returns whether it has been over for so long that it has to be done again."""
        kept = self.kept if self.failure is None else _NOT_TRIED_AGAIN
        return self.is_over and now - self._ended >= kept


def _without_past(error: RegistryError) -> RegistryError:
    """Returns an error without the frames that raised it, which may hold whole pages."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class Errands:
    """All errands of a registry in this process."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._errands: dict[Hashable, Errand] = {}
        self._queue: deque[tuple[int, Errand]] = deque()
        self._working: Counter[int] = Counter()
        self._threads: set[threading.Thread] = set()

    def join(self, upstream_id: int, key: Hashable, make: Callable[[], Kind]) -> Kind:
        """Returns the errand with a key, which may be over since a moment, or begins a new one.

        upstream_id: the upstream that is asked. Errands beyond what may be asked of it at once
            wait for their turn.

        Raises UpstreamFailed if too many wait.
        """
        now = monotonic()
        with self._mutex:
            errand = self._errands.get(key)
            if errand is not None and not errand.is_forgotten(now):
                return errand  # type: ignore[return-value]
            for old in [key for key, errand in self._errands.items() if errand.is_forgotten(now)]:
                del self._errands[old]
            if len(self._queue) >= _QUEUED:
                raise UpstreamFailed(
                    "Too much is being fetched at the moment; try again soon.", retry_after=10
                )
            made = self._errands[key] = make()
            self._queue.append((upstream_id, made))
            self._start_some()
        return made

    def close(self) -> None:
        """Ends what is under way, and waits a few seconds for it."""
        with self._mutex:
            queued, self._queue = self._queue, deque()
            for errand in self._errands.values():
                errand.is_stopped = True
            self._errands.clear()
            threads = list(self._threads)
        for _upstream, errand in queued:
            errand.failure = Unavailable("The server is about to end; try again in a moment.")
            errand.end()
        deadline = monotonic() + _ENDED_WITHIN
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))

    def _start_some(self) -> None:
        """Starts those whose turn it is. The mutex is held."""
        waiting = deque[tuple[int, Errand]]()
        while self._queue:
            upstream_id, errand = self._queue.popleft()
            if self._working[upstream_id] >= _AT_ONCE or not self._start(upstream_id, errand):
                waiting.append((upstream_id, errand))
        self._queue = waiting

    def _start(self, upstream_id: int, errand: Errand) -> bool:
        def work() -> None:
            errand.do()
            with self._mutex:
                self._working[upstream_id] -= 1
                self._threads.discard(thread)
                self._start_some()

        thread = threading.Thread(target=work, name=f"fetching-{upstream_id}", daemon=True)
        with suppress(RuntimeError):  # the system allows no more threads for now
            thread.start()
            self._working[upstream_id] += 1
            self._threads.add(thread)
            return True
        return False
