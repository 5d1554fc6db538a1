"""A server that soon loses patience, and an honest client of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import populate
from tests.serve.conftest import addresses, clean_environment
from tests.support.impatient_server import PATIENCE
from tests.support.processes import ServerProcess, free_port
from tests.support.publisher import Publisher, publishing


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("registry") / "data"
    settings = Settings(database=f"sqlite:///{data}/registry.db", password_cost=4)
    with Registry(settings) as registry:
        populate(registry)
    return data


@contextmanager
def impatient(data: Path, host: str, answer: float, *before: str) -> Iterator[ServerProcess]:
    """before: what the command is started by."""
    port = free_port()
    module = "tests.support.impatient_server"
    command = [*before, sys.executable, "-m", module, str(data), str(port), host, str(answer)]
    with ServerProcess(command, port, env=clean_environment()) as server:
        yield server
        assert server.terminate() == 0
        assert "Traceback" not in server.output, server.output


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[ServerProcess]:
    with impatient(data, "127.0.0.1", PATIENCE.answer) as server:
        yield server


@pytest.fixture(scope="module")
def small_server(data: Path) -> Iterator[ServerProcess]:
    """Has room for about 50 connections, over IPv4 and IPv6."""
    limited = ("sh", "-c", 'ulimit -n 300 && exec "$@"', "sh")
    with impatient(data, "localhost", 60, *limited) as server:
        yield server


@pytest.fixture
def publisher(server: ServerProcess) -> Iterator[Publisher]:
    """An honest client."""
    with publishing(*addresses(server).target()) as publisher:
        yield publisher
