"""Clients that are slow, silent, many, or lie: the server goes on serving the others."""

import contextlib
import http.client
import os
import socket
import time
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.serve.conftest import addresses, download_path
from tests.support.distributions import Distribution, multipart, upload_form, wheel
from tests.support.http import Connection, basic
from tests.support.impatient_server import PATIENCE
from tests.support.processes import ServerProcess
from tests.support.publisher import Publisher, publishing
from tests.support.waiting import until

GIB = 1024**3
UPLOAD = "/repositories/main/"
PAGE = "/repositories/main/simple/"
LARGE = 3_000_000  # streamed to the application
SMALL = 50_000  # received before the application sees it

linux_only = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="no /proc to look at open files in"
)


def beginning(
    size: int, *, user: str | None = USER, password: str = PASSWORD, more: str = ""
) -> bytes:
    """The headers of an upload of `size` bytes."""
    credentials = basic(user, password) if user else {}
    headers = {"Content-Type": "multipart/form-data; boundary=x", **credentials}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n{lines}{more}\r\n".encode()
    )


def whole_upload(dist: Distribution) -> tuple[bytes, bytes]:
    """Headers and body."""
    content = ("content", dist.filename, dist.content, None)
    body, content_type = multipart(upload_form(dist), [content])
    head = beginning(len(body)).replace(b"multipart/form-data; boundary=x", content_type.encode())
    return head, body


def bytes_on_disk(data: Path) -> int:
    return sum(path.stat().st_size for path in data.rglob("*") if path.is_file())


def is_ended(connection: Connection, trickle: bytes = b"") -> bool:
    """Sends `trickle` byte by byte, a few each second, until the server ends the connection."""
    connection.socket.settimeout(0.2)
    rest = iter(trickle)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if byte := next(rest, None):
                connection.send(bytes([byte]))
            if not connection.socket.recv(65536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def drained(socket_: socket.socket) -> bytes:
    """All that comes until the other side ends the connection."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := socket_.recv(65536):
            received += chunk
    return bytes(received)


def is_stored(publisher: Publisher, dist: Distribution) -> bool:
    return dist.filename in publisher.get(f"{PAGE}{dist.name}/").text


@pytest.mark.parametrize("wrong", [{"user": None}, {"password": "wrong"}], ids=["none", "wrong"])
def test_a_hundred_strangers_begin_to_upload_four_gibibytes(
    wrong: dict[str, None], data: Path, server: ServerProcess, publisher: Publisher
) -> None:
    """Each is refused by its headers (U01), and nothing of what it sends reaches the disk."""
    before = bytes_on_disk(data)
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(Connection(server.port)) for _ in range(100)]
        for stranger in strangers:
            stranger.send(beginning(4 * GIB, **wrong))
        for stranger in strangers:
            stranger.send(bytes(300_000))
        statuses = [stranger.read_head()[0].split()[1] for stranger in strangers]
        for stranger in strangers:
            stranger.send(bytes(300_000))
        answer = publisher.get(PAGE)
        grown = bytes_on_disk(data) - before

    assert set(statuses) <= {b"401", b"429"}, statuses
    assert statuses[0] == b"401"
    assert answer.status == 200
    assert grown < 1_000_000


def test_an_upload_that_is_too_large_is_refused_by_its_headers(server: ServerProcess) -> None:
    with Connection(server.port) as connection:
        connection.send(beginning(5 * GIB))
        status, _headers = connection.read_head()

    assert status.startswith(b"HTTP/1.1 413 The upload is larger than the 4 GiB allowed here")


def test_who_listens_only_at_the_end_is_answered(server: ServerProcess) -> None:
    """requests, and so twine, poetry and flit, send everything before they read anything."""
    with Connection(server.port) as connection:
        connection.send(beginning(30_000_000, user=None))
        for _ in range(30):
            connection.send(bytes(1_000_000))
        status, headers = connection.read_head()
        connection.read(int(headers["content-length"]))
        connection.send(f"GET {PAGE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        next_status, _headers = connection.read_head()

    assert status.startswith(b"HTTP/1.1 401 ")
    assert next_status.startswith(b"HTTP/1.1 401 ")


def test_who_goes_on_sending_what_was_refused_is_left_in_the_end(server: ServerProcess) -> None:
    with Connection(server.port) as connection:
        connection.send(beginning(4 * GIB, user=None))
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while (lasted := time.monotonic() - started) < 60:
                connection.send(bytes(10_000))
                time.sleep(0.01)

    assert PATIENCE.refused - 1 < lasted < 60


@pytest.mark.parametrize(
    "trickle",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1000,
        beginning(SMALL) + b"x" * 1000,
        beginning(LARGE) + b"x" * 1000,
        beginning(LARGE, user=None) + b"x" * 1000,
    ],
    ids=["headers", "small body", "large body", "refused body"],
)
def test_a_byte_now_and_then_is_not_enough(
    trickle: bytes, server: ServerProcess, publisher: Publisher
) -> None:
    head, separator, body = trickle.partition(b"\r\n\r\n")
    at_once = head + separator if separator else b""
    with Connection(server.port) as connection:
        connection.send(at_once)
        ended = is_ended(connection, body or head)

    assert ended
    assert publisher.get(PAGE).status == 200


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
def test_an_upload_that_stops_halfway_is_dropped(
    size: int, server: ServerProcess, publisher: Publisher
) -> None:
    dist = wheel(f"halfway-{size}", padding=size)
    head, body = whole_upload(dist)
    with Connection(server.port) as connection:
        connection.send(head + body[: len(body) // 2])
        ended = is_ended(connection)

    assert ended
    assert publisher.get(f"{PAGE}halfway-{size}/").status == 404
    assert publisher.upload(dist).status == 200


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
def test_an_upload_that_pauses_for_too_long_is_told(size: int, server: ServerProcess) -> None:
    head, body = whole_upload(wheel("stalled", padding=size))
    with Connection(server.port) as connection:
        connection.send(head + body[:-1000])
        answer = drained(connection.socket)
    answer_head, _blank, text = answer.partition(b"\r\n\r\n")
    status, *headers = answer_head.split(b"\r\n")

    assert status.startswith(b"HTTP/1.1 408 The ")
    assert b"Connection: close" in headers
    assert b"send it again" in status
    assert b"send it again" in text


def test_a_request_that_pauses_in_its_headers_is_told(server: ServerProcess) -> None:
    with Connection(server.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: ")
        answer = drained(connection.socket)

    assert answer.startswith(b"HTTP/1.0 408 The request did not arrive in time")


def test_content_length_that_says_too_little(server: ServerProcess, publisher: Publisher) -> None:
    dist = wheel("liar", padding=LARGE)
    head, body = whole_upload(dist)
    said = f"Content-Length: {len(body)}".encode()
    with Connection(server.port) as connection:
        connection.send(head.replace(said, b"Content-Length: 2000000") + body)
        answers = drained(connection.socket)

    assert answers.startswith(b"HTTP/1.1 400 ")
    assert b" 200 " not in answers
    assert publisher.get(f"{PAGE}liar/").status == 404


def test_a_connection_is_used_again_after_a_large_upload(
    server: ServerProcess, publisher: Publisher
) -> None:
    dists = [wheel("again", f"1.{number}", padding=LARGE) for number in range(3)]
    statuses = [publisher.upload(dist).status for dist in dists]

    assert statuses == [200, 200, 200]
    assert all(is_stored(publisher, dist) for dist in dists)


def test_large_uploads_one_after_the_other_without_waiting(
    server: ServerProcess, publisher: Publisher
) -> None:
    dists = [wheel("pipelined", f"1.{number}", padding=LARGE) for number in range(3)]
    requests = b"".join(part for dist in dists for part in whole_upload(dist))
    with Connection(server.port) as connection:
        connection.send(requests + f"GET {PAGE} HTTP/1.0\r\n\r\n".encode())
        answers = drained(connection.socket)

    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answers.count(b"HTTP/1.0 401 ") == 1
    assert all(is_stored(publisher, dist) for dist in dists)


def test_chunked(server: ServerProcess, publisher: Publisher) -> None:
    """U15: not sent by any client of today, but allowed."""
    dist = wheel("chunked", padding=LARGE)
    head, body = whole_upload(dist)
    said = f"Content-Length: {len(body)}".encode()
    chunks = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    with Connection(server.port) as connection:
        connection.send(head.replace(said, b"Transfer-Encoding: chunked") + framed + b"0\r\n\r\n")
        status, _headers = connection.read_head()

    assert status == b"HTTP/1.1 200 OK"
    assert is_stored(publisher, dist)


def test_broken_chunks(server: ServerProcess, publisher: Publisher) -> None:
    head, body = whole_upload(wheel("broken", padding=LARGE))
    said = f"Content-Length: {len(body)}".encode()
    framed = b"100000\r\n" + body[:0x100000] + b"\r\nnonsense\r\n" + body
    with Connection(server.port) as connection:
        connection.send(head.replace(said, b"Transfer-Encoding: chunked"))
        connection.send_while_wanted(framed)
        answers = drained(connection.socket)

    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert publisher.get(f"{PAGE}broken/").status == 404


def test_expect_continue(server: ServerProcess, publisher: Publisher) -> None:
    """Who asks before sending is asked for the body only if it is wanted."""
    dist = wheel("asked", padding=LARGE)
    head, body = whole_upload(dist)
    expecting = b"\r\nExpect: 100-continue\r\n\r\n"
    with Connection(server.port) as connection:
        connection.send(head.removesuffix(b"\r\n\r\n") + expecting)
        first, _none = connection.read_head()
        connection.send(body)
        second, _headers = connection.read_head()
    with Connection(server.port) as stranger:
        stranger.send(beginning(LARGE, user=None).removesuffix(b"\r\n\r\n") + expecting)
        refusal = drained(stranger.socket)

    assert (first, second) == (b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OK")
    assert is_stored(publisher, dist)
    assert refusal.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in refusal
    assert b"100 Continue" not in refusal


def test_slow_uploads_leave_the_threads_to_others(
    server: ServerProcess, publisher: Publisher
) -> None:
    """More of them than there are threads, all of them of users who may upload."""
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            slow = stack.enter_context(Connection(server.port))
            slow.send(beginning(LARGE) + b"--x\r\n")
        answers = [publisher.get(PAGE).status for _ in range(10)]
        small = publisher.upload(wheel("meanwhile")).status

    assert answers == [200] * 10
    assert small == 200


@linux_only
def test_thousands_of_silent_connections(server: ServerProcess, publisher: Publisher) -> None:
    """The longest silent make room, and all are gone soon; so are their descriptors."""
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    assert publisher.get(PAGE).status == 200
    assert until(lambda: len(list(descriptors.iterdir())) < 100)
    before = len(list(descriptors.iterdir()))
    with contextlib.ExitStack() as stack:
        for _ in range(2500):
            silent = stack.enter_context(socket.socket())
            silent.connect(("127.0.0.1", server.port))
        most = len(list(descriptors.iterdir()))
        with publishing(*addresses(server).target()) as late:
            answer = late.get(PAGE)
            assert late.upload(wheel("crowded")).status == 200
        recovered = until(lambda: len(list(descriptors.iterdir())) <= before + 5)

    assert most < 1500
    assert answer.status == 200
    assert recovered


@linux_only
def test_slow_clients_of_ranges_hold_no_thread(server: ServerProcess, publisher: Publisher) -> None:
    dist = wheel("ranges", padding=20_000_000)
    assert publisher.upload(dist).status == 200
    threads = Path(f"/proc/{server.process.pid}/task")
    before = len(list(threads.iterdir()))
    slow_clients = 60
    with contextlib.ExitStack() as stack:
        for _ in range(slow_clients):
            slow = stack.enter_context(Connection(server.port))
            slow.send(asking_for(dist, "Range: bytes=1000-19000999\r\n"))
            assert slow.read_head()[0] == b"HTTP/1.1 206 PARTIAL CONTENT"
        meanwhile = len(list(threads.iterdir()))

    # Threads that serve requests are started when they are first needed, but only so many.
    assert meanwhile < before + slow_clients / 2, "one for each of them, which works in its stead"


def test_ranges_one_after_the_other_on_one_connection_are_the_right_bytes(
    server: ServerProcess, publisher: Publisher
) -> None:
    dist = wheel("exact", padding=LARGE)
    assert publisher.upload(dist).status == 200
    size = len(dist.content)
    ranges = [(0, 1), (1, 300_000), (262_144, size), (size - 1, size), (0, size), (5, 6)]
    received = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for start, stop in ranges:
        headers = {"Range": f"bytes={start}-{stop - 1}", **basic(USER, PASSWORD)}
        connection.request("GET", download_path(dist), headers=headers)
        received.append(connection.getresponse().read())
    connection.close()

    assert received == [dist.content[start:stop] for start, stop in ranges]


@linux_only
def test_who_takes_nothing_of_the_answer_is_left(
    server: ServerProcess, publisher: Publisher
) -> None:
    dist = wheel("heavy", padding=20_000_000)
    assert publisher.upload(dist).status == 200
    ask = asking_for(dist)
    files = Path(f"/proc/{server.process.pid}/fd")

    def is_sending() -> bool:
        return any(dist.sha256[4:] in target_of(file) for file in files.iterdir())

    with Connection(server.port) as connection:
        connection.send(ask)
        status, _headers = connection.read_head()
        ended = until(lambda: not is_sending())
        received = len(drained(connection.socket))

    assert status == b"HTTP/1.1 200 OK"
    assert ended
    assert received < len(dist.content)


def asking_for(dist: Distribution, more: str = "") -> bytes:
    lines = f"Host: x\r\nAuthorization: {basic(USER, PASSWORD)['Authorization']}\r\n{more}"
    return f"GET {download_path(dist)} HTTP/1.1\r\n{lines}\r\n".encode()


def target_of(link: Path) -> str:
    """Nothing where it is gone meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return os.readlink(link)
    return ""
