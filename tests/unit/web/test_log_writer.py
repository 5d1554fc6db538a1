"""The log is written beside the requests, which wait for no pipe and no disk."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pypi_repo.web.observability.log_writer import FAILED, NO_ROOM, LogWriter
from pypi_repo.web.observability.logs import BatchHandler, dropped_lines

LINE = f"{'x' * 999}\n"
PROGRAM = """
import logging
from pypi_repo.web.observability.logs import log_to_stderr
log_to_stderr()
for number in range({lines}):
    logging.getLogger("pypi_repo.test").error("line %d {padding}", number)
"""

FORK = """
import os
child = os.fork()
logging.getLogger("pypi_repo.test").error("parent" if child else "child")
if child:
    os.waitpid(child, 0)
"""


class Pipe:
    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.reading, self.writing = os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0)
        self.writer = LogWriter(self.writing)

    def everything(self) -> bytes:
        """All that is written, until the writer is done."""
        with ThreadPoolExecutor(1) as thread:
            read = thread.submit(self.reading.read)
            self.writer.flush()
            self.writing.close()
            return read.result(60)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.writing.close()
    pipe.reading.close()


def test_lines_arrive_in_their_order(pipe: Pipe) -> None:
    lines = [f"line {number} é \udc80\n" for number in range(2000)]
    for line in lines:
        pipe.writer.add(line)

    assert pipe.everything() == "".join(lines).encode("utf-8", "backslashreplace")
    assert pipe.writer.dropped == {NO_ROOM: 0, FAILED: 0}


def test_they_are_written_without_being_asked_for(pipe: Pipe) -> None:
    pipe.writer.add("one\n")

    assert pipe.reading.readline() == b"one\n"


def test_many_are_written_at_once() -> None:
    class Counting:
        writes = 0

        def write(self, data: memoryview, /) -> int:
            self.writes += 1
            return len(data)

    file = Counting()
    writer = LogWriter(file)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(writer.add, ["line\n"] * 5000))
    writer.flush()

    assert 0 < file.writes < 500


def test_a_pipe_that_nobody_reads_holds_up_nobody(pipe: Pipe) -> None:
    for _ in range(10_000):
        pipe.writer.add(LINE)
    dropped = pipe.writer.dropped[NO_ROOM]
    arrived = 0
    while arrived < 10_000 - dropped:
        assert pipe.reading.readline() == LINE.encode()
        arrived += 1
    pipe.writer.add("again\n")

    assert 4_000 < dropped < 7_000
    assert pipe.reading.readline() == b"again\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to write to")
def test_what_a_full_disk_does_not_take_is_counted() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        writer = LogWriter(full)
        for _ in range(10):
            writer.add(LINE)
        writer.flush()
    handler = BatchHandler(writer)
    logging.getLogger().addHandler(handler)
    counted = dropped_lines()
    logging.getLogger().removeHandler(handler)

    assert writer.dropped == {NO_ROOM: 0, FAILED: 10}
    assert counted == writer.dropped


def test_a_pipe_that_must_not_be_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing.fileno(), False)
    for _ in range(1000):
        pipe.writer.add(LINE)
    pipe.writer.flush()

    assert pipe.writer.dropped[FAILED] > 0


def test_the_end_of_the_process_writes_what_waits() -> None:
    program = PROGRAM.format(lines=100, padding="")
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, timeout=120, check=True
    )

    assert done.stderr.count(b" ERROR pypi_repo.test: line ") == 100


def test_it_does_not_wait_for_who_never_reads() -> None:
    program = PROGRAM.format(lines=1000, padding="x" * 1000)
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        assert process.wait(120) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_writes_its_own_lines() -> None:
    """As the workers of gunicorn --preload."""
    program = PROGRAM.format(lines=3, padding="") + FORK
    done = subprocess.run(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, timeout=120, check=True
    )
    lines = [line.partition(b"pypi_repo.test: ")[2] for line in done.stderr.splitlines()]

    assert sorted(lines) == [b"child", b"line 0 ", b"line 1 ", b"line 2 ", b"parent"]


def test_writers_do_not_keep_each_other_from_the_mutex(pipe: Pipe) -> None:
    """Adding works while the file is stuck in a write."""
    for _ in range(200):
        pipe.writer.add(LINE)
    added = threading.Event()

    def add() -> None:
        pipe.writer.add(LINE)
        added.set()

    threading.Thread(target=add, daemon=True).start()

    assert added.wait(60)
    assert pipe.everything() == LINE.encode() * 201
