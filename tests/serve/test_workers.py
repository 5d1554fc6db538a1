"""Several processes behind one port, and the one that looks after them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import (
    UPLOAD,
    Prepared,
    await_its_end,
    clean_environment,
    publisher_of,
    refuses_connections,
)
from tests.support.distributions import Distribution, multipart, upload_form, wheel
from tests.support.http import Connection, basic
from tests.support.live import ServeProcess
from tests.support.processes import ServerProcess
from tests.support.s3 import S3Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="no /proc to find processes in"
)

RELOADS = 5
CONNECTIONS = 40
PAGE = "/repositories/main/simple/demo/"


def awaited_workers(server: ServeProcess, without: set[int], number: int = 2) -> set[int]:
    """As many as that, and none of the old ones."""
    wait_until(lambda: len(server.workers) == number and not without & set(server.workers))
    return set(server.workers)


@pytest.fixture
def pair(prepared: Prepared) -> Iterator[ServeProcess]:
    with ServeProcess(*prepared.options, "--workers", "2") as server:
        yield server


class Upload:
    """Half of it is sent when the block begins."""

    def __init__(self, server: ServerProcess, dist: Distribution) -> None:
        content = ("content", dist.filename, dist.content, None)
        self._body, content_type = multipart(upload_form(dist), [content])
        self._connection = Connection(server.port)
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(self._body)),
            "Expect": "100-continue",
            **basic(USER, PASSWORD),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._connection.send(f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        assert self._connection.read_head()[0] == b"HTTP/1.1 100 Continue"
        self._connection.send(self._body[:300_000])

    def finish(self) -> bytes:
        self._connection.send(self._body[300_000:])
        status, _headers = self._connection.read_head()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()


class Hammer:
    """Asks for a page until it is told to stop, on connections that are kept or not."""

    def __init__(self, port: int, *, kept: bool) -> None:
        self._port = port
        self._kept = kept
        self._stopping = threading.Event()
        self.answers = 0
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _ask(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._stopping.is_set():
            try:
                connection.request("GET", PAGE, headers=basic(USER, PASSWORD))
                response = connection.getresponse()
                if response.status != 200 or b"demo-1.0" not in response.read():
                    self.faults.append(str(response.status))
            except OSError as error:
                self.faults.append(repr(error))
                connection.close()
            self.answers += 1
            if not self._kept:
                connection.close()
        connection.close()


@contextmanager
def hammering(server: ServeProcess) -> Iterator[list[Hammer]]:
    with publisher_of(server) as publisher:
        assert publisher.upload(wheel()).status == 200
    hammers = [Hammer(server.port, kept=kept) for kept in (True, True, False, False)]
    try:
        yield hammers
    finally:
        for hammer in hammers:
            hammer.stop()


def awaited_answers(hammers: list[Hammer]) -> None:
    """So many of each that all of it has happened since."""
    before = [hammer.answers for hammer in hammers]
    wait_until(lambda: all(h.answers > b + 5 for h, b in zip(hammers, before, strict=True)))


def test_the_process_that_looks_after_them_has_no_thread(pair: ServeProcess) -> None:
    """Or else a lock that one holds when another worker is forked would be held there for ever."""
    os.kill(pair.workers[0], signal.SIGKILL)
    wait_until(lambda: "is started" in pair.output)

    awaited_workers(pair, set())
    wait_until(lambda: len(list(Path(f"/proc/{pair.process.pid}/task").iterdir())) == 1)


def test_nor_has_it_one_of_an_object_store(s3: S3Server, tmp_path: Path) -> None:
    options = s3.storage_options
    environment = {
        "AWS_ACCESS_KEY_ID": options["key"],
        "AWS_SECRET_ACCESS_KEY": options["secret"],
        "AWS_ENDPOINT_URL": s3.endpoint_url,
    }
    blobs = f"s3://{s3.create_bucket('of-workers')}/packages"
    with ServeProcess(
        "--data", tmp_path / "data", "--blobs", blobs, "--workers", "2", env=environment
    ) as server:
        awaited_workers(server, set())
        with publisher_of(server) as publisher:
            assert publisher.get("/readyz").text == "database: ok\nfiles: ok\n"
        threads = list(Path(f"/proc/{server.process.pid}/task").iterdir())

    assert len(threads) == 1


def test_connections_are_shared_out(pair: ServeProcess) -> None:
    """One process would get nearly all of them where the other is a little slower to wake up."""
    wait_until(lambda: all(map(has_a_loop, pair.workers)))
    before = {worker: files_of(worker) for worker in pair.workers}
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = HTTPConnection("127.0.0.1", pair.port, timeout=60)
            stack.callback(connection.close)
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        more = [files_of(worker) - before[worker] for worker in pair.workers]

    assert sum(more) >= CONNECTIONS
    assert min(more) > CONNECTIONS / 4


def files_of(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def has_a_loop(process: int) -> bool:
    files = Path(f"/proc/{process}/fd").iterdir()
    return any(os.readlink(file).endswith("[eventpoll]") for file in files)


def test_who_dies_is_replaced_and_the_others_go_on(pair: ServeProcess) -> None:
    first, second = pair.workers
    with publisher_of(pair) as publisher:
        os.kill(first, signal.SIGKILL)
        for _ in range(20):
            assert publisher.get("/healthz").status == 200
            publisher.close()
    now = awaited_workers(pair, {first})

    assert second in now
    assert f"Worker process {first} was ended by signal 9; another one is started" in pair.output


def test_who_is_asked_to_end_finishes_its_work(prepared: Prepared) -> None:
    dist = wheel(padding=1_000_000)
    with ServeProcess(*prepared.options, "--workers", "1") as server:
        (worker,) = server.workers
        with Upload(server, dist) as upload:
            os.kill(worker, signal.SIGTERM)
            status = upload.finish()
        awaited_workers(server, {worker}, 1)
        with publisher_of(server) as publisher:
            assert dist.filename in publisher.get(PAGE).text

    assert status == b"HTTP/1.1 200 OK"


def test_a_reload_refuses_no_connection(pair: ServeProcess) -> None:
    with hammering(pair) as hammers:
        for _ in range(RELOADS):
            old = set(pair.workers)
            awaited_answers(hammers)
            pair.process.send_signal(signal.SIGHUP)
            awaited_workers(pair, old)
        awaited_answers(hammers)

    assert [hammer.faults for hammer in hammers] == [[], [], [], []]
    # Lines of the log are written up to a second late.
    wait_until(lambda: pair.output.count("New worker processes have taken over") == RELOADS)


def test_an_upload_under_way_outlives_a_reload(prepared: Prepared) -> None:
    with ServeProcess(*prepared.options, "--workers", "1") as server:
        (old,) = server.workers
        with Upload(server, wheel(padding=1_000_000)) as upload:
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "have taken over" in server.output)
            with publisher_of(server) as publisher:
                assert publisher.get("/healthz").status == 200
            both = set(server.workers)
            status = upload.finish()
        awaited_workers(server, {old}, 1)

    assert old in both
    assert len(both) == 2
    assert status == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_are_told_at_once(number: signal.Signals, pair: ServeProcess) -> None:
    """As a terminal does, and systemd."""
    with Upload(pair, wheel(padding=1_000_000)) as upload:
        os.killpg(pair.process.pid, number)
        await_its_end(pair)
        status = upload.finish()

    assert status == b"HTTP/1.1 200 OK"
    assert pair.process.wait(60) == 0
    assert "Traceback" not in pair.output


def test_who_asks_twice_does_not_want_to_wait(pair: ServeProcess) -> None:
    with Upload(pair, wheel(padding=1_000_000)):
        workers = pair.workers
        pair.process.send_signal(signal.SIGTERM)
        await_its_end(pair)
        pair.process.send_signal(signal.SIGTERM)
        ended_with = pair.process.wait(20)

    assert ended_with == -signal.SIGTERM
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_workers_finish_when_nobody_looks_after_them(
    pair: ServeProcess, prepared: Prepared
) -> None:
    """And leave the port to the next server meanwhile."""
    with Upload(pair, wheel(padding=1_000_000)) as upload:
        workers = pair.workers
        os.kill(pair.process.pid, signal.SIGKILL)
        pair.process.wait()
        wait_until(lambda: refuses_connections(pair.port))
        command = [*pair.process.args, "--port", str(pair.port)]
        with ServerProcess(command, pair.port, env=clean_environment()) as next_one:
            status = upload.finish()
            with publisher_of(next_one) as publisher:
                assert publisher.get("/healthz").status == 200
            wait_until(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))
            with publisher_of(next_one) as publisher:
                assert "demo-1.0" in publisher.get(PAGE).text

    assert status == b"HTTP/1.1 200 OK"


def test_a_first_start_is_one(tmp_path: Path) -> None:
    with ServeProcess("--data", tmp_path / "data", "--workers", "4") as server:
        awaited_workers(server, set(), 4)
        with publisher_of(server) as publisher:
            assert publisher.get("/readyz").status == 200

        assert server.output.count("This is a new registry") == 1
        assert server.output.count("Listening on ") == 1
        assert server.terminate() == 0


def test_one_that_is_started_again_and_again(pair: ServeProcess) -> None:
    """With pauses that become longer, and the other one as it was."""
    _first, second = pair.workers
    for _ in range(3):
        (other,) = awaited_workers(pair, set()) - {second}
        os.kill(other, signal.SIGKILL)
        awaited_workers(pair, {other})

    assert second in pair.workers


TERMINAL = """
import os, pty, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run below nohup
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while b"Listening" not in os.read(terminal, 10_000):
    pass
if sys.stdin.read() == "interrupt":
    os.write(terminal, b"\\x03")
else:
    os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("what", ["interrupt", "close"])
def test_it_ends_with_its_terminal(what: str, prepared: Prepared) -> None:
    """Ctrl+C, and a window that is closed, which sends the signal that means a reload elsewhere."""
    serve = [sys.executable, "-m", "pypi_repo.serve", *prepared.options, "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", TERMINAL, *serve, "--workers", "2"],
        input=what,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("0\n", "")
