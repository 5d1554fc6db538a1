"""A registry on disk behind a live server, below a prefix, for the real clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import PASSWORD, USER, populate
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.installers import Installer
from tests.support.live import LiveServer

PREFIX = "/team/pypi"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """On disk, as people run it."""
    database = f"sqlite:///{tmp_path}/registry.db"
    registry = Registry(Settings(database=database, password_cost=4))
    populate(registry)
    yield registry
    registry.close()


@pytest.fixture
def site(registry: Registry) -> Iterator[Addresses]:
    """Where the registry is served; its user is the one who may write."""
    with LiveServer(registry.wsgi_app(), prefix=PREFIX) as server:
        yield Addresses(server.url, USER, PASSWORD)


@pytest.fixture
def python(clients: Clients, tmp_path: Path) -> Path:
    """The interpreter of an empty virtual environment."""
    return clients.venv(tmp_path / "venv")


@pytest.fixture
def installer(name: str, clients: Clients, site: Addresses, tmp_path: Path) -> Installer:
    """The client of this name, with a project that consumes packages of the site."""
    return Installer(name, clients, tmp_path / "consumer", site)
