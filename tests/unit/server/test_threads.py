"""The threads of the application, also where the system allows no more of them."""

import threading
from functools import partial

import pytest

from pypi_repo.server.threads import Threads
from tests.support.waiting import until

PATIENCE = 10.0


@pytest.fixture
def no_surprise() -> None:
    """Here are some."""


def refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def wait_for(event: threading.Event) -> None:
    event.wait(60)


@pytest.mark.parametrize("started", [0, 1])
def test_a_job_waits_where_no_thread_can_be_started(
    started: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For one that runs, or for the next that can; and its place is not used up."""
    done, go_on = list[int](), threading.Event()
    threads = Threads(started + 1, "test")
    for _ in range(started):
        threads.add(partial(wait_for, go_on))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for number in range(5):
            threads.add(partial(done.append, number))
    assert done == []

    go_on.set()
    threads.add(partial(done.append, 5))

    assert until(lambda: sorted(done) == [0, 1, 2, 3, 4, 5])
    assert "can't start new thread" in caplog.text
    threads.end(PATIENCE)
    assert not any(each.name.startswith("test-") for each in threading.enumerate())


def test_jobs_that_come_one_after_the_other_wake_one_thread_only() -> None:
    """Each switch to another thread costs more than many a job."""
    ran, gathered = list[str](), threading.Barrier(3)
    threads = Threads(3, "test")
    for _ in range(3):
        threads.add(partial(gathered.wait, PATIENCE))
    assert until(lambda: len(threads._idle) == 3)

    for number in range(1, 21):
        threads.add(lambda: ran.append(threading.current_thread().name))
        assert until(lambda number=number: len(ran) == number and len(threads._idle) == 3)

    assert len(set(ran)) == 1
    threads.end(PATIENCE)
