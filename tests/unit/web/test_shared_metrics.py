"""/metrics of several processes that share a folder: what all of them counted."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from pypi_repo import Registry, Settings
from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.variables import from_mapping
from pypi_repo.web.observability.metrics import Counter, family_by_label
from pypi_repo.web.observability.metrics_folder import MetricsFolder, temporary_folder
from tests.support.http import bearer
from tests.support.metrics import NOT_FOUND, TOKEN, samples
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such folder")

LIMIT = 'pypi_repo_page_cache_bytes{kind="limit"}'
HITS = 'pypi_repo_page_cache_lookups_total{result="hit"}'


class Process:
    """What one process is to the others: a registry with its site, over the folder."""

    def __init__(self, folder: Path | None) -> None:
        self.registry = Registry(
            Settings(
                database="sqlite://",
                blobs="memory://",
                password_cost=4,
                metrics_token=TOKEN,
                metrics_folder=folder,
            )
        )
        self._client = Client(self.registry.wsgi_app())

    def ask(self, times: int = 1) -> None:
        for _ in range(times):
            assert self._client.get("/nothing").status_code == 404

    def text(self) -> str:
        response = self._client.get("/metrics", headers=bearer(TOKEN))
        assert response.status_code == 200
        return response.text

    def numbers(self) -> dict[str, float]:
        return samples(self.text())

    def not_found(self) -> float:
        return self.numbers().get(NOT_FOUND, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def new_process(folder: Path) -> Iterator[Callable[[], Process]]:
    with ExitStack() as stack:

        def make() -> Process:
            process = Process(folder)
            stack.callback(process.registry.close)
            return process

        yield make


def files(folder: Path) -> list[str]:
    return sorted(path.suffix or path.name for path in folder.iterdir())


# Sums


def test_each_tells_what_all_counted(new_process: Callable[[], Process]) -> None:
    one, other = new_process(), new_process()
    one.ask(3)
    other.ask(4)
    wait_until(lambda: one.not_found() == 7)
    wait_until(lambda: other.not_found() == 7)
    for process in (one, other):
        numbers = process.numbers()
        assert numbers[LIMIT] == 2 * 64 * 1024 * 1024
        assert numbers['pypi_repo_database_connections{state="in-use"}'] == 0
        name, route = "pypi_repo_request_duration_seconds", 'route="other"'
        assert numbers[f"{name}_count{{{route}}}"] == 7
        assert numbers[f'{name}_bucket{{{route},le="+Inf"}}'] == 7


def test_its_own_it_tells_at_once(new_process: Callable[[], Process]) -> None:
    process = new_process()
    process.ask(5)
    assert process.not_found() == 5


def test_whoever_is_asked_next_tells_no_less(new_process: Callable[[], Process]) -> None:
    """However soon: a counter that goes down is a restart, to Prometheus."""
    processes = [new_process() for _ in range(3)]
    for number in range(30):
        processes[number % 2].ask()
        assert processes[number % 2].not_found() == number + 1
        assert processes[(number + 1) % 3].not_found() == number + 1


def test_several_are_told_like_one(new_process: Callable[[], Process]) -> None:
    """The same names, meanings, types and labels, each of them once."""

    def described(process: Process) -> dict[str, tuple[str, str, list[tuple[str, str]]]]:
        families = list(text_string_to_metric_families(process.text()))
        assert len({family.name for family in families}) == len(families)
        return {
            family.name: (
                family.documentation,
                family.type,
                sorted((sample.name, str(sample.labels)) for sample in family.samples),
            )
            for family in families
        }

    alone, one, other = Process(None), new_process(), new_process()
    alone.ask()
    alone.text()
    one.ask()
    other.text()
    wait_until(lambda: other.not_found() == 1)
    wait_until(lambda: 'route="health"' in one.text())
    assert described(one) == described(other) == described(alone)
    alone.registry.close()
    bounds = re.findall(r'duration_seconds_bucket{route="other",le="([^"]+)"}', other.text())
    assert len(bounds) == 17
    assert bounds == sorted(bounds, key=float)


def test_who_has_answered_nothing_takes_no_part(
    new_process: Callable[[], Process], folder: Path
) -> None:
    """As a server's first process, which loads the site for its children."""
    new_process()
    assert files(folder) == ["lock"]


def test_without_a_folder_or_a_token_nothing_is_shared(tmp_path: Path, folder: Path) -> None:
    settings = Settings(database="sqlite://", blobs="memory://", metrics_folder=folder)
    with Registry(settings) as registry:
        Client(registry.wsgi_app()).get("/healthz")
    alone = Process(None)
    alone.ask()
    alone.registry.close()
    assert list(tmp_path.iterdir()) == []


# Those that end


def test_counters_outlive_a_process_and_gauges_do_not(new_process: Callable[[], Process]) -> None:
    one, other = new_process(), new_process()
    one.ask(3)
    one.registry.close()
    numbers = other.numbers()
    assert numbers[NOT_FOUND] == 3
    assert numbers[HITS] == 0
    assert numbers[LIMIT] == 64 * 1024 * 1024


def test_one_that_is_used_again_after_its_end_counts_nothing_twice(
    new_process: Callable[[], Process],
) -> None:
    one, other = new_process(), new_process()
    for number in (1, 2, 3):
        one.ask(2)
        assert one.not_found() == 2 * number
        one.registry.close()
        assert other.not_found() == 2 * number
        assert one.not_found() == 2 * number
        one.registry.close()
        assert other.not_found() == 2 * number


def test_a_forked_child_begins_at_zero(new_process: Callable[[], Process]) -> None:
    """The parent closes the registry first, as whoever forks must."""
    process = new_process()
    process.ask(3)
    process.registry.close()
    code = f"""
import os, sys
from pathlib import Path
from tests.unit.web.test_shared_metrics import Process
process = Process(Path({str(process.registry._settings.metrics_folder)!r}))
process.ask(10)
process.registry.close()
for _ in range(2):
    child = os.fork()
    if child == 0:
        process.ask(5)
        process.registry.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert process.not_found() == 23


def test_a_killed_process_loses_nothing_that_it_told(
    new_process: Callable[[], Process], folder: Path
) -> None:
    process = new_process()
    code = f"""
import time
from pathlib import Path
from tests.unit.web.test_shared_metrics import Process
process = Process(Path({str(folder)!r}))
process.ask(6)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as killed:
        wait_until(lambda: process.not_found() == 6)
        assert process.numbers()[LIMIT] == 2 * 64 * 1024 * 1024
        killed.send_signal(signal.SIGKILL)
        killed.wait(60)
    for _ in range(3):
        numbers = process.numbers()
        assert numbers[NOT_FOUND] == 6
        assert numbers[LIMIT] == 64 * 1024 * 1024


def test_processes_that_are_killed_at_any_moment_lose_nothing_that_they_told(
    folder: Path, tmp_path: Path
) -> None:
    """Also while they tell, or add up the numbers of others that were killed."""
    notes = tmp_path / "notes"
    notes.mkdir()
    program = [sys.executable, "-m", "tests.support.counting_processes", folder, notes, "80"]
    seen = json.loads(subprocess.run(program, check=True, capture_output=True).stdout)
    assert seen["all_were_at_work"]
    assert seen["totals"] == sorted(seen["totals"])
    assert 0 < seen["told"] <= seen["totals"][-1] <= seen["begun"]
    assert seen["files"] == ["ended", "lock"]


def test_hundreds_that_end_leave_a_small_folder(folder: Path) -> None:
    counted = Counter("counted", "Whatever.")
    counted.add(3)
    gauge = family_by_label("kept", "Whatever.", "gauge", "kind", {"used": 7})
    for _ in range(300):
        member = MetricsFolder(folder)
        member.join()
        member.write([counted.family(), gauge])
        member.leave()
        assert len(files(folder)) <= 4
    (ended,) = MetricsFolder(folder).others()
    assert [(each.name, each.samples) for each in ended] == [("counted", {"counted": 900})]
    assert files(folder) == ["ended", "lock"]
    assert (folder / "ended").stat().st_size < 500


def test_who_died_while_it_added_up_the_dead_made_them_count_once(folder: Path) -> None:
    counted = Counter("counted", "Whatever.")
    counted.add(3)
    member = MetricsFolder(folder)
    member.join()
    member.write([counted.family()])
    member.leave()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for _ in range(2):
        (ended,) = MetricsFolder(folder).others()
        assert ended[0].samples == {"counted": 3}
        for path, content in before.items():
            path.write_bytes(content)


# A folder for a while


def test_a_temporary_folder_is_there_for_as_long_as_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with temporary_folder() as one, temporary_folder() as other:
        (process := Process(one)).ask()
        assert process.not_found() == 1
        assert one != other
        process.registry.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_removed_once_its_children_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = """
import os, time
from pypi_repo.web.observability.metrics_folder import temporary_folder
with temporary_folder() as folder:
    (child := os.fork()) or time.sleep(600)
    print(child, flush=True)
    time.sleep(600)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        child = int(server.stdout.readline())
        (left,) = tmp_path.iterdir()
        server.kill()
        server.wait(60)
        with temporary_folder():
            assert left.exists()
        os.kill(child, signal.SIGKILL)

    def is_removed() -> bool:
        with temporary_folder():
            return not left.exists()

    wait_until(is_removed)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives a folder to others"
)
def test_what_somebody_else_put_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a pipe that nobody writes to would block for ever."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trap = tmp_path / "pypi-repo-metrics-trap"
    trap.mkdir()
    os.mkfifo(trap / "server")
    os.chown(trap, 65534, 65534)
    started = threading.Event()

    def start() -> None:
        with temporary_folder():
            started.set()

    threading.Thread(target=start, daemon=True).start()
    assert started.wait(120)
    assert trap.exists()


# Trouble


def test_what_cannot_be_added_up_now_counts_where_it_lies(
    new_process: Callable[[], Process], folder: Path
) -> None:
    """As on a full disk."""
    one, other = new_process(), new_process()
    one.ask(3)
    one.registry.close()
    in_the_way = folder / "ended.tmp"
    in_the_way.mkdir()
    assert other.not_found() == 3
    in_the_way.rmdir()
    assert other.not_found() == 3
    assert (folder / "ended").exists()


def test_numbers_cut_short_by_a_power_failure_are_left_out(
    new_process: Callable[[], Process], folder: Path
) -> None:
    process = new_process()
    for name in ("ended", "abc.json", "abc.alive"):
        (folder / name).write_bytes(b"")
    process.ask(2)
    assert process.not_found() == 2


def test_deleted_files_are_made_anew(new_process: Callable[[], Process], folder: Path) -> None:
    one, other = new_process(), new_process()
    one.ask(3)
    wait_until(lambda: other.not_found() == 3)
    folder.rename(folder.with_name("gone"))  # at once, since the processes go on writing
    wait_until(lambda: other.not_found() == 3)
    assert other.numbers()[LIMIT] == 2 * 64 * 1024 * 1024


def test_files_that_are_needed_look_new(new_process: Callable[[], Process], folder: Path) -> None:
    """Systems delete old files in the folders for temporary ones."""
    ended, process = new_process(), new_process()
    ended.ask()
    ended.registry.close()
    process.ask()
    wait_until(lambda: len(list(folder.glob("*.json"))) == 1 and (folder / "ended").exists())
    needed = [folder / "ended", *folder.glob("*.alive")]
    for path in needed:
        os.utime(path, (0, 0))
    wait_until(lambda: all(path.stat().st_mtime > 0 for path in needed))


def test_telling_goes_on_after_a_failure_which_is_logged_once(
    new_process: Callable[[], Process], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = new_process(), new_process()
    one.ask(2)
    wait_until(lambda: other.not_found() == 2)
    in_the_way = folder / f"{one.registry._shared_metrics[0]._folder._name}.tmp"
    in_the_way.mkdir()
    one.ask()
    wait_until(lambda: "cannot be told" in caplog.text)
    one.ask()
    in_the_way.rmdir()
    wait_until(lambda: other.not_found() == 4)
    assert caplog.text.count("cannot be told") == 1


def test_a_folder_that_cannot_be_read_is_said(
    new_process: Callable[[], Process], folder: Path
) -> None:
    process = new_process()
    (folder / "lock").unlink()
    (folder / "lock").mkdir()
    response = process._client.get("/metrics", headers=bearer(TOKEN))
    assert response.status_code == 503
    assert str(folder) not in response.text
    (folder / "lock").rmdir()
    assert process.not_found() == 0


def test_a_temporary_folder_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="TMPDIR"), temporary_folder():
        pass


def test_a_folder_that_is_a_file_is_refused_at_the_start(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(ConfigurationError, match=f"{folder} .*is a file"):
        Process(folder)


def test_it_comes_from_the_environment(folder: Path) -> None:
    assert from_mapping({"PYPI_REPO_METRICS_FOLDER": str(folder)}).metrics_folder == folder
    assert from_mapping({"PYPI_REPO_METRICS_FOLDER": ""}).metrics_folder is None
