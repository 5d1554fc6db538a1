"""How the processes of a cluster begin, fork and end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pypi_repo import OPERATOR
from tests.cluster.conftest import at_once
from tests.conftest import populate
from tests.serve.conftest import addresses, download_path
from tests.support.cluster import Shared
from tests.support.distributions import wheel
from tests.support.postgres import PostgresServer
from tests.support.publisher import Answer, publishing
from tests.support.s3 import S3Server
from tests.support.wsgi_servers import SERVERS, WsgiServer


def test_a_new_database_is_upgraded_on_several_machines_at_once(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    where = {"PYPI_REPO_DATABASE": postgres.create_database()}
    program = Path(sys.executable).with_name("pypi-repo")

    def upgrade(_machine: int) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, "db", "upgrade"],
            env={**os.environ, **where},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = at_once(upgrade, range(3))

    assert [each.returncode for each in done] == [0] * 3, [each.stderr for each in done]
    assert len({each.stdout for each in done}) == 1


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    """One to stop."""
    with PostgresServer(tmp_path) as server:
        yield server


def test_processes_wait_for_their_database(
    own_postgres: PostgresServer, s3: S3Server, tmp_path: Path
) -> None:
    """They start without it, answer 503, and serve as soon as it is there."""
    shared = Shared(own_postgres.create_database(), s3, s3.create_bucket("waiting"))
    with shared.registry() as registry:
        registry.upgrade()
        populate(registry)
    own_postgres.stop()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(WsgiServer(name, tmp_path, shared.environment, workers=1))
            for name in SERVERS
        ]
        without = [index_of(server) for server in servers]
        own_postgres.start()
        with_it = [index_of(server) for server in servers]

    assert [answer.status for answer in without] == [503] * len(SERVERS)
    assert all("try again" in answer.text for answer in without)
    assert [answer.status for answer in with_it] == [200] * len(SERVERS)


def index_of(server: WsgiServer) -> Answer:
    with publishing(*addresses(server).target()) as publisher:
        return publisher.get("/repositories/main/simple/")


def test_workers_forked_from_a_loaded_application(
    postgres: PostgresServer, s3: S3Server, tmp_path: Path
) -> None:
    """`gunicorn --preload`: each worker has connections of its own to database and store."""
    shared = Shared(postgres.create_database(), s3, s3.create_bucket("preloaded"))
    with shared.registry() as registry:
        registry.upgrade()
        populate(registry)
    dists = [wheel("demo", f"1.{number}", padding=50_000) for number in range(8)]
    with WsgiServer("gunicorn", tmp_path, shared.environment, more=["--preload"]) as server:
        target = addresses(server).target()

        def publish_and_read_back(number: int) -> tuple[int, bytes]:
            with publishing(*target) as publisher:
                status = publisher.upload(dists[number]).status
            with publishing(*target) as reader:
                return status, reader.get(download_path(dists[number])).body

        answers = at_once(publish_and_read_back, range(len(dists)))
        assert server.terminate() == 0
    with shared.registry() as registry:
        (today,) = registry.acting_as(OPERATOR).usage.days(1)

    assert answers == [(200, dist.content) for dist in dists]
    assert today.downloads == len(dists)
    assert "Traceback" not in server.output
