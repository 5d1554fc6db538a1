"""The threads that run the application."""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

_log = logging.getLogger(__name__)


class Threads:
    """Up to `count` threads, which are started when they are needed and then wait for jobs."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._jobs = SimpleQueue[Callable[[], None] | None]()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def add(self, job: Callable[[], None]) -> None:
        """Gives a job to a thread. Only one thread at a time may call this.

        job: the job, which must not raise.
        """
        if not self._idle.acquire(blocking=False) and len(self._threads) < self._count:
            self._start_one()
        self._jobs.put(job)

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
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # and with it what it holds, while the next one is waited for
            self._idle.release()
