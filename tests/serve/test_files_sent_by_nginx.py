"""X-Accel-Redirect: nginx sends the files that the application names."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serve.conftest import addresses, download_path, prepare, publisher_of
from tests.support.clients import Clients
from tests.support.deployment import nginx_without_tls
from tests.support.distributions import wheel
from tests.support.http import Connection
from tests.support.live import ServeProcess
from tests.support.nginx import NginxServer, installed_nginx
from tests.support.processes import free_port
from tests.support.publisher import Answer, Publisher

pytestmark = pytest.mark.skipif(installed_nginx() is None, reason="nginx is not installed")

DIST = wheel("demo", "1.0+local.1", padding=300_000)
DIGEST = DIST.sha256
PATH = f"/repositories/main/files/{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST[4:]}/{DIST.filename}"
SAME = ("ETag", "Cache-Control", "Vary", "Content-Type", "Content-Length", "Accept-Ranges",
        "Content-Disposition", "Content-Security-Policy", "X-Content-Type-Options")  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry") / "data"


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[ServeProcess]:
    database, blobs = f"sqlite:///{data}/registry.db", f"file://{data}/blobs"
    prepared = prepare(["--data", str(data)], database, blobs)
    with prepared.start(env={"PYPI_REPO_FILES_SENT_BY": "x-accel:/protected/"}) as server:
        yield server


@pytest.fixture(scope="module")
def nginx(
    server: ServeProcess, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NginxServer]:
    port = free_port()
    site = nginx_without_tls(port, server.port, data / "blobs")
    with NginxServer(tmp_path_factory.mktemp("nginx"), port, site) as nginx:
        yield nginx


@pytest.fixture
def reader(nginx: NginxServer) -> Iterator[Publisher]:
    with publisher_of(nginx) as publisher:
        assert publisher.upload(DIST).status == 200
        yield publisher


def lower(answer: Answer) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def test_x59_the_file_is_sent_by_nginx_with_our_headers(
    reader: Publisher, nginx: NginxServer, server: ServeProcess
) -> None:
    got, head = reader.get(PATH), reader.request("HEAD", PATH, {})
    assert (got.status, got.body) == (200, DIST.content)
    assert (head.status, head.body) == (200, b"")
    for name in SAME:
        assert lower(got)[name.lower()] == lower(head)[name.lower()], name
    assert lower(got)["etag"] == f'"{DIGEST}"'
    assert lower(got)["content-length"] == str(len(DIST.content))
    assert len(lower(got)["x-request-id"]) == 32
    assert "x-accel-redirect" not in lower(got)
    with publisher_of(server) as behind:
        named = behind.get(PATH)
    assert named.body == b""
    assert lower(named)["x-accel-redirect"].startswith(f"/protected/{DIGEST[:2]}/")


def test_nginx_does_the_ranges(reader: Publisher) -> None:
    size = len(DIST.content)
    for asked, expected in {
        "bytes=10-19": range(10, 20),
        "bytes=-10": range(size - 10, size),
        f"bytes={size - 5}-": range(size - 5, size),
    }.items():
        answer = reader.get(PATH, Range=asked)
        assert answer.status == 206
        assert answer.body == DIST.content[expected.start : expected.stop]
        assert lower(answer)["content-range"] == (
            f"bytes {expected.start}-{expected.stop - 1}/{size}"
        )
        assert lower(answer)["etag"] == f'"{DIGEST}"'
    beyond = reader.get(PATH, Range=f"bytes={size}-")
    assert (beyond.status, lower(beyond)["content-range"]) == (416, f"bytes */{size}")


def test_a_download_is_only_resumed_where_it_is_the_same_file(reader: Publisher) -> None:
    ours = reader.get(PATH, Range="bytes=10-19", **{"If-Range": f'"{DIGEST}"'})
    others = reader.get(PATH, Range="bytes=10-19", **{"If-Range": '"another"'})
    assert (ours.status, ours.body) == (206, DIST.content[10:20])
    assert (others.status, others.body) == (200, DIST.content)


def test_conditions_metadata_and_refusals_are_answered_here(reader: Publisher) -> None:
    assert reader.get(PATH, **{"If-None-Match": f'"{DIGEST}"'}).status == 304
    assert reader.get(f"{PATH}.metadata").body == DIST.metadata
    assert reader.get(PATH, Authorization="Basic d3Jvbmc6d3Jvbmc=").status == 401
    assert reader.get(PATH.replace(DIGEST[:2], "00", 1)).status == 404


def test_nobody_else_reaches_the_folder(reader: Publisher, data: Path) -> None:
    path = f"{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST[4:]}/{DIST.filename}"
    assert (data / "blobs" / path).is_file()
    assert reader.get(f"/protected/{path}").status == 404
    assert (
        reader.get(f"/protected/{path}", **{"X-Accel-Redirect": f"/protected/{path}"}).status == 404
    )


def test_a_lost_file_is_told_in_our_words(reader: Publisher, data: Path) -> None:
    dist = wheel("lost", "1.0")
    assert reader.upload(dist).status == 200
    (lost,) = (data / "blobs").rglob(dist.filename)
    lost.unlink()
    answer = reader.get(download_path(dist))
    assert answer.status == 404
    assert "missing from the file store" in answer.text


def test_numbers_are_not_for_the_world(reader: Publisher) -> None:
    assert reader.get("/metrics").status == 403
    assert reader.get("/readyz").status == 200


def test_one_address_sends_only_so_many_files_at_once(nginx: NginxServer) -> None:
    head = b"POST /repositories/main/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(Connection(nginx.port)).send(head)
        one_more = stack.enter_context(Connection(nginx.port))
        one_more.send(head)
        assert one_more.read_head()[0].startswith(b"HTTP/1.1 429 ")
        with publisher_of(nginx) as reader:
            assert reader.get("/readyz").status == 200


def test_installers_notice_nothing(reader: Publisher, nginx: NginxServer, clients: Clients) -> None:
    site = addresses(nginx)
    python = clients.venv(clients.home / "venv")
    clients.pip(python, "install", "--index-url", site.index(), "demo")
    clients.uv("pip", "install", "--python", python, "--reinstall", "--no-cache",
               "--index-url", site.index(), "demo")  # fmt: skip
    assert clients.uv("pip", "freeze", "--python", python).stdout == "demo==1.0+local.1\n"
