"""Fetches from upstreams that are killed, large, or have no room, with real processes."""

import hashlib
import os
import random
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.conftest import embedded
from tests.support.installation import Installation
from tests.support.live import ServeProcess
from tests.support.scripted_index import Installer, ScriptedIndex, in_pieces, serves
from tests.support.scripted_server import Asked, Cut, reply
from tests.support.tiny_disk import PAGE, NoTinyDisk, TinyDisk
from tests.support.waiting import wait_until

NAME = "demo-1.0-py3-none-any.whl"
CONTENT = random.Random(1).randbytes(2_000_000)
MIB = 1024 * 1024


class Stuck:
    """The first answer stops after a while, until it is cut."""

    def __init__(self, after: int) -> None:
        self.goes_on = threading.Event()
        self._after = after
        self._is_first = True

    def __call__(self, asked: Asked, content: bytes) -> Iterable[bytes]:
        whole = serves(asked, content)
        if not self._is_first:
            yield from in_pieces(whole, 100_000)
            return
        self._is_first = False
        size = whole.index(b"\r\n\r\n") + 4 + self._after
        yield whole[:size]
        self.goes_on.wait(60)
        raise Cut


@pytest.fixture
def index() -> Iterator[ScriptedIndex]:
    with ScriptedIndex() as index:
        yield index


@pytest.fixture
def sourced(installation: Installation, index: ScriptedIndex) -> Installation:
    """With the index as the source of its repository."""
    index.add(NAME, CONTENT)
    with installation.registry() as registry:
        index.create_on(registry)
    return installation


def installer_of(server: ServeProcess) -> Installer:
    return Installer(f"{server.url}/repositories/main")


def assert_it_is_all_there(installation: Installation) -> None:
    stored = installation.stored.digests()
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert stored == {f"{digest[:2]}/{digest[2:4]}/{digest[4:]}/{NAME}": digest}


def assert_it_went_on(index: ScriptedIndex, there: int) -> None:
    """With a request for what was missing, when at least so many bytes were there."""
    whole, rest = index.ranges
    assert whole is None
    assert rest is not None
    start = rest.removeprefix("bytes=").removesuffix("-")
    assert there <= int(start) <= 1_000_000


def test_another_process_goes_on_when_the_one_that_fetches_is_killed(
    sourced: Installation, index: ScriptedIndex
) -> None:
    """F3: within seconds, with a request for the rest; its own clients notice nothing."""
    stuck = index.answers = Stuck(after=1_000_000)
    with ExitStack() as stack:
        first, second = (stack.enter_context(sourced.start()) for _ in range(2))
        place = installer_of(first).place(NAME)
        with installer_of(first).asking(place) as answer:
            assert answer.read(500_000) == CONTENT[:500_000]
            with installer_of(second).asking(place) as following:
                assert following.read(500_000) == CONTENT[:500_000]
                assert len(index.asked) == 1
                first.kill()
                assert following.read() == CONTENT[500_000:]
        stuck.goes_on.set()
        assert_it_went_on(index, 500_000)
        wait_until(lambda: installer_of(second).get(place).body == CONTENT)
    assert_it_is_all_there(sourced)


def test_a_server_that_was_killed_goes_on_where_it_was(
    sourced: Installation, index: ScriptedIndex
) -> None:
    stuck = index.answers = Stuck(after=1_000_000)
    with sourced.start() as server:
        place = installer_of(server).place(NAME)
        with installer_of(server).asking(place) as answer:
            assert answer.read(900_000) == CONTENT[:900_000]
            server.kill()
    stuck.goes_on.set()
    with sourced.start() as server:
        assert installer_of(server).get(place).body == CONTENT
    assert_it_went_on(index, 900_000)
    assert_it_is_all_there(sourced)


def test_many_clients_of_two_workers_cost_one_request(
    sourced: Installation, index: ScriptedIndex
) -> None:
    """F3; what is hot is answered meanwhile."""
    goes_on = threading.Event()

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        whole = serves(asked, content)
        yield whole[:300_000]
        assert goes_on.wait(60)
        yield from in_pieces(whole[300_000:], 100_000)

    index.answers = answers
    got: list[bytes] = []
    with sourced.start("--workers", "2") as server:
        installer = installer_of(server)
        place = installer.place(NAME)
        threads = [
            threading.Thread(target=lambda: got.append(installer.get(place).body))
            for _ in range(100)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(index.asked) == 1)
        for _time in range(20):
            assert installer.page("demo")
        goes_on.set()
        for thread in threads:
            thread.join(60)
        assert [len(body) for body in got] == [len(CONTENT)] * 100
        assert set(got) == {CONTENT}
    assert len(index.asked) == 1
    assert_it_is_all_there(sourced)


def test_a_killed_worker_is_followed_by_another(
    sourced: Installation, index: ScriptedIndex
) -> None:
    stuck = index.answers = Stuck(after=1_000_000)
    with sourced.start("--workers", "2") as server:
        installer = installer_of(server)
        place = installer.place(NAME)
        with installer.asking(place) as answer:
            assert answer.read(900_000) == CONTENT[:900_000]
            for worker in server.workers:
                os.kill(worker, signal.SIGKILL)
        stuck.goes_on.set()
        wait_until(lambda: installer.get(place).body == CONTENT)
    assert_it_went_on(index, 900_000)
    assert_it_is_all_there(sourced)


def test_the_memory_does_not_grow_with_the_file(tmp_path: Path, index: ScriptedIndex) -> None:
    """F2: 16 MiB at most, for 200 MiB."""
    block = random.Random(1).randbytes(MIB)
    size = 200 * MIB
    digest = hashlib.sha256()
    for _ in range(200):
        digest.update(block)

    def answers(asked: Asked, _content: bytes) -> Iterable[bytes]:
        yield reply(Content_Length=str(size))
        for _ in range(200):
            yield block

    index.answers = answers
    index.add("small-1.0-py3-none-any.whl", b"small")
    index.add(NAME, b"", size=size, hashes={"sha256": digest.hexdigest()})
    installation = embedded(tmp_path)
    with installation.registry() as registry:
        index.create_on(registry)
    with installation.start() as server:
        installer = installer_of(server)
        index.answers = serves
        for _time in range(3):
            installer.download("small-1.0-py3-none-any.whl")
        index.answers = answers
        place = installer.place(NAME)
        before = server.peak_memory()
        received = hashlib.sha256()
        with installer.asking(place) as answer:
            while chunk := answer.read(MIB):
                received.update(chunk)
        assert received.digest() == digest.digest()
        assert server.peak_memory() - before < 32 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    try:
        with TinyDisk(tmp_path / "tiny") as disk:
            yield disk
    except NoTinyDisk as reason:
        pytest.skip(str(reason))


def test_a_full_disk_leaves_nothing_and_is_told(
    disk: TinyDisk, index: ScriptedIndex, tmp_path: Path
) -> None:
    database = tmp_path / "elsewhere"
    database.mkdir()
    installation = embedded(disk.folder, database=database)
    # Each its own, or the second would be told that the first has just failed.
    files = {1: NAME, 5: "demo-1.1-py3-none-any.whl", 300: "demo-1.2-py3-none-any.whl"}
    for pages, name in files.items():
        index.add(name, CONTENT if name == NAME else random.Random(pages).randbytes(2_000_000))
    with installation.registry() as registry:
        index.create_on(registry)
    with installation.start() as server:
        installer = installer_of(server)
        for pages, name in files.items():
            disk.leave_pages(pages)
            got = installer.download(name)
            assert got.status == 507 or (got.status == 200 and not got.is_whole), got
            wait_until(lambda: installation.stored.digests() == {})
            assert installer.get(installer.place(name), "HEAD").status == 200
        assert len(index.asked) == len(files)
        place = installer.place(NAME)
        disk.leave_pages(len(CONTENT) // PAGE + 20)
        wait_until(lambda: installer.get(place).body == CONTENT)
    assert_it_is_all_there(installation)
