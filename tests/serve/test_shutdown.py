"""SIGTERM and Ctrl+C: what is under way is finished, nothing new is begun, then exit status 0."""

import signal
import socket
from http.client import HTTPConnection, HTTPResponse

import pytest

from pypi_repo import OPERATOR
from tests.conftest import PASSWORD, USER
from tests.serve.conftest import UPLOAD, Prepared, await_its_end, download_path, publisher_of
from tests.support.distributions import multipart, upload_form, wheel
from tests.support.http import Connection, basic
from tests.support.live import ServeProcess

WITHOUT_WAITING = 25  # seconds, less than it waits for who is busy


def asked(connection: HTTPConnection) -> HTTPResponse:
    connection.request("GET", "/")
    response = connection.getresponse()
    response.read()
    return response


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_upload_under_way_is_finished(number: signal.Signals, prepared: Prepared) -> None:
    dist = wheel("demo", padding=1_000_000)
    content = ("content", dist.filename, dist.content, None)
    body, content_type = multipart(upload_form(dist), [content])
    with prepared.start() as server:
        connection = Connection(server.port)
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(len(body)),
            "Expect": "100-continue",
            **basic(USER, PASSWORD),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.send(f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        asked_for_it, _none = connection.read_head()
        connection.send(body[:300_000])
        server.process.send_signal(number)
        await_its_end(server)
        still_running = server.process.poll() is None
        connection.send(body[300_000:])
        status, _headers = connection.read_head()
        connection.close()
        ended_with = server.process.wait(60)
    registry = prepared.registry()
    _project, files = registry.acting_as(OPERATOR).projects.get("main", "demo")
    registry.close()

    assert asked_for_it == b"HTTP/1.1 100 Continue"
    assert still_running
    assert status == b"HTTP/1.1 200 OK"
    assert ended_with == 0
    assert [file.digests.sha256 for file in files] == [dist.sha256]


def test_a_download_under_way_is_finished(server: ServeProcess) -> None:
    dist = wheel("demo", padding=30_000_000)
    with publisher_of(server) as publisher:
        assert publisher.upload(dist).status == 200
    path = download_path(dist)
    with socket.socket() as slow:
        # Little of the file, and yet not so little at a time that the rest takes half a minute.
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        slow.settimeout(60)
        slow.connect(("127.0.0.1", server.port))
        authorization = basic(USER, PASSWORD)["Authorization"]
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n"
        slow.sendall(request.encode())
        received = bytearray(slow.recv(65536))
        server.process.send_signal(signal.SIGTERM)
        await_its_end(server)
        still_running = server.process.poll() is None
        while len(received) < len(dist.content) and (chunk := slow.recv(1 << 20)):
            received += chunk
        head, _, content = bytes(received).partition(b"\r\n\r\n")
        while len(content) < len(dist.content) and (chunk := slow.recv(1 << 20)):
            content += chunk
    ended_with = server.process.wait(60)

    assert still_running
    assert head.startswith(b"HTTP/1.1 200 ")
    assert content == dist.content
    assert ended_with == 0


def test_who_goes_on_asking_is_sent_away(server: ServeProcess) -> None:
    """Or else a busy proxy would keep its connections, and be cut off in the end."""
    busy = HTTPConnection("127.0.0.1", server.port, timeout=60)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        before = asked(busy)
        server.process.send_signal(signal.SIGTERM)
        await_its_end(server)
        after = asked(busy)
    ended_with = server.process.wait(60)

    assert (before.status, before.getheader("Connection")) == (200, None)
    assert (after.status, after.getheader("Connection")) == (200, "close")
    assert ended_with == 0


def test_an_idle_connection_keeps_nobody_waiting(server: ServeProcess) -> None:
    with publisher_of(server) as publisher:
        assert publisher.get("/").status == 200
        ended_with = server.terminate(WITHOUT_WAITING)

    assert ended_with == 0


def test_an_idle_server_stops_at_once(server: ServeProcess) -> None:
    assert server.terminate(WITHOUT_WAITING) == 0
    assert "Traceback" not in server.output


def test_what_was_counted_is_kept(server: ServeProcess, prepared: Prepared) -> None:
    """Downloads are counted in memory and written seconds later, or at the end."""
    dist = wheel("demo")
    with publisher_of(server) as publisher:
        assert publisher.upload(dist).status == 200
        for _ in range(3):
            assert publisher.get(download_path(dist)).status == 200
    with prepared.registry() as registry:
        before = registry.acting_as(OPERATOR).usage.days(1)[0].downloads
        assert server.terminate() == 0
        assert before in (0, 3), "they are written together"
        assert registry.acting_as(OPERATOR).usage.days(1)[0].downloads == 3
    with prepared.start(), prepared.registry() as registry:
        assert registry.acting_as(OPERATOR).usage.top_projects()[0].downloads == 3
