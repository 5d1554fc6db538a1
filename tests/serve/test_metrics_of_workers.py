"""/metrics of servers with several worker processes, on a real port."""

import os
import signal
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from pypi_repo.web.metrics import together
from pypi_repo.web.metrics_folder import MetricsFolder
from tests.conftest import populate
from tests.serve.conftest import publisher_of
from tests.support.distributions import wheel
from tests.support.http import bearer
from tests.support.metrics import NOT_FOUND, TOKEN, samples, wait_until
from tests.support.processes import ServerProcess, children_of
from tests.support.wsgi_servers import SERVERS, ServerName, WsgiServer

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="these servers are of another world"
)

UPLOADS = "pypi_repo_uploads_total"
LIMIT = 'pypi_repo_page_cache_bytes{kind="limit"}'
ONE_LIMIT = 64 * 1024 * 1024


def start(name: ServerName, folder: Path, *more: str) -> WsgiServer:
    data = folder / "data"
    with Registry(Settings(database=f"sqlite:///{data}/registry.db")) as registry:
        populate(registry)
    registry_of = {
        "PYPI_REPO_DATA": str(data),
        "PYPI_REPO_METRICS_TOKEN": TOKEN,
        "PYPI_REPO_METRICS_FOLDER": str(folder / "metrics"),
    }
    return WsgiServer(name, folder, registry_of, more=more)


def ask(server: ServerProcess, times: int) -> None:
    """Each time on a new connection, so that more than one worker answers."""
    for _ in range(times):
        assert get(server, "/nothing") == (404, "There is nothing here; check the URL.\n")


def get(server: ServerProcess, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
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
    names = {"asked": NOT_FOUND, "uploads": UPLOADS, "limit": LIMIT}

    def is_so() -> bool:
        found = [numbers(server) for _ in range(6)]
        return all(one.get(names[key]) == value for one in found for key, value in wanted.items())

    wait_until(is_so)


def told_below(folder: Path) -> float:
    """What survives the workers, whatever happens to them now."""
    found = together(MetricsFolder(folder).others())
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the children of a process")
def test_workers_that_are_killed_or_replaced_lose_nothing(tmp_path: Path) -> None:
    with start("gunicorn", tmp_path) as server:
        for round_ in range(1, 4):
            ask(server, 20)
            wait_until(lambda told=20 * round_: told_below(tmp_path / "metrics") == told)
            workers = children_of(server.process.pid)
            os.kill(workers[0], signal.SIGKILL)
            wait_until(lambda old=workers[0]: old not in children_of(server.process.pid))
            wait_for(server, asked=20 * round_)
        old = set(children_of(server.process.pid))
        ask(server, 15)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(new := children_of(server.process.pid)) == 2 and not old & set(new))
        ask(server, 25)
        wait_for(server, asked=100, limit=2 * ONE_LIMIT)
    assert "Traceback" not in server.output
