"""kill -9: what was answered 200 is there, what was not is either whole or absent."""

import contextlib
import hashlib
import threading
import time
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from pypi_repo.domain.stored_files import file_path
from pypi_repo.storage.blobs.local import LocalBlobStore
from pypi_repo.storage.blobs.unsynced import boot_of_this_machine
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import Prepared, download_path, publisher_of
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import basic
from tests.support.waiting import wait_until


def stored_files(prepared: Prepared) -> list[Path]:
    blobs = Path((prepared.settings.blobs or "").removeprefix("file://"))
    return [path for path in blobs.rglob("*") if path.is_file()]


def test_an_answered_upload_survives(prepared: Prepared) -> None:
    dists = [wheel("demo", f"1.{number}", padding=50_000) for number in range(10)]
    with prepared.start() as server, publisher_of(server) as publisher:
        for dist in dists:
            assert publisher.upload(dist).status == 200
        server.kill()
    with prepared.start() as server, publisher_of(server) as publisher:
        page = publisher.get("/repositories/main/simple/demo/").text
        downloads = [publisher.get(download_path(dist)).body for dist in dists]

    assert all(dist.filename in page for dist in dists)
    assert downloads == [dist.content for dist in dists]


def test_killed_while_the_upload_arrives(prepared: Prepared) -> None:
    dist = wheel("demo", padding=3_000_000)
    body, content_type = multipart(
        upload_form(dist), [("content", dist.filename, dist.content, None)]
    )
    with prepared.start() as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.putrequest("POST", "/repositories/main/")
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        for name, value in {**basic(USER, PASSWORD), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body[:2_000_000])
        time.sleep(0.3)
        server.kill()
        connection.close()
    with prepared.start() as server, publisher_of(server) as publisher:
        page = publisher.get("/repositories/main/simple/demo/")
        left = stored_files(prepared)
        registry = prepared.registry()
        registry.upkeep.sweep(timedelta(0))
        registry.close()
        swept = stored_files(prepared)
        again = publisher.upload(dist)

    assert page.status == 404
    assert all(path.parent.name == ".staging" for path in left)
    assert swept == []
    assert again.status == 200


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.2])
def test_killed_while_the_upload_is_stored(delay: float, prepared: Prepared) -> None:
    """At some moment after the last byte was sent: checked, synced, renamed, committed ..."""
    dist = wheel("demo", padding=20_000_000)
    statuses: list[int] = []

    def upload() -> None:
        with contextlib.suppress(HTTPException, OSError), publisher_of(server) as publisher:
            statuses.append(publisher.upload(dist).status)

    with prepared.start() as server:
        thread = threading.Thread(target=upload)
        thread.start()
        time.sleep(delay)
        server.kill()
        thread.join()
    with prepared.start() as server, publisher_of(server) as publisher:
        page = publisher.get("/repositories/main/simple/demo/")
        download = publisher.get(download_path(dist))
        again = publisher.upload(dist)
        final = publisher.get(download_path(dist))

    is_there = (page.status, download.status) == (200, 200)
    assert is_there or (page.status, download.status) == (404, 404)
    assert statuses == [] or is_there
    assert not is_there or download.body == dist.content
    assert again.status == 200
    assert final.body == dist.content


@pytest.mark.skipif(boot_of_this_machine() is None, reason="where no boot is told, nothing waits")
def test_what_a_killed_server_has_fetched_is_synced_by_the_next(
    prepared: Prepared,
) -> None:
    """F1: and by the worker that takes the place of one that was killed."""
    path = file_path(hashlib.sha256(b"fetched").hexdigest(), "demo-1.0.tar.gz")
    root = Path((prepared.settings.blobs or "").removeprefix("file://"))
    with LocalBlobStore(str(root)).for_cache().stage() as staged:
        staged.write(b"fetched", 7)
        LocalBlobStore(str(root)).for_cache().put(path, staged, {})
    assert not (root / path).exists()
    with prepared.start():
        wait_until(lambda: (root / path).exists())
