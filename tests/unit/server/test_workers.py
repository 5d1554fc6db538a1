"""Workers that do not even begin to serve."""

import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork here")

PROGRAM = """
import os, signal, sys, time
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.server.signals import end_by
from pypi_repo.server.sockets import listen
from pypi_repo.server.workers import Supervisor
from pypi_repo.web.observability.logs import log_to_stderr

def work(seat):
    {work}

log_to_stderr()
supervisor = Supervisor(
    work, 2, listen("127.0.0.1", 0), renew=lambda: None, when_serving=lambda: print("serving")
)
try:
    ended_by = supervisor.run()
except ConfigurationError as error:
    sys.exit(error.message)
if ended_by is not None:
    end_by(ended_by)
"""
SENTENCE = "No worker process can be started; the lines of the log above say why.\n"


def run(work: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("work", "lines"),
    [
        ("raise ConfigurationError('The moon is new.')", ["cannot serve. The moon is new."]),
        ("1 / 0", ["A worker process failed.", "ZeroDivisionError: division by zero"]),
        ("sys.exit(3)", ["A worker process failed.", "SystemExit: 3"]),
        ("os.abort()", ["was ended by signal 6"]),
        ("os._exit(0)", [" ended; another one is started in 0.5 s."]),
    ],
)
def test_none_can_be_started(work: str, lines: list[str]) -> None:
    """It tries for a few seconds, and ends with one sentence; the log says why."""
    done = run(work)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.endswith(SENTENCE)
    assert 3 <= done.stderr.count("another one is started") <= 8, "with pauses, and not for ever"
    for line in lines:
        assert line in done.stderr


def test_the_end_while_they_start() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=r"os.write(1, b'here\n'); time.sleep(600)")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read().count("here") <= 1
        assert process.wait(60) == -signal.SIGTERM
        assert process.stderr.read() == ""
