"""Connections leave nothing behind: no memory, no descriptor, no thread."""

import gc
import ssl
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo.server.http.connection import Connection
from pypi_repo.server.http.tls import tls_context
from tests.support.deployment import write_certificate
from tests.support.small_server import SmallServer, echo, received
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
SENT = [
    b"",
    GET,
    GET.replace(b"Host: x", b"Connection: close"),
    GET.replace(b"GET", b"HEAD") * 20,
    b"GET / HT",
    b"garbage\r\n\r\n",
    POST + bytes(1000),
    POST + bytes(100_000),
    POST.replace(b"Host: x", b"Expect: 100-continue"),
]
FILES = Path("/proc/self/fd")


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What is still there is in somebody's hands, or in those of each other."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> SmallServer:
    if request.param == "http":
        return serve(echo)
    certificate, key = write_certificate(tmp_path)
    return serve(
        echo, tls=(tls_context(certificate, key), ssl.create_default_context(cafile=certificate))
    )


@pytest.fixture
def connections(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> list[weakref.ref[Connection]]:
    """All that there ever were."""
    seen: list[weakref.ref[Connection]] = []
    arrived = server.server.arrived

    def note(connection: Connection) -> None:
        seen.append(weakref.ref(connection))
        arrived(connection)

    monkeypatch.setattr(server.server, "arrived", note)
    return seen


def use(server: SmallServer, sent: bytes, waits: bool) -> None:
    with server.connect() as client:
        client.sendall(sent)
        if waits and sent:
            client.recv(100)
        if waits and b"close" in sent:
            received(client)


@pytest.mark.usefixtures("no_collection")
def test_connections_are_forgotten_at_once(
    server: SmallServer, connections: list[weakref.ref[Connection]]
) -> None:
    """Hundreds of them in a burst would otherwise wait for the collector."""
    for sent in SENT:
        for waits in (False, True):
            if waits and sent in (b"GET / HT", POST + bytes(1000)):
                continue  # nothing comes
            use(server, sent, waits)
    assert until(lambda: not server.server._connections)

    def are_forgotten() -> bool:
        return (
            sum(each() is not None for each in connections) <= 2
        )  # asyncio may hold the last ones

    assert len(connections) > len(SENT)
    assert until(are_forgotten)


@pytest.mark.skipif(not FILES.exists(), reason="no /proc to count open files in")
def test_nothing_grows(server: SmallServer) -> None:
    use(server, GET, waits=True)
    files, threads = len(list(FILES.iterdir())), threading.active_count()
    for number in range(300):
        use(server, SENT[number % len(SENT)], waits=False)
    assert until(lambda: not server.server._connections)

    assert until(lambda: len(list(FILES.iterdir())) <= files)
    assert threading.active_count() <= threads + 52, "no more than one server ever has"
