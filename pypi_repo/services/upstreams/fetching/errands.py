"""Work for which requests wait, in threads of its own.

Threads that answer requests are few, and an index elsewhere may be slow. So what is asked of one is
asked in threads that belong to no request, so many at once for each upstream and kind of work, and
once for all who want the same. It goes on to its end when nobody waits any more, because the next
one will ask soon.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from copy import copy
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeVar

from pypi_repo.domain.errors import RegistryError, Unavailable, UnknownFile, UpstreamFailed
from pypi_repo.domain.waiting import Bell, wait_for

_log = logging.getLogger(__name__)

_AT_ONCE = 16  # of one kind, for one upstream
_QUEUED = 1000  # of one kind, for one upstream
_PATIENCE = 60.0  # seconds until who waits is told to come back later
_NOT_TRIED_AGAIN = 3.0  # seconds, after it has failed
_MISSING_FOR = 60.0  # seconds, for what the upstream does not have
_FORGOTTEN_EVERY = 1.0  # seconds
_IDLE_FOR = 5.0  # seconds
_ENDED_WITHIN = 5.0  # seconds

_Lane = tuple[int, str]  # the upstream's id, and the kind of errands

Kind = TypeVar("Kind", bound="Errand")


class Errand(ABC):
    """A piece of work.

    bell: rings with each step, and at the end.
    last_bell: rings at the end.
    is_over: whether it has ended, well or not.
    failure: why it has failed; None if it has not.
    is_stopped: set when nobody needs it any more: the work should end soon, and whoever wants it
        after all begins another errand.
    kept: for how many seconds those who waited find the result here.
    looks_after: after how many seconds those who wait for a step look again without the bell.
    kind: what it is like. What takes long keeps none of another kind waiting.
    """

    kept = 10.0
    looks_after = _PATIENCE
    kind = "file"

    def __init__(self) -> None:
        self.bell = Bell()
        self.last_bell = Bell()
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
        self.last_bell.ring()

    def wait_until(
        self, is_enough: Callable[[], bool] = lambda: False, patience: float = _PATIENCE
    ) -> None:
        """Waits until there is enough for the caller, or it is over.

        patience: for how many seconds nothing may come.

        Raises what the work raised, and UpstreamFailed if nothing comes for so long.
        """
        self._wait(self.bell, is_enough, patience, self.looks_after)

    def wait_to_end(self, patience: float = _PATIENCE) -> None:
        """Waits until it is over, without looking at each step.

        patience: for how many seconds nothing may come.

        Raises what the work raised, and UpstreamFailed if nothing comes for so long.
        """
        self._wait(self.last_bell, lambda: False, patience, _PATIENCE)

    def _wait(
        self, bell: Bell, is_enough: Callable[[], bool], patience: float, looks_after: float
    ) -> None:
        while True:
            rung = bell.rung
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
            wait_for(bell, rung, min(left, looks_after))

    def note_progress(self) -> None:
        """Tells those who wait that there is more, and gives them new patience."""
        self._came = monotonic()
        self.bell.ring()

    def is_forgotten(self, now: float) -> bool:
        """Returns whether it was stopped, or has been over for so long that it is done again."""
        kept = self.kept if self.failure is None else _NOT_TRIED_AGAIN
        if isinstance(self.failure, UnknownFile):
            kept = _MISSING_FOR
        return self.is_stopped or (self.is_over and now - self._ended >= kept)


def _without_past(error: RegistryError) -> RegistryError:
    """Returns an error without the frames that raised it, which may hold whole pages."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class Errands:
    """All errands of a registry in this process."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._errands: dict[Hashable, Errand] = {}
        self._queues: defaultdict[_Lane, deque[Errand]] = defaultdict(deque)
        self._working: Counter[_Lane] = Counter()
        self._threads: set[threading.Thread] = set()
        self._given: SimpleQueue[tuple[_Lane, Errand] | None] = SimpleQueue()  # to idle threads
        self._idle = 0
        self._forgets_at = 0.0

    def join(self, upstream_id: int, key: Hashable, make: Callable[[], Kind]) -> Kind:
        """Returns the errand with a key, which may be over since a moment, or begins a new one.

        upstream_id: the upstream that is asked. Errands of a kind beyond what may be asked of it at
            once wait for their turn.

        Raises UpstreamFailed if too many wait.
        """
        now = monotonic()
        with self._mutex:
            errand = self._errands.get(key)
            if errand is not None and not errand.is_forgotten(now):
                self._start_some((upstream_id, errand.kind))
                return errand  # type: ignore[return-value]
            self._forget(now)
            made = make()
            lane = upstream_id, made.kind
            if len(self._queues[lane]) >= _QUEUED:
                raise UpstreamFailed(
                    "Too much is being fetched at the moment; try again soon.", retry_after=10
                )
            self._errands[key] = made
            self._queues[lane].append(made)
            self._start_some(lane)
        return made

    def close(self) -> None:
        """Ends what is under way, and waits a few seconds for it."""
        with self._mutex:
            queued = [errand for queue in self._queues.values() for errand in queue]
            self._queues.clear()
            for errand in self._errands.values():
                errand.is_stopped = True
            self._errands.clear()
            threads, self._threads = self._threads, set()  # which end after what they do
            for _thread in range(self._idle):
                self._given.put(None)
            self._idle = 0
        for errand in queued:
            errand.failure = Unavailable("The server is about to end; try again in a moment.")
            errand.end()
        deadline = monotonic() + _ENDED_WITHIN
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))

    def _forget(self, now: float) -> None:
        """Forgets what need not be found here any more. The mutex is held."""
        if now < self._forgets_at:
            return
        self._forgets_at = now + _FORGOTTEN_EVERY
        for old in [key for key, errand in self._errands.items() if errand.is_forgotten(now)]:
            del self._errands[old]

    def _start_some(self, lane: _Lane) -> None:
        """Starts those whose turn it is. The mutex is held."""
        queue = self._queues[lane]
        while queue and self._working[lane] < _AT_ONCE and self._start(lane, queue[0]):
            queue.popleft()

    def _start(self, lane: _Lane, errand: Errand) -> bool:
        self._working[lane] += 1
        if self._idle:
            self._idle -= 1
            self._given.put((lane, errand))
            return True
        first = [(lane, errand)]
        thread = threading.Thread(target=self._work_on, args=(first,), name="fetching", daemon=True)
        with suppress(RuntimeError):  # the system allows no more threads for now
            thread.start()
            self._threads.add(thread)
            return True
        self._working[lane] -= 1
        return False

    def _work_on(self, first: "list[tuple[_Lane, Errand]]") -> None:
        """Does an errand in this thread, and those that are given to it within some seconds.

        Threads are started seldom: who starts one waits until it runs.
        """
        given: tuple[_Lane, Errand] | None = first.pop()
        while given is not None:
            is_needed = self._do(*given)
            given = None  # what it holds, such as a file, is given back before this waits
            if is_needed:
                given = self._next()
        with self._mutex:
            self._threads.discard(threading.current_thread())

    def _do(self, lane: _Lane, errand: Errand) -> bool:
        """Returns whether this thread is to wait for more."""
        errand.do()
        with self._mutex:
            self._working[lane] -= 1
            is_needed = threading.current_thread() in self._threads
            self._idle += is_needed  # before others begin: this thread is there for them
            self._start_some(lane)
        return is_needed

    def _next(self) -> "tuple[_Lane, Errand] | None":
        """Waits for an errand; None if there is none for some seconds, or all is to end."""
        with suppress(Empty):
            return self._given.get(timeout=_IDLE_FOR)
        with self._mutex:
            with suppress(Empty):
                return self._given.get_nowait()  # just given to a thread that was idle
            self._idle -= 1
        return None
