"""The threads that run the application."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

_log = logging.getLogger(__name__)

Job = Callable[[], None]


class Threads:
    """Up to `count` threads, which are started when they are needed and then wait for jobs.

    A job wakes one thread only, the one that became idle last. What it works with is still in the
    caches of its processor, and if jobs come one after the other, the same thread does them all.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._mutex = threading.Lock()  # guards the jobs that wait, and who waits for jobs
        self._jobs = deque[Job | None]()
        self._idle: list[threading.Lock] = []  # each is released to wake its thread
        self._threads: list[threading.Thread] = []

    @property
    def are_mostly_idle(self) -> bool:
        """Whether no more than half of them have something to do, as far as is known."""
        return len(self._threads) - len(self._idle) <= self._count // 2

    def add(self, job: Job) -> None:
        """Gives a job to a thread. Only one thread at a time may call this.

        job: the job, which must not raise.
        """
        if not self._put(job) and len(self._threads) < self._count:
            self._start_one()

    def _put(self, job: Job | None) -> bool:
        """Returns whether an idle thread was woken for the job. None ends the thread."""
        with self._mutex:
            self._jobs.append(job)
            if not self._idle:
                return False
            bell = self._idle.pop()
        bell.release()
        return True

    def _start_one(self) -> None:
        """Starts a thread. If the system allows no more, the job waits for another thread."""
        # Not waited for at the end of the process: it may be in the hands of others.
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            _log.warning("A request has to wait: %s.", error)
        else:
            self._threads.append(thread)

    def end(self, patience: float) -> None:
        """Waits until all jobs are done.

        patience: the longest time to wait, in seconds.
        """
        deadline = time.monotonic() + patience
        for _ in self._threads:
            self._put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        bell = threading.Lock()
        bell.acquire()
        while (job := self._next(bell)) is not None:
            job()
            del job  # and with it what it holds, while the next one is waited for

    def _next(self, bell: threading.Lock) -> Job | None:
        """Waits for a job. bell: what this thread waits for while there is none."""
        while True:
            with self._mutex:
                if self._jobs:
                    return self._jobs.popleft()
                self._idle.append(bell)
            bell.acquire()
