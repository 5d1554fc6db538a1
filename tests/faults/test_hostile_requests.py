"""Requests that no client of today sends: each is answered or ended, and costs little."""

import contextlib
import socket
import time

import pytest

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import addresses, download_path
from tests.support.distributions import wheel
from tests.support.http import Connection, basic
from tests.support.impatient_server import PATIENCE
from tests.support.processes import ServerProcess
from tests.support.publisher import Publisher, publishing

PAGE = "/repositories/main/simple/"
CHUNKED = b"POST /repositories/main/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
HEAVY = wheel("heavy", padding=40_000_000)


@pytest.fixture(scope="module")
def heavy(server: ServerProcess) -> bytes:
    """The headers of a request for a file that is more than the server keeps for a slow client."""
    authorization = basic(USER, PASSWORD)["Authorization"]
    path = download_path(HEAVY)
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n".encode()


def everything(connection: Connection) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := connection.socket.recv(65536):
            received += chunk
    return bytes(received)


def assert_refused_once(answers: bytes) -> None:
    """Before all was there, and although the client goes on sending; a stranger, as such."""
    assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 ")), answers
    assert answers.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("start", [b"", b"5;x=", b"0\r\nX: "], ids=["size", "more", "trailer"])
@pytest.mark.parametrize("size", [0, 100_000], ids=["small body", "large body"])
def test_what_frames_a_body_has_an_end(start: bytes, size: int, server: ServerProcess) -> None:
    """Or else it would fill the memory, for whoever is refused as well."""
    body = b"%x\r\n%s\r\n" % (size, bytes(size)) if size else b""
    with Connection(server.port) as connection:
        connection.send(CHUNKED + b"\r\n" + body + start)
        connection.send_while_wanted(b"1" * 10_000_000)
        answers = everything(connection)

    assert_refused_once(answers)


def test_a_body_in_tiny_chunks(server: ServerProcess) -> None:
    """Each keeps the loop from the others."""
    with Connection(server.port) as connection:
        connection.send(CHUNKED + b"\r\n")
        connection.send_while_wanted(b"2\r\nxx\r\n" * 1_000_000)
        answers = everything(connection)

    assert_refused_once(answers)


def test_urgent_data(server: ServerProcess) -> None:
    """It is no part of the request, and does not wake the loop while nobody takes it."""
    with Connection(server.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\n")
        connection.socket.send(b"!", socket.MSG_OOB)
        answers = everything(connection)

    assert answers.startswith(b"HTTP/1.0 408 ")


@pytest.mark.parametrize(
    "head",
    [
        CHUNKED + b"Content-Length: 5\r\n\r\n",
        CHUNKED.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n\r\n",
        CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n",
        CHUNKED.replace(b": chunked", b": chunked, chunked") + b"\r\n",
        CHUNKED.replace(b": chunked", b": chunked\r\n , chunked") + b"\r\n",
        CHUNKED.replace(b": chunked", b":\tchunked,") + b"\r\n",
        CHUNKED + b"X: x\r\ntransfer-encoding:CHUNKED\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "two lengths",
        "chunks of HTTP/1.0",
        "in chunks twice",
        "in chunks of chunks",
        "in chunks of chunks on two lines",
        "in chunks and nothing",
        "in chunks twice in other words",
        "no number",
        "no address",
    ],
)
def test_what_others_may_understand_otherwise(head: bytes, server: ServerProcess) -> None:
    with Connection(server.port) as connection:
        connection.send(head + b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = everything(connection)

    assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answers.count(b"HTTP/1.") == 1
    assert "uncaptured" not in server.output


def test_who_expects_to_be_asked_for_nothing(server: ServerProcess) -> None:
    with Connection(server.port) as connection:
        connection.send(f"GET {PAGE} HTTP/1.1\r\nExpect: 100-continue\r\n\r\n".encode())
        status, _headers = connection.read_head()

    assert status.startswith(b"HTTP/1.1 401 ")


def test_many_requests_at_once_are_answered_in_order(server: ServerProcess) -> None:
    """Also to who ends its side of the connection with the last."""
    pair = f"GET {PAGE} HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    with Connection(server.port) as connection:
        connection.send(pair.encode() * 500)
        connection.socket.shutdown(socket.SHUT_WR)
        answers = everything(connection)
    statuses = [int(answer[:3]) for answer in answers.split(b"HTTP/1.1 ")[1:]]

    assert statuses == [401, 404] * 500


def test_a_stranger_signs_in_with_a_large_form(server: ServerProcess) -> None:
    """Nobody waits for it to arrive: for that there are only as many threads."""
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 70000\r\n\r\n"
    with Connection(server.port) as connection:
        connection.send(b"POST /portal/sign-in HTTP/1.1\r\nHost: x\r\n" + form)
        status, _headers = connection.read_head()

    assert status.startswith(b"HTTP/1.1 413 ")


def test_slow_downloads_leave_the_threads_to_others(
    small_server: ServerProcess, heavy: bytes
) -> None:
    """More of them than there are threads, of more than is kept for who does not take it.

    This server would wait for them for an hour.
    """
    with (
        publishing(*addresses(small_server).target()) as publisher,
        contextlib.ExitStack() as stack,
    ):
        publisher.upload(HEAVY)
        for _ in range(20):
            slow = stack.enter_context(Connection(small_server.port))
            slow.send(heavy + b"Range: bytes=0-\r\n\r\n")
            assert slow.read_head()[0].startswith(b"HTTP/1.1 206 ")
        answers = [publisher.get(PAGE).status for _ in range(10)]

    assert answers == [200] * 10


def test_slow_is_not_stuck(server: ServerProcess, publisher: Publisher, heavy: bytes) -> None:
    """The system tells only now and then that something was taken of what it keeps."""
    publisher.upload(HEAVY)
    started = time.monotonic()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.settimeout(5)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(heavy + b"\r\n")
        received = 0
        while (lasted := time.monotonic() - started) < 1.7 * PATIENCE.answer:
            while received < 200_000 * lasted:  # as many a second, however busy this machine is
                received += len(slow.recv(4_000))
            time.sleep(0.05)
        while received < len(HEAVY.content) * 0.9 and (chunk := slow.recv(1 << 20)):
            received += len(chunk)

    assert received > len(HEAVY.content) * 0.9
