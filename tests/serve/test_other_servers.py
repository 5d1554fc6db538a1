"""`pypi_repo.wsgi:application`, configured by the environment, under other WSGI servers."""

import contextlib
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import addresses, download_path, publisher_of
from tests.support.clients import Clients
from tests.support.distributions import Distribution, multipart, upload_form, wheel
from tests.support.http import basic
from tests.support.postgres import PostgresServer
from tests.support.publisher import publishing
from tests.support.waiting import wait_until
from tests.support.wsgi_servers import SERVERS, ServerName, WsgiServer

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="these servers are of another world"
)


def start(name: ServerName, data: Path, **more: str) -> WsgiServer:
    return WsgiServer(name, data.parent, {"PYPI_REPO_DATA": str(data), **more})


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WsgiServer]:
    """One server after the other, for all that a server may be asked again and again."""
    data = tmp_path_factory.mktemp(request.param) / "data"
    with start(request.param, data, PYPI_REPO_TRUSTED_PROXY="127.0.0.1") as server:
        make_accounts(data)
        yield server


@pytest.mark.parametrize("name", SERVERS)
def test_upload_and_install(name: ServerName, clients: Clients, tmp_path: Path) -> None:
    """In an empty folder, which both workers set up at once."""
    data = tmp_path / "data"
    with start(name, data) as server:
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


def test_every_worker_sees_an_upload_at_once(server: WsgiServer) -> None:
    for number in range(20):
        dist = wheel("seen", f"1.{number}")
        with publisher_of(server) as publisher:
            answer = publisher.upload(dist)
        assert answer.status == 200, answer.text
        for _ in range(4):
            with publisher_of(server) as reader:
                assert dist.filename in reader.get("/repositories/main/simple/seen/").text


def test_large_files_pass_unchanged(server: WsgiServer) -> None:
    dist = wheel("large", padding=30_000_000)
    path = download_path(dist)
    with publisher_of(server) as publisher:
        assert publisher.upload(dist).status == 200
        whole = publisher.get(path)
        part = publisher.get(path, Range="bytes=1000-1999")
        head = publisher.request("HEAD", path, {})
        again = publisher.get(path)

    assert whole.body == again.body == dist.content
    assert (part.status, part.body) == (206, dist.content[1000:2000])
    assert head.headers.get("Content-Length", head.headers.get("content-length")) == str(
        len(dist.content)
    )


def make_accounts(data: Path) -> None:
    """While the server runs: it asks the database on each request."""
    url = f"sqlite:///{data}/registry.db"
    registry = Registry(Settings(database=url, password_cost=4))
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    registry.close()


def test_outdated_schema_stops_no_import_and_is_told(tmp_path: Path) -> None:
    """A worker that cannot start would be started for ever; here each answer says what to do."""
    (tmp_path / "registry.db").touch()
    with start("gunicorn", tmp_path) as server, publisher_of(server) as publisher:
        answer = publisher.get("/repositories/main/simple/")

    assert answer.status == 503
    assert "pypi-repo db upgrade" in answer.text


def test_a_running_server_goes_on_while_the_schema_is_upgraded(tmp_path: Path) -> None:
    """By a newer version; the old one cannot be started any more."""
    data = tmp_path / "data"
    with WsgiServer("gunicorn", tmp_path, {"PYPI_REPO_DATA": str(data)}, workers=1) as server:
        make_accounts(data)
        with publisher_of(server) as publisher:
            before = publisher.upload(wheel("demo", "1.0"))
            with closing(sqlite3.connect(data / "registry.db")) as database, database:
                database.execute("UPDATE pypi_repo_version SET version_num = '9999'")
            after = publisher.upload(wheel("demo", "2.0"))
            ready = publisher.get("/readyz")
    with start("gunicorn", data) as server, publisher_of(server) as publisher:
        restarted = publisher.get("/repositories/main/simple/")

    assert (before.status, after.status) == (200, 200)
    assert (ready.status, ready.text) == (200, "database: ok\nfiles: ok\n")
    assert restarted.status == 503
    assert "newer than this version" in restarted.text


def test_files_that_only_one_machine_has_are_warned_about(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """Although gunicorn sets up no log for the application."""
    places = {"PYPI_REPO_DATABASE": postgres.create_database()}
    with WsgiServer("gunicorn", tmp_path, places, workers=1) as server:
        wait_until(lambda: "PYPI_REPO_BLOBS is not set, so files are in" in server.output)


@pytest.mark.parametrize("name", SERVERS)
def test_wrong_settings_end_the_server_with_a_sentence(name: ServerName, tmp_path: Path) -> None:
    """With one worker: another might be stopped while it imports, and say where."""
    wrong = {"PYPI_REPO_DATABASE": "mysql://registry:secret@db.test/registry"}
    with pytest.raises(RuntimeError, match="ended early") as failed:  # noqa: PT012
        # granian and uWSGI listen before they look at the application.
        with WsgiServer(name, tmp_path, wrong, workers=1) as server:
            server.process.wait(60)
        raise RuntimeError(f"it ended early:\n{server.output}")
    log = str(failed.value)

    assert "ConfigurationError: mysql is not a supported kind of database; write sqlite:" in log
    assert "database.py" not in log
    assert "secret" not in log


@pytest.mark.parametrize("name", SERVERS)
def test_an_orderly_end_answers_and_writes_what_was_counted(
    name: ServerName, tmp_path: Path
) -> None:
    """Stopped while four clients download without a pause: whatever they got whole is counted."""
    data = tmp_path / "data"
    dist = wheel("demo")
    with start(name, data) as server:
        make_accounts(data)
        with publisher_of(server) as publisher:
            assert publisher.upload(dist).status == 200
        stopping, got = threading.Event(), list[bytes]()
        with ThreadPoolExecutor(4) as threads:
            for _ in range(4):
                threads.submit(download_until, stopping, server, dist, got)
            wait_until(lambda: len(got) >= 20)
            server.process.terminate()
            time.sleep(0.2)
            stopping.set()
        assert server.process.wait(60) in (0, 143)
    with Registry(Settings(database=f"sqlite:///{data}/registry.db")) as registry:
        counted = sum(day.downloads for day in registry.acting_as(OPERATOR).usage.days())

    assert len(got) >= 20
    assert (
        len(got) <= counted <= len(got) + 4
    )  # an answer of each may have been cut off by its client


def download_until(
    stopping: threading.Event, server: WsgiServer, dist: Distribution, got: list[bytes]
) -> None:
    """Adds to `got` what came whole."""
    while not stopping.is_set():
        with contextlib.suppress(OSError, HTTPException), publisher_of(server) as publisher:
            body = publisher.get(download_path(dist)).body
            if body == dist.content:
                got.append(body)


def test_a_refusal_says_why(server: WsgiServer) -> None:
    with publisher_of(server) as publisher:
        assert publisher.upload(wheel("refused")).status == 200
        refused = publisher.upload(wheel("refused", files={"refused/new.py": b""}))

    assert refused.status == 409
    assert "already exists" in refused.text
    if "granian" in server.output:
        assert refused.reason == "Conflict"  # as the page says of it
    else:
        assert "already exists" in refused.reason


def test_bodies_in_chunks(server: WsgiServer) -> None:
    """Taken, or refused with a sentence: never half of one."""
    dist = wheel("chunks", padding=500_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    headers = {**basic(USER, PASSWORD), "Content-Type": content_type}
    pieces = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
    with contextlib.suppress(OSError):  # who refuses does not read to the end
        connection.request("POST", "/repositories/main/", pieces, headers, encode_chunked=True)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    with publisher_of(server) as publisher:
        download = publisher.get(download_path(dist))

    if "uWSGI" in server.output:
        assert (answer.status, download.status) == (411, 404)
        assert "send its Content-Length" in answer.reason
        assert "send its Content-Length" in text
    else:
        assert (answer.status, download.body) == (200, dist.content), text


def test_the_proxy_tells_how_it_was_asked(server: WsgiServer) -> None:
    with publisher_of(server) as publisher:
        path, html = "/repositories/main/", {"Accept": "text/html"}
        told = publisher.get(path, **html, **{"X-Forwarded-Proto": "https"})
        untold = publisher.get(path, **html)

    assert "https://127.0.0.1" in told.text
    assert "https://127.0.0.1" not in untold.text


def test_the_proxy_tells_who_asked(server: WsgiServer) -> None:
    """Wrong passwords are counted for the client: another one, through the same proxy, may try."""
    one, other = ({"X-Forwarded-For": f"203.0.113.{n}"} for n in (1, 2))
    with publishing(addresses(server).upload(), USER, "wrong") as guesser:
        statuses = {guesser.get("/repositories/main/simple/", **one).status for _ in range(21)}
        elsewhere = guesser.get("/repositories/main/simple/", **other).status

    assert statuses == {401, 429}  # ten in each of the two processes, and one more
    assert elsewhere == 401
