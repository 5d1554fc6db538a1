"""Pages of upstreams that are slow, cut, lying, endless, many or down."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from tests.conftest import populate
from tests.support.distributions import wheel
from tests.support.fault_proxy import (
    Fault,
    FaultProxy,
    answers,
    refuses,
)
from tests.support.http import JSON
from tests.support.scripted_server import Asked, ScriptedServer, reply
from tests.support.upstream_pages import many_wheels
from tests.support.upstreams import LiveUpstream, Reader

DEMO, OTHER = wheel("demo", "1.0"), wheel("other", "1.0")


def cut(passage: Any) -> None:
    passage.client.recv(65536)
    passage.client.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<html><body>"
    )


FAULTS: dict[str, Fault] = {
    "refused": refuses,
    "failing": answers("500 Internal Server Error"),
    "cut": cut,
}


@pytest.fixture
def upstream() -> Iterator[LiveUpstream]:
    upstream = LiveUpstream()
    upstream.add(DEMO)
    upstream.add(OTHER)
    yield upstream
    upstream.close()


@pytest.fixture
def proxy(upstream: LiveUpstream) -> Iterator[FaultProxy]:
    port = int(upstream.url.split(":")[2].partition("/")[0])
    with FaultProxy(("127.0.0.1", port)) as proxy:
        yield proxy


@pytest.fixture
def reader(registry: Registry, upstream: LiveUpstream, proxy: FaultProxy) -> Reader:
    """Reads through a proxy that does harm when it is told to."""
    add(registry, f"{proxy.url}/repositories/public/simple/")
    return Reader(registry)


def add(registry: Registry, url: str, name: str = "elsewhere") -> None:
    operator = registry.acting_as(OPERATOR)
    operator.upstreams.create(name, url=url, allow_http=True, allow_private_network=True)
    operator.sources.set_sources("main", [f"upstream:{name}"])


@pytest.mark.parametrize("fault", FAULTS)
def test_the_old_page_is_shown_while_the_upstream_fails(
    fault: str, registry: Registry, reader: Reader, proxy: FaultProxy
) -> None:
    """P3: neither half a page nor an error takes its place; what was never seen is 502 (V4)."""
    assert reader.files("demo") == [DEMO.filename]
    registry.acting_as(OPERATOR).upstreams.change("elsewhere", fresh_for=0)
    proxy.set_fault(FAULTS[fault])
    response = reader.get("/simple/demo/")
    assert [file["filename"] for file in response.get_json()["files"]] == [DEMO.filename]
    assert response.headers["X-Pypi-Repo-Stale"].isdigit()
    response = reader.get("/simple/other/")
    assert response.status_code == 502
    assert response.headers["Retry-After"].isdigit()
    proxy.set_fault(None)
    registry.acting_as(OPERATOR).upstreams.change("elsewhere", fresh_for=1)  # asked at once
    assert "X-Pypi-Repo-Stale" not in reader.get("/simple/demo/").headers


def test_a_dead_upstream_is_hardly_asked(
    registry: Registry, reader: Reader, proxy: FaultProxy
) -> None:
    """P3: after five failures, one request in half a minute, for whatever project."""
    proxy.set_fault(answers("500 Internal Server Error"))
    for number in range(12):
        response = reader.get(f"/simple/project-{number}/")
        assert response.status_code == 502
    assert proxy.faults == 5
    assert 0 < int(response.headers["Retry-After"]) <= 30


def test_a_page_that_cannot_be_read_is_no_page(registry: Registry) -> None:
    """P1: of this project alone; the others of the upstream are there."""
    bad = [b'{"meta": {"api-version": "2.0"}, "files": []}', b'{"files": 1}', b'{"files": [', b"\0"]

    def answer(asked: Asked) -> bytes:
        name = asked.target.split("/")[2]
        if name.startswith("bad-"):
            return reply(bad[int(name[4:])], Content_Type=JSON)
        return reply(json.dumps(many_wheels(1)).encode(), Content_Type=JSON)

    with ScriptedServer(answer) as server:
        add(registry, f"{server.url}/simple/")
        reader = Reader(registry)
        for number in range(len(bad)):
            assert reader.status(f"bad-{number}") == 502
        for _time in range(6):
            assert reader.status("bad-0") == 502
        assert len(reader.files("numpy")) == 1


def test_many_readers_of_a_new_page_cost_one_request(registry: Registry) -> None:
    """All 50 wait for the answer to the first one."""
    comes = threading.Event()

    def answer(asked: Asked) -> bytes:
        assert comes.wait(120)
        return reply(json.dumps(many_wheels(3)).encode(), Content_Type=JSON)

    with ScriptedServer(answer) as server:
        add(registry, f"{server.url}/simple/")
        reader = Reader(registry)
        reader.get("/simple/")  # the password is checked
        with ThreadPoolExecutor(50) as pool:
            futures = [pool.submit(reader.files, "numpy") for _each in range(50)]
            while not server.asked:
                threading.Event().wait(0.01)
            threading.Event().wait(0.2)
            comes.set()
            assert {len(future.result()) for future in futures} == {3}
        assert len(server.asked) == 1


def test_a_page_without_an_end_is_given_up(registry: Registry) -> None:
    """S3: neither the reader nor the memory waits for it."""

    def answer(asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>"
        while True:
            yield b"<a href='demo-1.0.tar.gz'>demo-1.0.tar.gz</a>" * 5000

    with ScriptedServer(answer) as server:
        add(registry, f"{server.url}/simple/")
        reader = Reader(registry)
        assert reader.status("demo") == 502


def test_a_page_that_comes_in_drops_keeps_nobody(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F4 for pages: who asks is told to come back, and gets the page then."""
    monkeypatch.setattr("pypi_repo.services.upstreams.pages._WAITED_FOR_NEW", 0.2)
    body = json.dumps(many_wheels(2)).encode()
    rest = threading.Event()

    def answer(asked: Asked) -> Iterator[bytes]:
        whole = reply(body, Content_Type=JSON)
        yield whole[:200]
        rest.wait(120)
        yield whole[200:]

    with ScriptedServer(answer) as server:
        add(registry, f"{server.url}/simple/")
        reader = Reader(registry)
        response = reader.get("/simple/numpy/")
        assert response.status_code == 502
        assert response.headers["Retry-After"] == "10"
        rest.set()
        for _time in range(200):
            if reader.status("numpy") == 200:
                break
            threading.Event().wait(0.05)
        assert len(reader.files("numpy")) == 2
        assert len(server.asked) == 1


def test_a_page_of_ten_thousand_files_takes_little_memory(registry: Registry) -> None:
    """Less than 100 MiB, from the first byte of it to the last one of ours."""
    body = json.dumps(many_wheels(10_000)).encode()
    with ScriptedServer(lambda _asked: reply(body, Content_Type=JSON)) as server:
        add(registry, f"{server.url}/simple/")
        reader = Reader(registry)
        reader.get("/simple/")
        tracemalloc.start()
        assert len(reader.get("/simple/numpy/").data) > 1_000_000
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100 * 1024 * 1024


def test_what_was_seen_is_not_asked_again_by_others(upstream: LiveUpstream, tmp_path: Path) -> None:
    """P4: neither after a restart nor by a second process.

    That there is nothing is known to those who have asked: a row for each name that somebody has
    thought of would be too many.
    """
    settings = Settings(
        database=f"sqlite:///{tmp_path}/registry.db",
        blobs=f"file://{tmp_path}/blobs",
        password_cost=4,
    )
    with Registry(settings) as first, Registry(settings) as second:
        populate(first)
        add(first, upstream.url)
        for registry in (first, second):
            reader = Reader(registry)
            assert reader.download("demo", DEMO.filename) == DEMO.content
            assert [reader.status("absent") for _time in range(2)] == [404, 404]
    with Registry(settings) as restarted:
        assert Reader(restarted).download("demo", DEMO.filename) == DEMO.content
    assert upstream.pages_asked() == ["demo", "absent", "absent"]
    assert upstream.files_asked() == [DEMO.filename]


def test_what_an_administrator_puts_right_is_right_at_once(
    registry: Registry, upstream: LiveUpstream
) -> None:
    """Neither a failure nor the circuit is remembered for other settings."""
    operator = registry.acting_as(OPERATOR)
    add(registry, upstream.url.replace("/public/", "/absent/"))
    upstream.broken = "403 Forbidden"
    reader = Reader(registry)
    for number in range(6):
        assert reader.status(f"project-{number}") == 502
    assert reader.status("demo") == 502
    upstream.broken = None
    operator.upstreams.change("elsewhere", url=upstream.url)
    assert reader.download("demo", DEMO.filename) == DEMO.content
