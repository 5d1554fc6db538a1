"""The server as people run it: a process of its own over a folder that this process prepared."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import PASSWORD, USER, populate
from tests.support.addresses import Addresses
from tests.support.clients import Completed
from tests.support.distributions import Distribution
from tests.support.live import ServeProcess
from tests.support.processes import ServerProcess
from tests.support.publisher import Publisher, publishing
from tests.support.waiting import wait_until
from tests.support.warm_python import warm_python

UPLOAD = "/repositories/main/"


@dataclass(frozen=True)
class Prepared:
    """A registry with repository, user and administrator, and the options that name it."""

    settings: Settings
    options: list[str]

    def registry(self) -> Registry:
        return Registry(self.settings)

    def start(self, **how: Any) -> ServeProcess:
        return ServeProcess(*self.options, **how)


def prepare(options: list[str], database: str, blobs: str) -> Prepared:
    prepared = Prepared(Settings(database=database, blobs=blobs, password_cost=4), options)
    registry = prepared.registry()
    registry.upgrade()
    populate(registry)
    registry.close()
    return prepared


def prepare_folder(data: Path) -> Prepared:
    database, blobs = f"sqlite:///{data}/registry.db", f"file://{data}/blobs"
    return prepare(["--data", str(data)], database, blobs)


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """In a data folder."""
    return prepare_folder(tmp_path / "data")


@pytest.fixture
def prepared_on_each_engine(database_url: str, tmp_path: Path) -> Prepared:
    blobs = f"file://{tmp_path}/blobs"
    return prepare(["--database", database_url, "--blobs", blobs], database_url, blobs)


@pytest.fixture
def server(prepared: Prepared) -> Iterator[ServeProcess]:
    with prepared.start() as server:
        yield server


def addresses(server: ServerProcess) -> Addresses:
    return Addresses(server.url, USER, PASSWORD)


def publisher_of(server: ServerProcess) -> AbstractContextManager[Publisher]:
    return publishing(*addresses(server).target())


def download_path(dist: Distribution) -> str:
    return f"/repositories/main/files/{dist.path}"


def refuses_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it came at the moment at which the socket was closed
        pass
    return False


def await_its_end(server: ServeProcess) -> None:
    """Until it has seen the signal, and takes no more connections."""
    wait_until(lambda: refuses_connections(server.port))


@pytest.fixture
def serve() -> Callable[..., Completed]:
    """Runs `python -m pypi_repo.serve` where it should end by itself."""

    def serve(*args: str | Path, env: dict[str, str] | None = None) -> Completed:
        done = warm_python().run(
            "pypi_repo.serve",
            list(map(str, args)),
            env={**clean_environment(), **(env or {})},
            timeout=120,
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    return serve


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "PYPI_REPO_" not in name}


def assert_one_sentence(done: Completed, *parts: str) -> None:
    """Exit status 1, nothing on stdout, and one line for people on stderr."""
    assert done.returncode == 1, done.text
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("Error: "), done.stderr
    for part in parts:
        assert part in done.stderr
