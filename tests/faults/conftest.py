"""The two ways to run a registry, and a server that soon loses patience with its clients.

Embedded is all on one disk; scaled out is PostgreSQL and S3.
"""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import PASSWORD, USER, populate
from tests.serve.conftest import addresses, clean_environment
from tests.support.impatient_server import PATIENCE
from tests.support.installation import (
    Installation,
    StoredInBucket,
    StoredInFolder,
    s3_environment,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import ServerProcess, free_port
from tests.support.publisher import Publisher, publishing
from tests.support.s3 import S3Server

_NUMBERS = itertools.count()


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
    with impatient(data, "localhost", 3600, *limited) as server:
        yield server


@pytest.fixture
def publisher(server: ServerProcess) -> Iterator[Publisher]:
    """An honest client."""
    with publishing(*addresses(server).target()) as publisher:
        yield publisher


def embedded(folder: Path, *, database: Path | None = None) -> Installation:
    """In `folder`; the database can be in another one."""
    blobs = folder / "blobs"
    settings = Settings(
        database=f"sqlite:///{database or folder}/registry.db",
        blobs=f"file://{blobs}",
        password_cost=4,
    )
    return populated(Installation(settings, StoredInFolder(blobs), USER, PASSWORD))


def scaled_out(postgres: PostgresServer, s3: S3Server) -> Installation:
    bucket = s3.create_bucket(f"faults-{id(s3):x}-{next(_NUMBERS)}")
    settings = Settings(
        database=postgres.create_database(),
        blobs=f"s3://{bucket}/packages",
        blob_options=s3.storage_options,
        password_cost=4,
    )
    stored = StoredInBucket(f"{bucket}/packages", s3.storage_options)
    return populated(Installation(settings, stored, USER, PASSWORD, s3_environment(s3)))


def populated(installation: Installation) -> Installation:
    with installation.registry() as registry:
        registry.upgrade()
        populate(registry)
    return installation


@pytest.fixture(params=["embedded", "scaled out"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Installation:
    if request.param == "embedded":
        return embedded(tmp_path)
    return scaled_out(request.getfixturevalue("postgres"), request.getfixturevalue("s3"))
