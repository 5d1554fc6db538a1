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
