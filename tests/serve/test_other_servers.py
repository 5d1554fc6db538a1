"""`pypi_repo.wsgi:application`, configured by the environment, under other WSGI servers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import addresses, clean_environment, publisher_of
from tests.support.clients import Clients
from tests.support.distributions import wheel
from tests.support.processes import ServerProcess, free_port

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="gunicorn and granian's workers are of another world"
)

APPLICATION = "pypi_repo.wsgi:application"


def gunicorn(port: int) -> list[str]:
    return ["gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", APPLICATION]


def granian(port: int) -> list[str]:
    place = ["--host", "127.0.0.1", "--port", str(port)]
    return ["granian", "--interface", "wsgi", "--workers", "2", *place, APPLICATION]


def start(command: Callable[[int], list[str]], data: Path) -> ServerProcess:
    port = free_port()
    environment = {**clean_environment(), "PYPI_REPO_DATA": str(data)}
    return ServerProcess([sys.executable, "-m", *command(port)], port, env=environment)


@pytest.mark.parametrize("command", [gunicorn, granian])
def test_upload_and_install(
    command: Callable[[int], list[str]], clients: Clients, tmp_path: Path
) -> None:
    """In an empty folder, which both workers set up at once."""
    data = tmp_path / "data"
    with start(command, data) as server:
        make_accounts(data)
        site = addresses(server)
        clients.publish_with_twine(*site.target(), wheel("demo", "1.0").save(tmp_path))
        clients.publish_with_uv(*site.target(), wheel("demo", "2.0").save(tmp_path))
        other = wheel("demo", "2.0", files={"demo/new.py": b""}).save(tmp_path / "other")
        refused = clients.publish_with_uv(*site.target(), other, check=False)
        python = clients.venv(tmp_path / "venv")
        clients.pip(python, "install", "--index-url", site.index(), "demo<2")
        first = clients.uv("pip", "freeze", "--python", python).stdout
        clients.uv("pip", "install", "--python", python, "--upgrade",
                   "--index-url", site.index(), "demo")  # fmt: skip
        second = clients.uv("pip", "freeze", "--python", python).stdout

    assert (first, second) == ("demo==1.0\n", "demo==2.0\n")
    assert "already exists" in refused.text
    assert "Traceback" not in server.output


@pytest.mark.parametrize("command", [gunicorn, granian])
def test_every_worker_sees_an_upload_at_once(
    command: Callable[[int], list[str]], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with start(command, data) as server:
        make_accounts(data)
        for number in range(20):
            dist = wheel("demo", f"1.{number}")
            with publisher_of(server) as publisher:
                answer = publisher.upload(dist)
            assert answer.status == 200, answer.text
            for _ in range(4):
                with publisher_of(server) as reader:
                    assert dist.filename in reader.get("/repositories/main/simple/demo/").text


@pytest.mark.parametrize("command", [gunicorn, granian])
def test_large_files_pass_unchanged(command: Callable[[int], list[str]], tmp_path: Path) -> None:
    data = tmp_path / "data"
    dist = wheel("demo", padding=30_000_000)
    digest = dist.sha256
    path = f"/repositories/main/files/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{dist.filename}"
    with start(command, data) as server:
        make_accounts(data)
        with publisher_of(server) as publisher:
            assert publisher.upload(dist).status == 200
            whole = publisher.get(path)
            part = publisher.get(path, Range="bytes=1000-1999")
            head = publisher.request("HEAD", path, {})

    assert whole.body == dist.content
    assert (part.status, part.body) == (206, dist.content[1000:2000])
    assert head.headers.get("Content-Length", head.headers.get("content-length")) == str(
        len(dist.content)
    )


def make_accounts(data: Path) -> None:
    """While the server runs: it asks the database on each request."""
    url = f"sqlite:///{data}/registry.db"
    registry = Registry(Settings(database=url, password_cost=4))
    registry.repositories.create("main")
    registry.accounts.create_user(USER, PASSWORD)
    registry.close()


def test_outdated_schema_stops_no_import_and_is_told(tmp_path: Path) -> None:
    """A worker that cannot start would be started for ever; here each answer says what to do."""
    (tmp_path / "registry.db").touch()
    with start(gunicorn, tmp_path) as server, publisher_of(server) as publisher:
        answer = publisher.get("/repositories/main/simple/")

    assert answer.status == 503
    assert "pypi-repo db upgrade" in answer.text


def test_wrong_environment_is_told(tmp_path: Path) -> None:
    environment = {**clean_environment(), "PYPI_REPO_MAX_UPLOAD_SIZE": "big"}
    done = subprocess.run(
        [sys.executable, "-c", "import pypi_repo.wsgi"],
        env={**environment, "PYPI_REPO_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "'big' is not a size" in done.stderr
