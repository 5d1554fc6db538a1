"""Work for which requests wait: its turns, its ends, and what it holds meanwhile."""

import logging
import os
import random
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.errors import UnknownFile, UpstreamFailed
from pypi_repo.domain.names import normalize
from pypi_repo.domain.upstreams.pages import UpstreamFile
from pypi_repo.domain.upstreams.upstream import Upstream
from pypi_repo.domain.usage import DownloadedRelease
from pypi_repo.domain.waiting import ComeBack, coming_back
from pypi_repo.services.sources.source import StillElsewhere
from pypi_repo.services.upstreams.fetching.checks import WrongContent
from pypi_repo.services.upstreams.fetching.errands import Errand, Errands
from pypi_repo.services.upstreams.fetching.parts import PartFetch
from tests.support.scripted_index import Installer, ScriptedIndex, in_pieces, serves
from tests.support.scripted_server import Asked, Cut
from tests.support.waiting import wait_until

NAME = "demo-1.0-py3-none-any.whl"
LARGE = random.Random(2).randbytes(700_000)


class Hanging(Errand):
    """Ends when it may."""

    def __init__(self, goes_on: threading.Event) -> None:
        super().__init__()
        self.has_begun = threading.Event()
        self._goes_on = goes_on

    def work(self) -> None:
        self.has_begun.set()
        assert self._goes_on.wait(60)


class HangingDocument(Hanging):
    kind = "document"


@pytest.fixture
def goes_on() -> Iterator[threading.Event]:
    goes_on = threading.Event()
    yield goes_on
    goes_on.set()


def test_an_upstream_that_hangs_takes_no_turn_of_others(
    goes_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._QUEUED", 5)
    errands = Errands()
    first = [errands.join(1, number, lambda: Hanging(goes_on)) for number in range(16 + 5)]
    with pytest.raises(UpstreamFailed):
        errands.join(1, "one more", lambda: Hanging(goes_on))
    assert errands.join(1, "small", lambda: HangingDocument(goes_on)).has_begun.wait(60)
    assert errands.join(2, "other", lambda: Hanging(goes_on)).has_begun.wait(60)
    assert [each.has_begun.is_set() for each in first[16:]] == [False] * 5
    goes_on.set()
    for each in first:
        each.wait_to_end()


class Noting(Errand):
    """Notes the thread that does it."""

    def work(self) -> None:
        self.thread = threading.current_thread()


def test_one_thread_does_one_errand_after_the_other_and_ends_at_the_end() -> None:
    errands = Errands()
    threads = []
    for number in range(5):
        done = errands.join(1, number, Noting)
        done.wait_to_end()
        wait_until(lambda: errands._idle == 1)
        threads.append(done.thread)
    assert set(threads) == {threads[0]}
    left = weakref.ref(done)
    errands.close()
    del done
    assert not threads[0].is_alive()
    assert left() is None
    again = errands.join(1, "again", Noting)  # a registry that was closed can be used again
    again.wait_to_end()
    errands.close()
    assert not again.thread.is_alive()


def test_those_who_wait_for_their_turn_need_no_more_threads(goes_on: threading.Event) -> None:
    class HangingAndNoting(Hanging):
        def work(self) -> None:
            self.thread = threading.current_thread()
            super().work()

    errands = Errands()
    joined = [errands.join(1, number, lambda: HangingAndNoting(goes_on)) for number in range(40)]
    goes_on.set()
    for each in joined:
        each.wait_to_end()
    assert len({each.thread for each in joined}) == 16
    errands.close()
    assert not any(each.thread.is_alive() for each in joined)


def test_a_thread_ends_with_its_errand_when_all_was_closed_meanwhile(
    goes_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the errand is still known or not, and whether others have begun since."""
    for name, seconds in {
        "_ENDED_WITHIN": 0.0,
        "_FORGOTTEN_EVERY": 0.0,
        "_IDLE_FOR": 600.0,
    }.items():
        monkeypatch.setattr(f"pypi_repo.services.upstreams.fetching.errands.{name}", seconds)

    class EndingSlowly(Noting):
        kept = 0.0

        def end(self) -> None:
            super().end()
            assert goes_on.wait(60)

    errands = Errands()
    slow = errands.join(1, "slow", EndingSlowly)
    slow.wait_to_end()
    errands.join(1, "the one before is forgotten by then", Noting).wait_to_end()
    errands.close()
    errands.join(1, "another", Noting).wait_to_end()
    goes_on.set()
    slow.thread.join(60)
    assert not slow.thread.is_alive()
    errands.close()


def test_an_idle_thread_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._IDLE_FOR", 0.01)
    errands = Errands()
    done = errands.join(1, 1, Noting)
    done.wait_to_end()
    done.thread.join(60)
    assert (done.thread.is_alive(), errands._idle) == (False, 0)
    another = errands.join(1, 2, Noting)
    another.wait_to_end()
    assert another.thread is not done.thread


def test_what_found_no_thread_begins_when_it_is_asked_for_again(
    goes_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    errands = Errands()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fails)
        errand = errands.join(1, "key", lambda: Hanging(goes_on))
    assert errands.join(1, "key", lambda: Hanging(goes_on)) is errand
    assert errand.has_begun.wait(60)


def test_who_waits_for_the_end_does_not_come_back_at_each_step(goes_on: threading.Event) -> None:
    errand = Errands().join(1, "key", lambda: Hanging(goes_on))
    with coming_back(), pytest.raises(ComeBack) as waits:
        errand.wait_to_end()
    rung = waits.value.bell.rung
    for _time in range(10):
        errand.note_progress()
    assert waits.value.bell.rung == rung
    goes_on.set()
    errand.wait_to_end()
    assert waits.value.bell.rung == rung + 1


def test_a_failure_keeps_nothing_of_the_work_alive() -> None:
    class Failing(Errand):
        def work(self) -> None:
            raise UnknownFile("It is gone.") from ValueError("a large one")

    errand = Errands().join(1, "key", Failing)
    with pytest.raises(UnknownFile):
        errand.wait_to_end()
    assert errand.failure is not None
    assert errand.failure.__cause__ is None
    assert errand.failure.__context__ is None


def listed(registry: Registry, installer: Installer) -> tuple[Upstream, UpstreamFile]:
    installer.page("demo")
    upstream = registry.acting_as(OPERATOR).upstreams.get("elsewhere")
    seen = registry._upstream_pages.page(upstream, normalize("demo"))
    assert seen is not None
    return upstream, seen.load().by_filename[NAME]


class SlowLog(logging.Handler):
    """Has whoever tells of something wait."""

    def __init__(self, goes_on: threading.Event) -> None:
        super().__init__()
        self.was_told = threading.Event()
        self._goes_on = goes_on

    def emit(self, _record: logging.LogRecord) -> None:
        self.was_told.set()
        assert self._goes_on.wait(60)


def test_who_comes_while_a_fetch_fails_is_told_why(
    index: ScriptedIndex, installer: Installer, on_disk: Registry, goes_on: threading.Event
) -> None:
    """What had arrived is gone by then, and the reason not known yet."""
    index.add(NAME, LARGE)
    index.put(NAME, LARGE[::-1])
    log = SlowLog(goes_on)
    logger = logging.getLogger("pypi_repo.services.upstreams.fetching.fetches")
    logger.addHandler(log)
    try:
        fetch = on_disk._upstream_files.whole(*listed(on_disk, installer))
        assert log.was_told.wait(60)
        fetch.wait_for_begin()
        with coming_back(), pytest.raises(ComeBack):
            fetch.chunks()
        goes_on.set()
        with pytest.raises(WrongContent):
            fetch.chunks()
    finally:
        logger.removeHandler(log)


def part_of(registry: Registry, installer: Installer, start: int, stop: int | None) -> PartFetch:
    """The fetch of a part of the file."""
    return registry._upstream_files.part(*listed(registry, installer), start, stop)


def arriving(
    registry: Registry, installer: Installer, start: int, stop: int | None
) -> Iterable[bytes]:
    """A part of the file, for a reader."""
    upstream, file = listed(registry, installer)
    release = DownloadedRelease(1, file.project, file.version)
    served = registry._upstream_files.file(upstream, file, public=True, counted_for=release)
    with pytest.raises(StillElsewhere) as found:
        served.open()
    part = found.value.file.part(start, stop)
    assert part is not None
    return part.content


class Stopping:
    """Answers with the beginning, and with the rest when it may."""

    def __init__(self, goes_on: threading.Event) -> None:
        self._goes_on = goes_on

    def __call__(self, asked: Asked, content: bytes) -> Iterable[bytes]:
        whole = serves(asked, content)
        yield whole[:100_000]
        if not self._goes_on.wait(60):
            raise Cut
        yield from in_pieces(whole[100_000:], 100_000)


def test_the_next_reader_of_a_part_gets_all_when_the_one_before_has_left(
    index: ScriptedIndex, installer: Installer, on_disk: Registry, goes_on: threading.Event
) -> None:
    """F5: clients that time out try again at once."""
    index.answers = Stopping(goes_on)
    index.add(NAME, LARGE)
    first = arriving(on_disk, installer, 10, None)
    next(iter(first))
    first.close()  # type: ignore[attr-defined]
    second = arriving(on_disk, installer, 10, None)
    goes_on.set()
    assert b"".join(second) == LARGE[10:]


def test_a_part_that_is_read_by_nobody_ends_and_holds_no_space(
    index: ScriptedIndex, installer: Installer, on_disk: Registry, goes_on: threading.Event
) -> None:
    """F5."""
    index.answers = Stopping(goes_on)
    index.add(NAME, LARGE)
    fetch = part_of(on_disk, installer, 10, None)
    fetch.wait_for_begin()
    fetch.chunks().close()  # type: ignore[attr-defined]
    goes_on.set()
    wait_until(lambda: fetch.is_over)
    wait_until(lambda: fetch._file is None)
    assert not fetch.is_whole
    again = part_of(on_disk, installer, 10, None)
    again.wait_for_begin()
    chunks = again.chunks()
    assert b"".join(chunks) == LARGE[10:]
    wait_until(lambda: again.is_over)
    chunks.close()  # type: ignore[attr-defined]
    assert again._file is None


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_parts_that_wait_for_their_turn_hold_no_file(
    index: ScriptedIndex,
    installer: Installer,
    on_disk: Registry,
    goes_on: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._AT_ONCE", 1)
    index.answers = Stopping(goes_on)
    index.add(NAME, LARGE)
    part_of(on_disk, installer, 0, 10).wait_for_begin()
    before = len(os.listdir("/proc/self/fd"))
    for start in range(1, 100):
        part_of(on_disk, installer, start, start + 10)
    assert len(os.listdir("/proc/self/fd")) < before + 50


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("fetching.parts", "cached"):
        monkeypatch.setattr(f"pypi_repo.services.upstreams.{module}.LARGEST_PART", 100_000)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [len(LARGE), None])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=10-", range(10, 700_000)),
        ("bytes=10-500009", range(10, 500_010)),
        ("bytes=-600000", range(100_000, 700_000)),
    ],
)
def test_a_large_part_comes_with_the_whole_file_which_is_kept(
    asked: str,
    expected: range,
    size: int | None,
    index: ScriptedIndex,
    installer: Installer,
    on_disk: Registry,
) -> None:
    """F5: so any number of parts costs no more than the file."""
    index.add(NAME, LARGE, size=size)
    got = installer.download(NAME, Range=asked)
    assert (got.status, got.is_whole) == (206, True)
    assert got.body == LARGE[expected.start : expected.stop]
    assert got.headers["content-range"] == f"bytes {expected.start}-{expected.stop - 1}/700000"
    wait_until(lambda: on_disk._upstream_files.results()["whole"] == 1)
    so_far = len(index.asked)
    assert installer.download(NAME, Range="bytes=30-").body == LARGE[30:]
    assert len(index.asked) == so_far
    assert index.ranges.count(None) == 1


@pytest.mark.usefixtures("small_parts")
def test_an_upstream_that_sends_a_part_without_end_is_not_followed(
    index: ScriptedIndex, installer: Installer
) -> None:
    """S3."""

    def answers(asked: Asked, content: bytes) -> bytes:
        if "range" not in asked.headers:
            return serves(asked, content)
        said = f"bytes 10-{10**17}/{10**18 - 1}"
        head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: {said}\r\n\r\n"
        return head.encode() + b"x" * 300_000

    index.answers = answers
    index.add(NAME, LARGE, size=None)
    assert installer.download(NAME, Range="bytes=10-").body == LARGE[10:]


def test_metadata_that_an_upstream_does_not_have_are_asked_for_once(
    index: ScriptedIndex, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5: and not again after a moment, as after a failure."""
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.errands._NOT_TRIED_AGAIN", 0)
    index.add("demo-1.0.tar.gz", LARGE, core_metadata=True)
    place = f"{installer.place('demo-1.0.tar.gz')}.metadata"
    for _time in range(3):
        assert installer.get(place).status == 404
    assert len(index.asked) == 1
