"""Nobody holds all the threads for uploads: not an account, and not an address."""

import contextlib
import select
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pypi_repo import OPERATOR, Registry, Settings
from tests.conftest import ADMINISTRATOR, PASSWORD, USER, populate
from tests.support.distributions import Distribution, multipart, upload_form, wheel
from tests.support.http import basic
from tests.support.live import ServeProcess
from tests.support.publisher import publishing

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has more than one loopback address at once"
)

HERE, THERE, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
OTHER = "other@example.com"
LARGE = 3_000_000  # streamed to the application
AT_ONCE = 16  # by one user or address alone
SLOW = 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServeProcess]:
    data = tmp_path / "data"
    settings = Settings(database=f"sqlite:///{data}/registry.db", password_cost=4)
    with Registry(settings) as registry:
        populate(registry)
        registry.acting_as(OPERATOR).accounts.create_user(OTHER, PASSWORD)
    options = ("--workers", "1", "--trusted-proxy", ELSEWHERE)  # each has its own places
    with ServeProcess("--data", str(data), *options) as server:
        yield server


class Uploader:
    """One connection from an address of this machine."""

    def __init__(self, server: ServeProcess, address: str) -> None:
        self._place = ("127.0.0.1", server.port)
        self._address = address

    def __enter__(self) -> "Uploader":
        self.socket = socket.create_connection(self._place, 60, (self._address, 0))
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def begin(self, dist: Distribution, user: str, **headers: str) -> bytes:
        """Sends the headers and one byte; gives back the rest of the body."""
        content = ("content", dist.filename, dist.content, None)
        body, content_type = multipart(upload_form(dist), [content])
        lines = {
            "Host": "x",
            "Content-Length": str(len(body)),
            "Content-Type": content_type,
            **basic(user, PASSWORD),
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"POST /repositories/main/ HTTP/1.1\r\n{head}\r\n".encode()
        self.socket.sendall(request + body[:1])
        return body[1:]

    def upload(self, dist: Distribution, user: str, **headers: str) -> int:
        self.socket.sendall(self.begin(dist, user, **headers))
        return int(self.head().split()[1])

    def head(self) -> str:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = self.socket.recv(65536)
            assert chunk, received
            received += chunk
        return received.partition(b"\r\n\r\n")[0].decode()


@contextlib.contextmanager
def slow_uploads(server: ServeProcess, user: str, address: str) -> Iterator[list[str]]:
    """More than there are threads; the answers that came at once."""
    dist = wheel("slow", padding=LARGE)
    with contextlib.ExitStack() as stack:
        begun = [stack.enter_context(Uploader(server, address)) for _ in range(SLOW)]
        for uploader in begun:
            uploader.begin(dist, user)
        by_socket = {uploader.socket: uploader for uploader in begun}
        answers: list[str] = []
        while len(answers) < SLOW - AT_ONCE:
            ready, _writable, _broken = select.select(list(by_socket), [], [], 60)
            assert ready, f"{len(answers)} were answered"
            answers += [by_socket.pop(socket_).head() for socket_ in ready]
        yield answers


def status_of(server: ServeProcess, dist: Distribution, user: str, address: str) -> int:
    with Uploader(server, address) as uploader:
        return uploader.upload(dist, user)


def page_statuses(server: ServeProcess) -> list[int]:
    with publishing(server.url, USER, PASSWORD) as reader:
        return [reader.get("/repositories/main/simple/").status for _ in range(10)]


def test_one_user_leaves_threads_to_others(server: ServeProcess) -> None:
    with slow_uploads(server, USER, HERE) as answers:
        of_another = status_of(server, wheel("meanwhile", padding=LARGE), OTHER, THERE)
        of_the_same = status_of(server, wheel("elsewhere", padding=LARGE), USER, THERE)
        from_the_same = status_of(server, wheel("neighbour", padding=LARGE), OTHER, HERE)
        pages = page_statuses(server)
        small = status_of(server, wheel("small"), USER, HERE)
    lines = [line for answer in answers for line in answer.splitlines()]

    assert all(answer.startswith("HTTP/1.1 429 Too many uploads") for answer in answers)
    assert lines.count("Retry-After: 10") == len(answers)
    assert of_another == 200
    assert (of_the_same, from_the_same) == (429, 429)
    assert set(pages) == {200}, "other threads answer these"
    assert small == 200, "it had arrived before anybody worked on it"


def test_places_come_back(server: ServeProcess) -> None:
    for _ in range(2):
        with slow_uploads(server, USER, HERE):
            pass
    dist = wheel("after", padding=LARGE)
    deadline = time.monotonic() + 60
    while (status := status_of(server, dist, USER, HERE)) == 429:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert status == 200


def test_behind_a_proxy_the_address_is_the_clients(server: ServeProcess) -> None:
    proxied = {"X-Forwarded-For": "192.0.2.1"}
    with slow_uploads(server, USER, ELSEWHERE), Uploader(server, ELSEWHERE) as uploader:
        status = uploader.upload(wheel("proxied", padding=LARGE), OTHER, **proxied)

    assert status == 200


@pytest.mark.parametrize("face", ["portal", "api"])
def test_administrators_who_send_slowly_leave_threads_to_others(
    face: str, server: ServeProcess, tmp_path: Path
) -> None:
    """Their forms and documents may be as large as an upload."""
    if face == "portal":
        target, kind = "/portal/users/nobody", "application/x-www-form-urlencoded"
        credentials = f"Cookie: {signed_in(server)}"
    else:
        target, kind = "/api/v1/users/nobody/tokens", "application/json"
        credentials = f"Authorization: Bearer {token_of(tmp_path / 'data')}"
    lines = f"Host: x\r\n{credentials}\r\nContent-Type: {kind}\r\nContent-Length: 900000"
    beginning = f"POST {target} HTTP/1.1\r\n{lines}\r\n\r\n".encode() + bytes(70_000)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(Uploader(server, HERE)) for _ in range(SLOW)]
        for sender in slow:
            sender.socket.sendall(beginning)
        while len(slow) > AT_ONCE:
            ready, _writable, _broken = select.select([one.socket for one in slow], [], [], 60)
            assert ready, f"{len(slow)} were not answered"
            for sender in [one for one in slow if one.socket in ready]:
                assert sender.head().startswith("HTTP/1.1 429 ")
                slow.remove(sender)
        meanwhile = status_of(server, wheel("meanwhile", padding=LARGE), USER, THERE)

    assert meanwhile == 200


def signed_in(server: ServeProcess) -> str:
    form = urlencode({"name": ADMINISTRATOR, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with publishing(server.url, USER, PASSWORD) as browser:
        answer = browser.request("POST", "/portal/sign-in", headers, form.encode())
    return answer.headers["Set-Cookie"].partition(";")[0]


def token_of(data: Path) -> str:
    with Registry(Settings(database=f"sqlite:///{data}/registry.db")) as registry:
        return registry.acting_as(OPERATOR).administrators.create_token(ADMINISTRATOR)[1]
