"""A registry on a real port, whose repository has an index elsewhere as its source."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import populate
from tests.support.live import LiveServer
from tests.support.scripted_index import Installer, ScriptedIndex


@pytest.fixture
def index() -> Iterator[ScriptedIndex]:
    with ScriptedIndex() as index:
        yield index


@pytest.fixture
def on_disk(tmp_path: Path, index: ScriptedIndex) -> Iterator[Registry]:
    """With its files in a folder, and the index as the source of its public repository."""
    with Registry(Settings(database=tmp_path / "registry.db", password_cost=4)) as registry:
        populate(registry)
        index.create_on(registry)
        yield registry


@pytest.fixture
def installer(on_disk: Registry) -> Iterator[Installer]:
    with LiveServer(on_disk.wsgi_app()) as server:
        yield Installer(f"{server.url}/repositories/main")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer that was cut goes on at once."""
    monkeypatch.setattr("pypi_repo.services.upstreams.fetching.transfer._PAUSE", 0)
