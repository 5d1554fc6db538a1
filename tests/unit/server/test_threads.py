"""Threads that wait for slow clients are not missed."""

import threading
import time
from collections.abc import Iterator

import pytest

from pypi_repo.server.threads import Threads


class Job:
    """What the threads work on, as far as they know it."""

    def __init__(self, threads: Threads, *, waits: bool) -> None:
        self.begun, self.released = threading.Event(), threading.Event()
        self._threads, self._waits = threads, waits

    def service(self) -> None:
        if self._waits:
            with self._threads.waiting():
                self._work()
        else:
            self._work()

    def _work(self) -> None:
        self.begun.set()
        assert self.released.wait(60)

    def cancel(self) -> None:
        self.released.set()


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(2, stand_ins=3)
    yield threads
    threads.shutdown()


def begun(threads: Threads, number: int, *, waits: bool) -> list[Job]:
    jobs = [Job(threads, waits=waits) for _ in range(number)]
    for job in jobs:
        threads.add_task(job)
        assert job.begun.wait(60)
    return jobs


def has_idle(threads: Threads) -> bool:
    job = Job(threads, waits=False)
    job.released.set()
    threads.add_task(job)
    return job.begun.wait(0.1)


def test_others_work_while_some_wait(threads: Threads) -> None:
    waiting = begun(threads, 3, waits=True)
    working = begun(threads, 2, waits=False)
    is_one_too_many = has_idle(threads)
    for job in (*waiting, *working):
        job.released.set()

    assert not is_one_too_many


def test_there_are_no_more_than_allowed(threads: Threads) -> None:
    waiting = begun(threads, 5, waits=True)
    has_more = has_idle(threads)
    for job in waiting:
        job.released.set()

    assert not has_more
    for job in begun(threads, 2, waits=False):
        job.released.set()


def test_stand_ins_go(threads: Threads) -> None:
    for job in begun(threads, 3, waits=True):
        job.released.set()
    deadline = time.monotonic() + 60
    while len(threads.threads) > 2 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert len(threads.threads) == 2
