"""Each client with a file that streams to the application: published, and told why it is not."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR
from tests.conftest import PASSWORD, READER, USER
from tests.serve.conftest import Prepared, addresses, prepare_folder, publisher_of
from tests.support.clients import Clients
from tests.support.live import ServeProcess
from tests.support.projects import pyproject_project
from tests.support.publishing_clients import BACKENDS, every_client, publish

SIZE = 6_000_000  # more than a socket's buffers hold


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Iterator[ServeProcess]:
    """For all clients, each of which has a project of its own."""
    with prepared.start() as server:
        yield server


@pytest.fixture
def name(client: str) -> str:
    return f"demo{client}"


@pytest.fixture
def project(client: str, name: str, clients: Clients, tmp_path: Path) -> Path:
    """Built files too large to be received before they are looked at."""
    folder = pyproject_project(tmp_path / "project", name, "1.0", BACKENDS[client])
    digits = base64.b64encode(os.urandom(SIZE)).decode()
    (folder / name / "numbers.py").write_text(f'DIGITS = "{digits}"\n')
    if client != "flit":  # which builds by itself
        clients.build(folder)
    return folder


@every_client
def test_refused_and_accepted(
    client: str,
    name: str,
    project: Path,
    server: ServeProcess,
    prepared: Prepared,
    clients: Clients,
) -> None:
    """U01: refused by the headers, and heard all the same. U92: in the client's own words."""
    url = addresses(server).upload()
    stranger = publish(client, clients, project, (url, USER, "wrong"), check=False)
    reader = publish(client, clients, project, (url, READER, PASSWORD), check=False)
    with publisher_of(server) as publisher:
        nothing = publisher.get(f"/repositories/main/simple/{name}/").status
    accepted = publish(client, clients, project, (url, USER, PASSWORD))
    registry = prepared.registry()
    _project, files = registry.acting_as(OPERATOR).projects.get("main", name)
    registry.close()

    assert stranger.returncode != 0
    assert "The user name or password is wrong" in stranger.text or "401" in stranger.text
    assert reader.returncode != 0
    assert "403" in reader.text
    assert nothing == 404
    assert accepted.returncode == 0
    assert {file.filename for file in files} == {
        f"{name}-1.0-py3-none-any.whl",
        f"{name}-1.0.tar.gz",
    }
    assert all(file.size > SIZE for file in files)
