"""A registry that moves from SQLite and a folder to PostgreSQL and an object store."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.clients.conftest import PREFIX
from tests.conftest import PASSWORD, USER
from tests.support.addresses import Addresses
from tests.support.clients import Clients
from tests.support.distributions import sdist, wheel
from tests.support.live import ServeProcess
from tests.support.postgres import PostgresServer
from tests.support.publisher import Answer, publishing
from tests.support.s3 import REGION, S3Server


def run(*args: str, env: Mapping[str, str] | None = None) -> str:
    """`pypi-repo`, as an operator runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "pypi_repo", *args],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_growing(
    clients: Clients, site: Addresses, tmp_path: Path, postgres: PostgresServer, s3: S3Server
) -> None:
    """While the small one is served; clients change nothing but the host."""
    place = str(tmp_path / "backup")
    large = {
        "PYPI_REPO_DATABASE": postgres.create_database(),
        "PYPI_REPO_BLOBS": f"s3://{s3.create_bucket('grown')}/packages",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_ENDPOINT_URL": s3.endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
    }
    with publishing(*site.target()) as publisher:
        for distribution in (wheel("demo"), sdist("demo")):
            assert publisher.upload(distribution).status == 200
        before = publisher.get(f"{PREFIX}/repositories/main/simple/demo/")
    run("backup", "create", place, "--data", str(tmp_path))
    run("backup", "restore", place, env=large)
    verified = run("upkeep", "verify", env=large)
    with ServeProcess(env=large, cwd=tmp_path) as server:
        grown = Addresses(server.url, USER, PASSWORD)
        python = clients.venv(tmp_path / "venv")
        clients.pip(python, "install", "--index-url", grown.index(), "demo")
        with publishing(*grown.target()) as publisher:
            after = publisher.get("/repositories/main/simple/demo/")
            assert publisher.upload(wheel("demo", "2.0")).status == 200
            later = publisher.get("/repositories/main/simple/demo/")

    version = clients.run(python, "-c", "import demo; print(demo.__version__)").stdout
    assert verified == "All files are as they were uploaded.\n"
    assert version == "1.0\n"
    assert after.body == before.body
    assert header(after, "ETag") == header(before, "ETag")
    assert serial(before) == serial(after) < serial(later)


def header(answer: Answer, name: str) -> str:
    """Servers write the names of headers as they like."""
    return {key.lower(): value for key, value in answer.headers.items()}[name.lower()]


def serial(answer: Answer) -> int:
    return int(header(answer, "X-PyPI-Last-Serial"))
