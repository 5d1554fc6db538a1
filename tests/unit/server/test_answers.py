"""What applications answer (PEP 3333), as clients see it; and each answer is closed once."""

import asyncio
import http.client
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.server import loop
from tests.support.small_server import SmallServer, echo, parsed, received
from tests.support.waiting import until
from tests.unit.server.conftest import Failures, Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]
LARGE = 30_000_000  # more than the system keeps for a client
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
POST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n."
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


class Chunks:
    """An iterable that counts how often it is closed.

    last: called instead of making another chunk.
    """

    def __init__(self, chunks: Iterable[bytes], last: Callable[[], object] = bool) -> None:
        self._chunks, self._last = iter(chunks), last
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        self._last()

    def close(self) -> None:
        self.closed += 1


class Application:
    """Answers with what `make` makes; remembers what it answered with."""

    def __init__(
        self,
        make: Callable[[], Any],
        status: str = "200 OK",
        headers: Iterable[tuple[str, str]] = PLAIN,
    ) -> None:
        self._make, self._status, self._headers = make, status, list(headers)
        self.made: list[Any] = []

    def __call__(self, _environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        start_response(self._status, self._headers)
        self.made.append(self._make())
        return self.made[-1]

    @property
    def closed(self) -> list[int]:
        return [each.closed for each in self.made]


def fail() -> None:
    raise ValueError("as it should")


def with_length(size: int) -> list[tuple[str, str]]:
    return [*PLAIN, ("Content-Length", str(size))]


@pytest.mark.parametrize("ask", [GET, OLD, POST], ids=["1.1", "1.0", "POST"])
@pytest.mark.parametrize(
    ("make", "headers"),
    [
        (lambda: [b"one ", b"", b"two"], PLAIN),
        (lambda: (b"one two",), PLAIN),
        (lambda: (chunk for chunk in (b"", b"one ", b"two")), PLAIN),
        (lambda: Chunks([b"one ", b"", b"two"]), PLAIN),
        (lambda: Chunks([b"one ", b"two"]), with_length(7)),
    ],
    ids=["list", "tuple", "generator", "iterable", "length"],
)
def test_bodies(make: Callable[[], Any], headers: Any, ask: bytes, serve: Serve) -> None:
    (answer,) = serve(Application(make, headers=headers)).answers(ask)

    assert (answer.code, answer.body, answer.is_whole) == (200, b"one two", True)
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("make", [list, lambda: Chunks([])], ids=["list", "iterable"])
@pytest.mark.parametrize("ask", [GET, OLD])
def test_no_body(make: Callable[[], Any], ask: bytes, serve: Serve) -> None:
    (answer,) = serve(Application(make)).answers(ask)

    assert (answer.code, answer.body, answer.is_whole) == (200, b"", True)


def test_a_connection_goes_on_after_a_body_of_unknown_length(serve: Serve) -> None:
    server = serve(Application(lambda: Chunks([b"x" * 100_000] * 5)))
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(3):
        client.request("GET", "/")
        answer = client.getresponse()
        assert answer.getheader("Transfer-Encoding") == "chunked"
        assert answer.read() == b"x" * 500_000
    client.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("headers", [PLAIN, with_length(8)], ids=["", "length"])
def test_write(headers: Any, method: str, serve: Serve) -> None:
    def application(
        _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        write = start_response("200 OK", headers)
        write(b"one ")
        write(b"")
        write(b"two")
        return [b"."]

    (answer,) = serve(application).answers(GET.replace(b"GET", method.encode()))

    assert (answer.body, answer.is_whole) == (b"one two.", True)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(status: str, serve: Serve) -> None:
    application = Application(lambda: Chunks([b"not sent"]), status)
    answers = serve(application).answers(NEXT, NEXT, ends=True)

    assert [(each.status, each.body) for each in answers] == [(status, b"")] * 2
    assert not {"transfer-encoding", "content-length"} & set(answers[0].headers)
    assert application.closed == [1, 1]


@pytest.mark.parametrize("headers", [PLAIN, with_length(100)], ids=["", "length"])
def test_head(headers: Any, serve: Serve) -> None:
    application = Application(lambda: Chunks([b"x"] * 100), headers=headers)
    stream = serve(application).ask(
        HEAD.replace(b"Connection: close\r\n", b""), GET.replace(b"GET", b"HEAD")
    )
    answers = parsed(stream, "HEAD", "HEAD")

    assert [each.headers.get("content-length") for each in answers] == [
        dict(headers).get("Content-Length")
    ] * 2
    assert application.closed == [1, 1]


def test_reason_phrases_are_sent_as_they_are(serve: Serve) -> None:
    (answer,) = serve(Application(list, "400 It is so, “über”".encode().decode("latin-1"))).answers(
        GET
    )

    assert answer.status.encode("latin-1").decode() == "400 It is so, “über”"


def test_the_server_adds_what_is_missing(serve: Serve) -> None:
    dated = ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
    own = [*PLAIN, dated, ("Connection", "keep-alive"), ("Transfer-Encoding", "gzip")]
    (answer,) = serve(Application(lambda: [b"x"], headers=own)).answers(GET)
    (other,) = serve(Application(lambda: [b"x"])).answers(GET)

    assert answer.headers == {
        "content-type": "text/plain",
        "date": dated[1],
        "content-length": "1",
        "connection": "close",
        "server": "pypi_repo",
    }
    assert other.headers["date"].endswith(" GMT")


def test_an_answer_that_breaks_off_does_not_look_complete(serve: Serve, failures: Failures) -> None:
    """In HTTP/1.0 the end of the connection is that of the body, unless it is reset."""
    server = serve(Application(lambda: Chunks([b"x" * 1000] * 1000, fail)))
    with server.connect() as client:
        client.sendall(OLD)
        with pytest.raises(ConnectionResetError):
            list(iter(partial(client.recv, 65536), b""))

    assert failures() == ["Cannot answer /"]


def test_nor_does_one_that_the_server_gives_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_DRAIN_SECONDS", 0.5)
    server = serve(Application(lambda: Chunks([b"x" * 1000] * (LARGE // 1000))))
    with server.connect() as client:
        client.sendall(OLD)
        assert client.recv(1000)
        server.close()
        with pytest.raises(ConnectionResetError):
            list(iter(partial(client.recv, 65536), b""))


def test_an_answer_that_is_too_long_is_cut(serve: Serve) -> None:
    application = Application(lambda: Chunks([b"one two three"]), headers=with_length(7))
    answers = serve(application).answers(NEXT, GET)

    assert [each.body for each in answers] == [b"one two"] * 2
    assert application.closed == [1, 1]


@pytest.mark.parametrize("ask", [NEXT, POST], ids=["GET", "POST"])
@pytest.mark.parametrize("size", [3, 300_000])
def test_an_answer_that_is_too_short_is_the_last_one(
    size: int, ask: bytes, serve: Serve, failures: Failures
) -> None:
    application = Application(lambda: Chunks([b"x" * size]), headers=with_length(400_000))
    (answer,) = serve(application).answers(ask + NEXT)

    assert (len(answer.body), answer.is_whole) == (size, False)
    assert application.closed == [1]
    assert len(failures()) == 1


def failing_at_once() -> Any:
    raise ValueError("as it should")


@pytest.mark.parametrize("ask", [NEXT, OLD, POST], ids=["GET", "1.0", "POST"])
@pytest.mark.parametrize(
    "application",
    [
        Application(failing_at_once),
        Application(lambda: Chunks([], fail)),
        Application(lambda: Chunks([b"one"], fail)),
        Application(lambda: Chunks([b"one"], fail), headers=with_length(7)),
        Application(lambda: [b"x"], headers=[("Location", "/\r\nSet-Cookie: a=b")]),
        Application(lambda: [b"x"], headers=[("Location", "/\nSet-Cookie: a=b")]),
        Application(lambda: [b"x"], headers=[("Location", "/\rSet-Cookie: a=b")]),
        Application(lambda: [b"x"], headers=[("Set-Cookie: a=b\r\nLocation", "/")]),
        Application(lambda: [b"x"], "200 OK\r\nSet-Cookie: a=b"),
        Application(lambda: [b"x"], headers=[("Title", "“quoted”")]),
        Application(lambda: [b"x"], headers=[("Content-Length", "x")]),
        Application(lambda: ["text"]),
        Application(lambda: None),
        lambda _environ, _start_response: [b"not begun"],
        lambda _environ, _start_response: [],
    ],
    ids=[
        "at once",
        "before the first chunk",
        "after the first chunk",
        "after the first chunk of a known length",
        "two lines in a header",
        "a line feed in a header",
        "a carriage return in a header",
        "two lines in a name",
        "two lines in the status",
        "no latin-1",
        "no length",
        "text",
        "nothing",
        "not begun",
        "not begun, nothing",
    ],
)
def test_an_application_that_fails(
    application: Any, ask: bytes, serve: Serve, failures: Failures
) -> None:
    """As long as nothing was sent, the client is told."""
    (answer,) = serve(application).answers(ask + NEXT)

    assert (answer.code, answer.is_whole) == (500, True)
    assert b"as it should" not in answer.body
    assert "set-cookie" not in answer.headers
    assert answer.headers["connection"] == "close"
    assert len(failures()) == 1


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("ask", [GET, POST], ids=["GET", "POST"])
def test_nothing_that_an_application_raises_ends_a_thread(
    ask: bytes, kind: type[BaseException], serve: Serve, failures: Failures
) -> None:
    def application(
        _environ: "WSGIEnvironment", _start_response: "StartResponse"
    ) -> Iterable[bytes]:
        raise kind

    server = serve(application)

    assert [server.answers(ask)[0].code for _ in range(40)] == [500] * 40
    assert len(failures()) == 40


def test_a_failure_to_answer_head_has_no_body(serve: Serve, failures: Failures) -> None:
    answer = serve(Application(failing_at_once)).ask(HEAD)

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"\r\n\r\n")
    assert len(failures()) == 1


@pytest.mark.parametrize("ask", [GET, POST], ids=["GET", "POST"])
@pytest.mark.parametrize("headers", [PLAIN, with_length(2_000_000)], ids=["", "length"])
def test_an_application_that_fails_late(
    headers: Any, ask: bytes, serve: Serve, failures: Failures
) -> None:
    """The client must not take what it got for all."""
    application = Application(lambda: Chunks([b"x" * 1000] * 1000, fail), headers=headers)
    (answer,) = serve(application).answers(ask)

    assert answer.code == 200
    assert not answer.is_whole
    assert application.closed == [1]
    assert len(failures()) == 1


def test_start_response_again_with_a_failure(serve: Serve) -> None:
    def application(
        _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response("200 OK", with_length(9))
        try:
            raise ValueError
        except ValueError:
            start_response("503 Not now", PLAIN, sys.exc_info())
        return [b"later"]

    (answer,) = serve(application).answers(GET)

    assert (answer.status, answer.body) == ("503 Not now", b"later")


def test_start_response_again_when_it_is_too_late(serve: Serve, failures: Failures) -> None:
    def application(
        _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        yield b"x" * 300_000
        try:
            raise ValueError
        except ValueError:
            start_response("503 Not now", PLAIN, sys.exc_info())

    (answer,) = serve(application).answers(GET)

    assert (answer.status, answer.is_whole) == ("200 OK", False)
    assert len(failures()) == 1


def test_start_response_twice(serve: Serve, failures: Failures) -> None:
    def application(
        _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return [b"x"]

    (answer,) = serve(application).answers(GET)

    assert answer.code == 500
    assert len(failures()) == 1


@pytest.mark.parametrize("ask", [NEXT, POST], ids=["GET", "POST"])
def test_a_close_that_fails(ask: bytes, serve: Serve, failures: Failures) -> None:
    class Unclosable(Chunks):
        def close(self) -> None:
            super().close()
            fail()

    application = Application(lambda: Unclosable([b"one"]))
    answers = serve(application).answers(ask, ends=True)

    assert [each.body for each in answers] == [b"one"]
    assert application.closed == [1]
    assert len(failures()) == 1


@pytest.mark.parametrize("ask", [GET, POST, OLD], ids=["GET", "POST", "1.0"])
@pytest.mark.parametrize("kind", [list, iter, Chunks], ids=["list", "iterator", "iterable"])
def test_long_chunks(kind: Any, ask: bytes, serve: Serve) -> None:
    pattern = bytes(range(256))
    whole = b"".join([b"begin", pattern * 4000, b"", b"middle", pattern * 512, b"x", b"end"])

    def make() -> Any:
        return kind([b"begin", pattern * 4000, b"", b"middle", pattern * 512, b"x", b"end"])

    (answer,) = serve(Application(make)).answers(ask)

    assert answer.is_whole
    assert answer.body == whole


@pytest.mark.parametrize("ask", [GET, POST], ids=["GET", "POST"])
def test_a_long_chunk_does_not_wait_in_one_piece(ask: bytes, serve: Serve) -> None:
    """For clients that do not take it: it may be one and the same for all of them."""
    page = bytes(LARGE)
    application = Application(lambda: Chunks([page]), headers=with_length(len(page)))
    server = serve(application)
    with server.connect() as client:
        client.sendall(ask)
        client.recv(100)
        (connection,) = server.server._connections
        assert until(lambda: not connection._has_room)
        waiting = connection._waiting
        rest = received(client)

    assert waiting < 1_000_000
    assert rest.endswith(page[:1000])
    assert until(lambda: application.closed == [1])


# Clients that leave


def leaves(server: SmallServer, ask: bytes) -> None:
    """Before it has taken the whole answer."""
    with server.connect() as client:
        client.sendall(ask)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("ask", [GET, POST], ids=["GET", "POST"])
def test_an_answer_is_closed_once_where_the_client_leaves(ask: bytes, serve: Serve) -> None:
    application = Application(lambda: Chunks([b"x" * 1000] * (LARGE // 1000)))
    server = serve(application)
    leaves(server, ask)

    assert until(lambda: application.closed == [1])
    server.close()
    assert application.closed == [1]


def test_an_answer_is_closed_once_where_the_client_leaves_while_it_is_made(serve: Serve) -> None:
    goes_on = threading.Event()

    def wait() -> None:
        about_to_wait()
        goes_on.wait(60)

    application = Application(lambda: Chunks([b"x" * 200_000], wait))
    server = serve(application)
    leaves(server, GET)
    goes_on.set()

    assert until(lambda: application.closed == [1])
    server.close()
    assert application.closed == [1]


def test_an_answer_is_closed_where_the_server_ends(serve: Serve) -> None:
    """After the last patience with who takes it."""
    application = Application(lambda: Chunks([b"x" * 1000] * (LARGE // 1000)))
    server = serve(application)
    with server.connect() as client:
        client.sendall(GET)
        client.recv(1000)
        received_after = threading.Thread(target=received, args=[client])
        received_after.start()
        server.close()
        received_after.join()

    assert application.closed == [1]


# Files


class CountingFile(io.FileIO):
    closings = 0

    def close(self) -> None:
        if not self.closed:
            CountingFile.closings += 1
        super().close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    CountingFile.closings = 0
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 12_000)
    return path


def sending(path: Path, start: int = 0, size: int | None = None) -> Any:
    """An application that sends a file from `start` on."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        opened = CountingFile(path)
        opened.seek(start)
        length = path.stat().st_size - start if size is None else size
        start_response("200 OK", with_length(length))
        return environ["wsgi.file_wrapper"](opened, 1 << 20)

    return application


@pytest.mark.parametrize(("start", "size"), [(0, None), (1000, None), (1000, 1), (1000, 999_999)])
def test_files(start: int, size: int | None, file: Path, serve: Serve) -> None:
    answers = serve(sending(file, start, size)).answers(NEXT, NEXT, ends=True)
    expected = file.read_bytes()[start : None if size is None else start + size]

    assert [each.body == expected for each in answers] == [True, True]
    assert CountingFile.closings == 2 + 2, "opened on the loop first, which may not read it"


def test_a_file_of_unknown_length(file: Path, serve: Serve) -> None:
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        start_response("200 OK", PLAIN)
        return environ["wsgi.file_wrapper"](CountingFile(file))

    for ask in (GET, OLD):
        (answer,) = serve(application).answers(ask)
        assert answer.body == file.read_bytes()


def test_the_file_is_closed_after_head(file: Path, serve: Serve) -> None:
    (answer,) = parsed(serve(sending(file)).ask(HEAD), "HEAD")

    assert answer.headers["content-length"] == str(file.stat().st_size)
    assert CountingFile.closings == 2


def test_the_file_is_closed_where_the_client_leaves(file: Path, serve: Serve) -> None:
    file.write_bytes(bytes(LARGE))
    server = serve(sending(file))
    leaves(server, GET)

    assert until(lambda: CountingFile.closings == 2)


def test_a_file_that_was_cut_off_meanwhile(file: Path, serve: Serve, failures: Failures) -> None:
    (answer,) = serve(sending(file, size=LARGE * 2)).answers(GET)

    assert not answer.is_whole
    assert CountingFile.closings == 2
    assert len(failures()) == 1


# The protocol between server and application


@pytest.mark.filterwarnings("error::wsgiref.validate.WSGIWarning")
@pytest.mark.parametrize("body", [b"", b"small", b"x" * 200_000], ids=["none", "small", "large"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_the_environment_is_valid(method: str, body: bytes, serve: Serve) -> None:
    """wsgiref wants to read in pieces of a size, and a path that begins with a slash."""

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        pieces = bytearray()
        while piece := environ["wsgi.input"].read(10_000):
            pieces += piece
        start_response("200 OK", [*PLAIN, ("Content-Length", str(len(pieces)))])
        return [bytes(pieces)]

    server = serve(validator(application))
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(2):
        client.request(method, "/a/b?c=d", body or None, {"Content-Type": "text/plain"})
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (200, body)
    client.close()


def test_where_the_request_came_from_and_to(serve: Serve) -> None:
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        names = "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT", "wsgi.url_scheme"
        return [" ".join(environ[name] for name in names).encode()]

    server = serve(application)
    with server.connect() as client:
        port = client.getsockname()[1]
        client.sendall(GET)
        (answer,) = parsed(received(client))

    assert answer.body == f"127.0.0.1 {server.port} 127.0.0.1 {port} http".encode()


def test_who_half_closes_gets_all_answers(serve: Serve) -> None:
    with serve(echo).connect() as client:
        client.sendall(NEXT * 3)
        client.shutdown(socket.SHUT_WR)
        answers = parsed(received(client))

    assert [each.body for each in answers] == [b"GET /next "] * 3
