"""What keeps the server from starting is said in one sentence, with the right exit status."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from pypi_repo import Registry, Settings
from pypi_repo.cli.serve import serve as serve_command
from tests.serve.conftest import (
    Prepared,
    assert_one_sentence,
    clean_environment,
    publisher_of,
)
from tests.support.clients import Completed
from tests.support.distributions import wheel
from tests.support.live import ServeProcess
from tests.support.postgres import PostgresServer

Serve = Callable[..., Completed]


def test_port_taken(server: ServeProcess, serve: Serve, tmp_path: Path) -> None:
    refused = serve("--data", tmp_path / "other", "--port", str(server.port))

    assert_one_sentence(refused, f"Port {server.port} on 127.0.0.1 is in use", "--port")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "192.0.2.1"], ids=["unknown", "of another machine"]
)
def test_impossible_host(host: str, serve: Serve, tmp_path: Path) -> None:
    refused = serve("--data", tmp_path / "data", "--host", host, "--port", "0")

    assert_one_sentence(refused, f"Cannot listen on {host}", "--host")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frobnicate"],
        ["--port", "99999"],
        ["--port", "http"],
        ["--max-upload-size", "big"],
        ["--upload-patience", "0s"],
        ["--upload-patience", "120"],
        ["--host", ""],
        ["--data", ""],
        ["--public-url", ""],
        ["--tls-certificate", ""],
        ["surplus"],
        ["--port"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    """In this process: what the command is started by makes no difference to its usage."""
    given = ["--data", str(tmp_path / "data"), *arguments]
    refused = CliRunner().invoke(serve_command, given)

    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert "Error: " in refused.stderr
    assert arguments[0] in refused.stderr
    assert not (tmp_path / "data").exists()


def test_wrong_environment(serve: Serve, tmp_path: Path) -> None:
    refused = serve("--data", tmp_path / "data", env={"PYPI_REPO_PORT": "http"})

    assert refused.returncode == 2
    assert "PYPI_REPO_PORT" in refused.stderr


def test_settings_that_cannot_work(serve: Serve, tmp_path: Path) -> None:
    """They are told once, and no password of a first start before: nobody would see it again."""
    for option, value, part in (
        ("--metrics-token", "short", "at least"),
        ("--public-url", "nonsense", "is no public URL"),
        ("--trusted-proxy", "nonsense", "is no address of a proxy"),
        ("--files-sent-by", "signed-urls:300", "sign"),
    ):
        assert_one_sentence(serve("--data", tmp_path / "data", "--port", "0", option, value), part)
    with ServeProcess("--data", tmp_path / "data") as server:
        assert "This is a new registry" in server.output


def test_data_below_a_regular_file(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    for data in (tmp_path / "file", tmp_path / "file" / "data"):
        refused = serve("--data", data, "--port", "0")
        assert_one_sentence(refused, "cannot be made", str(tmp_path / "file"))


@pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write into every folder"
)
def test_data_folder_without_the_right_to_write(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    refused = serve("--data", tmp_path / "locked" / "data", "--port", "0")

    assert_one_sentence(refused, "cannot be made", str(tmp_path / "locked"))


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("no url at all", "cannot be understood"),
        ("mysql://user:secret-word@localhost/x", "not a supported kind"),
    ],
    ids=["nonsense", "other engine"],
)
def test_impossible_database(url: str, part: str, serve: Serve, tmp_path: Path) -> None:
    blobs = f"file://{tmp_path}/blobs"
    refused = serve("--database", url, "--blobs", blobs, "--port", "0")

    assert_one_sentence(refused, part)
    assert "secret-word" not in refused.text


def test_unreachable_postgresql(serve: Serve, tmp_path: Path) -> None:
    url = "postgresql+psycopg://user:secret-word@127.0.0.1:1/registry"
    refused = serve("--database", url, "--blobs", f"file://{tmp_path}/blobs", "--port", "0")

    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: The metadata database cannot be used right now")
    assert "127.0.0.1" in refused.stderr
    assert "secret-word" not in refused.text
    assert "Traceback" not in refused.text


def test_impossible_file_store(serve: Serve, tmp_path: Path) -> None:
    refused = serve("--data", tmp_path / "data", "--blobs", "gopher://x/y", "--port", "0")

    assert_one_sentence(refused, "gopher://")


def test_outdated_schema_of_a_named_database(serve: Serve, tmp_path: Path) -> None:
    """Whoever names a database may share it with others, so it is upgraded on purpose only."""
    (tmp_path / "registry.db").touch()
    options = ["--database", f"sqlite:///{tmp_path}/registry.db"]
    options += ["--blobs", f"file://{tmp_path}/blobs"]
    refused = serve(*options, "--port", "0")
    untouched = (tmp_path / "registry.db").stat().st_size
    upgraded = subprocess.run(
        [sys.executable, "-m", "pypi_repo", "db", "upgrade", *options[:2]],
        env=clean_environment(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    with ServeProcess(*options) as server:
        output = server.output

    assert_one_sentence(refused, "The database schema is empty", "`pypi-repo db upgrade`")
    assert untouched < 10_000  # no tables; switching to the write-ahead log takes a page
    assert "is at revision" in upgraded.stdout
    assert "Listening on " in output
    assert "This is a new registry" not in output


def test_outdated_schema_of_the_embedded_database(tmp_path: Path) -> None:
    (tmp_path / "registry.db").touch()
    with ServeProcess("--data", tmp_path) as server:
        assert "This is a new registry" in server.output


def test_postgresql(postgres: PostgresServer, serve: Serve, tmp_path: Path) -> None:
    url, blobs = postgres.create_database(), f"file://{tmp_path}/blobs"
    refused = serve("--database", url, "--blobs", blobs, "--port", "0")
    registry = Registry(Settings(database=url, blobs=blobs, password_cost=4))
    registry.upgrade()
    registry.close()
    with ServeProcess("--database", url, "--blobs", blobs) as server:
        output = server.output

    assert_one_sentence(refused, "The database schema is empty", "`pypi-repo db upgrade`")
    assert "Listening on " in output
    assert "This is a new registry" not in output
    assert "PYPI_REPO_BLOBS" not in output


def test_postgresql_without_a_place_for_files(
    postgres: PostgresServer, serve: Serve, tmp_path: Path
) -> None:
    """--data still says where files go, beside a database of its own server."""
    url = postgres.create_database()
    registry = Registry(Settings(database=url, blobs="memory://"))
    registry.upgrade()
    registry.close()
    with ServeProcess("--data", tmp_path / "data", "--database", url) as server:
        output = server.output

    assert "This is a new registry" not in output
    assert output.count("PYPI_REPO_BLOBS is not set") == 1
    assert not (tmp_path / "data" / "registry.db").exists()


def test_locked_database(prepared: Prepared, serve: Serve) -> None:
    """Takes half a minute, the time that a writer waits for another: all three wait together."""
    database = prepared.settings.database.removeprefix("sqlite:///")
    with prepared.start() as server, publisher_of(server) as publisher:
        assert publisher.upload(wheel("first")).status == 200
        with closing(sqlite3.connect(database, isolation_level=None)) as other_program:
            other_program.execute("BEGIN EXCLUSIVE")
            started = time.monotonic()
            with ThreadPoolExecutor() as threads:
                start = threads.submit(serve, *prepared.options, "--port", "0")
                command = threads.submit(create_repository, prepared)
                upload = threads.submit(publisher.upload, wheel("second"))
                time.sleep(1)
                with publisher_of(server) as reader:
                    page = reader.get("/repositories/main/simple/first/")
                nobody_waited = not (start.done() or command.done() or upload.done())
                answer, refused, created = upload.result(), start.result(), command.result()
            waited = time.monotonic() - started
        again = publisher.upload(wheel("second"))

    assert page.status == 200
    assert nobody_waited, "readers wait for no writer"
    assert waited > 25
    assert_one_sentence(refused, "is locked by another program")
    assert_one_sentence(created, "is locked by another program")
    assert answer.status == 503
    assert "is locked by another program" in answer.reason
    assert again.status == 200


def create_repository(prepared: Prepared) -> Completed:
    done = subprocess.run(
        [sys.executable, "-m", "pypi_repo", "repository", "create", "other", *prepared.options],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)
