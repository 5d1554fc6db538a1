"""Files of upstreams, where something else than the application sends files, or waits otherwise."""

import errno
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPMessage
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from pypi_repo import Registry, Settings, SignedUrls, XAccel, XSendfile
from pypi_repo.services.upstreams.fetching import settling
from pypi_repo.settings import FilesSentBy
from tests.conftest import populate
from tests.support.live import LiveServer
from tests.support.s3 import S3Server
from tests.support.scripted_index import Installer, ScriptedIndex, serves
from tests.support.scripted_server import Asked, Cut
from tests.support.waiting import wait_until

NAME = "demo-1.0-py3-none-any.whl"
LARGE = random.Random(1).randbytes(700_000)


def in_two_parts(goes_on: threading.Event) -> Callable[[Asked, bytes], Iterator[bytes]]:
    """Answers with the beginning of a file, and with the rest when it may."""

    def answers(asked: Asked, content: bytes) -> Iterator[bytes]:
        whole = serves(asked, content)
        yield whole[:300_000]
        assert goes_on.wait(60)
        yield whole[300_000:]

    return answers


def first_answer(
    installer: Installer, place: str, goes_on: threading.Event
) -> tuple[bytes, HTTPMessage]:
    """Returns the body and the headers of an answer that begins before the file is here."""
    goes_on.clear()
    with installer.asking(place) as answer:
        goes_on.set()
        return answer.read(), answer.headers


@pytest.mark.parametrize(
    ("sent_by", "header"), [(XAccel(), "x-accel-redirect"), (XSendfile(), "x-sendfile")]
)
def test_a_proxy_sends_what_is_here(
    sent_by: FilesSentBy, header: str, index: ScriptedIndex, tmp_path: Path
) -> None:
    goes_on = threading.Event()
    index.answers = in_two_parts(goes_on)
    index.add(NAME, LARGE)
    settings = Settings(database=tmp_path / "registry.db", password_cost=4, files_sent_by=sent_by)
    with Registry(settings) as registry:
        populate(registry)
        index.create_on(registry)
        with LiveServer(registry.wsgi_app()) as server:
            installer = Installer(f"{server.url}/repositories/main")
            place = installer.place(NAME)
            body, headers = first_answer(installer, place, goes_on)
            assert (body, header in headers) == (LARGE, False)
            wait_until(lambda: header in installer.get(place).headers)
            path = installer.get(place).headers[header]
            assert path.endswith(place.removeprefix("/files"))
    assert len(index.asked) == 1


def test_an_object_store_sends_what_is_here(
    index: ScriptedIndex, s3: S3Server, tmp_path: Path
) -> None:
    """F1: and keeps it under the same path."""
    goes_on = threading.Event()
    index.answers = in_two_parts(goes_on)
    index.add(NAME, LARGE, beside=b"Name: demo\n")
    bucket = s3.create_bucket("files-of-upstreams")
    settings = Settings(
        database=tmp_path / "registry.db",
        blobs=f"s3://{bucket}/packages",
        blob_options=s3.storage_options,
        password_cost=4,
        files_sent_by=SignedUrls(),
    )
    with Registry(settings) as registry:
        populate(registry)
        index.create_on(registry)
        with LiveServer(registry.wsgi_app()) as server:
            installer = Installer(f"{server.url}/repositories/main")
            place = installer.place(NAME)
            assert first_answer(installer, place, goes_on)[0] == LARGE
            wait_until(lambda: installer.get(place).status == 302)
            assert place.removeprefix("/files") in installer.get(place).headers["location"]
            assert installer.get(place, Range="bytes=10-19").body == LARGE[10:20]
            assert installer.get(f"{place}.metadata").body == b"Name: demo\n"
    assert len(index.asked) == 2


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_another_server_waits_in_its_thread(index: ScriptedIndex, on_disk: Registry) -> None:
    """And cuts what turns out to be wrong."""
    goes_on = threading.Event()
    right = in_two_parts(goes_on)

    def answers(asked: Asked, content: bytes) -> Iterable[bytes]:
        yield from right(asked, content)
        if asked.target.endswith("2.0-py3-none-any.whl"):
            raise Cut

    index.answers = answers
    index.add(NAME, LARGE)
    wrong = NAME.replace("1.0", "2.0")
    index.add(wrong, LARGE, hashes={"sha256": "0" * 64})
    with make_server("127.0.0.1", 0, on_disk.wsgi_app(), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            installer = Installer(f"http://127.0.0.1:{server.server_port}/repositories/main")
            with installer.asking(installer.place(NAME)) as answer:
                assert answer.read(100_000) == LARGE[:100_000]
                goes_on.set()
                assert answer.read() == LARGE[100_000:]
            got = installer.download(wrong)
            assert got.status == 502 or not got.is_whole
        finally:
            server.shutdown()
            thread.join()


def test_a_proxy_sends_what_has_its_place_whatever_else_cannot_get_one(
    index: ScriptedIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    index.answers = in_two_parts(goes_on)
    index.add(NAME, LARGE)
    other = NAME.replace("1.0", "2.0")
    index.add(other, LARGE)
    monkeypatch.setattr(settling, "_AFTER", 3600)
    settings = Settings(database=tmp_path / "registry.db", password_cost=4, files_sent_by=XAccel())
    with Registry(settings) as registry:
        populate(registry)
        index.create_on(registry)
        with LiveServer(registry.wsgi_app()) as server:
            installer = Installer(f"{server.url}/repositories/main")
            place, others = installer.place(NAME), installer.place(other)
            first_answer(installer, place, goes_on)
            wait_until(lambda: "x-accel-redirect" in installer.get(place).headers)
            first_answer(installer, others, goes_on)
            wait_until(lambda: registry._upstream_files.results()["whole"] == 2)

            def failing(_descriptor: int) -> None:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", failing)
                assert installer.get(place).status == 200
                assert "x-accel-redirect" in installer.get(place).headers
                assert installer.get(others).status == 503
