"""/metrics of servers with several worker processes, on a real port."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from pypi_repo.web.observability.metrics import summed
from pypi_repo.web.observability.metrics_folder import MetricsFolder
from tests.conftest import populate
from tests.serve.conftest import Prepared, download_path, publisher_of
from tests.support.distributions import wheel
from tests.support.http import bearer
from tests.support.live import ServeProcess
from tests.support.metrics import NOT_FOUND, REQUESTS, TOKEN, samples
from tests.support.processes import ServerProcess
from tests.support.waiting import wait_until
from tests.support.wsgi_servers import SERVERS, ServerName, WsgiServer

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="these servers are of another world"
)

UPLOADS = "pypi_repo_uploads_total"
LIMIT = 'pypi_repo_page_cache_bytes{kind="limit"}'
ONE_LIMIT = 64 * 1024 * 1024


def start(name: ServerName, folder: Path, *more: str) -> WsgiServer:
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    with Registry(Settings(database=f"sqlite:///{data}/registry.db")) as registry:
        populate(registry)
    registry_of = {
        "PYPI_REPO_DATA": str(data),
        "PYPI_REPO_METRICS_TOKEN": TOKEN,
        "PYPI_REPO_METRICS_FOLDER": str(folder / "metrics"),
    }
    return WsgiServer(name, folder, registry_of, more=more)


def test_serve_says_that_it_has_a_folder_of_its_own(prepared: Prepared, tmp_path: Path) -> None:
    environment = {"PYPI_REPO_METRICS_FOLDER": str(tmp_path / "metrics")}
    with ServeProcess(*prepared.options, env=environment) as server:
        wait_until(lambda: "PYPI_REPO_METRICS_FOLDER is not used" in server.output)

    assert not (tmp_path / "metrics").exists()


def ask(server: ServerProcess, times: int) -> None:
    """Each time on a new connection, so that more than one worker answers."""
    for _ in range(times):
        assert get(server, "/nothing") == (404, "There is no such page; check the address.\n")


def get(server: ServerProcess, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.request("GET", path, headers=bearer(TOKEN))
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def numbers(server: ServerProcess) -> dict[str, float]:
    status, text = get(server, "/metrics")
    assert status == 200
    return samples(text)


def wait_for(server: ServerProcess, **wanted: float) -> None:
    """Whichever worker answers, and it stays so."""
    names = {
        "asked": NOT_FOUND,
        "uploads": UPLOADS,
        "limit": LIMIT,
        "pages": f'{REQUESTS}{{route="simple-project",method="GET",status="200"}}',
        "files": f'{REQUESTS}{{route="file",method="GET",status="200"}}',
    }

    def is_so() -> bool:
        found = [numbers(server) for _ in range(6)]
        return all(one.get(names[key]) == value for one in found for key, value in wanted.items())

    wait_until(is_so)


def told_below(folder: Path) -> float:
    """What survives the workers, whatever happens to them now."""
    found = summed(MetricsFolder(folder).others())
    return sum(told.samples.get(NOT_FOUND, 0) for told in found)


@pytest.mark.parametrize("name", SERVERS)
def test_workers_tell_together_what_clients_did(name: ServerName, tmp_path: Path) -> None:
    with start(name, tmp_path) as server:
        with publisher_of(server) as publisher:
            for number in range(5):
                assert publisher.upload(wheel("demo", f"1.{number}")).status == 200
        ask(server, 60)
        wait_for(server, asked=60, uploads=5)


def test_workers_that_were_forked_with_the_site_loaded(tmp_path: Path) -> None:
    with start("gunicorn", tmp_path, "--preload") as server:
        ask(server, 40)
        wait_for(server, asked=40, limit=2 * ONE_LIMIT)


@pytest.fixture(params=["serve", "gunicorn"])
def pair(
    request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path
) -> Iterator[tuple[ServerProcess, Path]]:
    """A server with two workers, and the folder in which they tell what they count."""
    if request.param == "gunicorn":
        with start("gunicorn", tmp_path / "gunicorn") as server:
            yield server, tmp_path / "gunicorn" / "metrics"
        return
    options = (*prepared.options, "--workers", "2", "--metrics-token", TOKEN)
    with ServeProcess(*options) as server:
        (folder,) = (tmp_path / "data" / "spool").glob("pypi-repo-metrics-*")
        yield server, folder


def test_pages_and_files_are_counted_once_each(pair: tuple[ServerProcess, Path]) -> None:
    """Also those that a server tries to answer in one way, and then answers in another."""
    server, _folder = pair
    dist = wheel()
    with publisher_of(server) as publisher:
        assert publisher.upload(dist).status == 200
        for _ in range(25):
            assert publisher.get("/repositories/main/simple/demo/").status == 200
            assert publisher.get(download_path(dist)).status == 200
    wait_for(server, uploads=1, pages=25, files=25)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the children of a process")
def test_workers_that_are_killed_or_replaced_lose_nothing(pair: tuple[ServerProcess, Path]) -> None:
    server, folder = pair
    for turn in range(1, 4):
        ask(server, 20)
        wait_until(lambda told=20 * turn: told_below(folder) == told)
        workers = server.workers
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda old=workers[0]: old not in server.workers)
        wait_for(server, asked=20 * turn)
    wait_until(lambda: len(server.workers) == 2)
    old = set(server.workers)
    ask(server, 15)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(server.workers) == 2 and not old & set(server.workers))
    ask(server, 25)
    wait_for(server, asked=100, limit=2 * ONE_LIMIT)
    server.close()
    assert "Traceback" not in server.output


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the children of a process")
def test_a_server_leaves_no_folder_behind(prepared: Prepared, tmp_path: Path) -> None:
    """Or it is removed at the next start, where the server was killed."""
    options = (*prepared.options, "--workers", "2", "--metrics-token", TOKEN)
    spool = tmp_path / "data" / "spool"
    with ServeProcess(*options) as killed:
        ask(killed, 10)
        workers = killed.workers
        for process in (killed.process.pid, *workers):
            with suppress(ProcessLookupError):  # they end by themselves without the first
                os.kill(process, signal.SIGKILL)
        killed.process.wait(60)
        (left,) = spool.iterdir()
        wait_until(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))
    with ServeProcess(*options) as server:
        ask(server, 10)
        wait_for(server, asked=10)
        (own,) = spool.iterdir()
        assert own != left
        assert server.terminate() == 0
    assert list(spool.iterdir()) == []
