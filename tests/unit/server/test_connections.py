"""Many requests on one connection, and bodies that are waited for."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest
from werkzeug.exceptions import ClientDisconnected

from pypi_repo.domain.waiting import about_to_wait
from tests.support.http import Connection
from tests.support.small_server import echo, parsed, received
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

SMALL = b"s" * 1000
LARGE = b"l" * 300_000
EXPECT = b"Expect: 100-continue\r\n"


def get(number: int, more: bytes = b"") -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: x\r\n%s\r\n" % (number, more)


def head_of_post(number: int, body: bytes, more: bytes = b"") -> bytes:
    return b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n" % (
        number,
        len(body),
        more,
    )


def post(number: int, body: bytes, more: bytes = b"") -> bytes:
    return head_of_post(number, body, more) + body


def in_chunks(number: int, body: bytes) -> bytes:
    head = b"POST /%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % number
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def answer_to(method: bytes, number: int, body: bytes = b"") -> bytes:
    return b"%s /%d %s" % (method, number, body)


def waiting_echo(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    about_to_wait()
    return echo(environ, start_response)


def refuse(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """What is sent to /0, without looking at it."""
    if environ["PATH_INFO"] == "/0":
        start_response("403 No", [("Content-Type", "text/plain")])
        return [b"no"]
    return echo(environ, start_response)


STREAMS = {
    "small": [(b"POST", SMALL)] * 5,
    "large": [(b"POST", LARGE)] * 3,
    "mixed": [(b"GET", b""), (b"POST", LARGE), (b"GET", b""), (b"POST", SMALL), (b"POST", LARGE)],
    "beyond what is read ahead": [(b"GET", b"")] * 2000,
}


@pytest.mark.parametrize("application", [echo, waiting_echo])
@pytest.mark.parametrize("ends", [True, False], ids=["half-closed", "last one closes"])
@pytest.mark.parametrize("kinds", STREAMS.values(), ids=STREAMS)
def test_pipelined(
    kinds: list[tuple[bytes, bytes]], ends: bool, application: object, serve: Serve
) -> None:
    """Each is answered, and in their order."""
    requests = [
        post(number, body) if body else get(number) for number, (_method, body) in enumerate(kinds)
    ]
    if not ends:
        requests.append(get(len(kinds), b"Connection: close\r\n"))
        kinds = [*kinds, (b"GET", b"")]
    answers = serve(application).answers(b"".join(requests), ends=ends)

    assert [each.body for each in answers] == [
        answer_to(method, number, body) for number, (method, body) in enumerate(kinds)
    ]


@pytest.mark.parametrize("application", [echo, waiting_echo])
def test_the_next_one_comes_after_all_were_answered(application: object, serve: Serve) -> None:
    """Although the server had not received more than it wanted to know ahead."""
    number = 3000
    server = serve(application)
    with Connection(server.port) as client:
        client.send(b"".join(map(get, range(number))))
        for expected in [*range(number), 0]:
            _status, headers = client.read_head()
            assert client.read(int(headers["content-length"])) == answer_to(b"GET", expected)
            if expected == number - 1:
                client.send(get(0))


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_pipelined_in_chunks(body: bytes, serve: Serve) -> None:
    requests = b"".join(in_chunks(number, body) for number in range(4))
    answers = serve(echo).answers(requests, ends=True)

    assert [each.body for each in answers] == [answer_to(b"POST", n, body) for n in range(4)]


@pytest.mark.parametrize("application", [echo, waiting_echo])
@pytest.mark.parametrize("before", [1, 10, 700], ids=["one", "few", "many"])
@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", bytes(100_000)], ids=["text", "NULs"])
def test_garbage_after_good_requests(
    garbage: bytes, before: int, application: object, serve: Serve
) -> None:
    *answers, last = serve(application).answers(b"".join(map(get, range(before))) + garbage)

    assert [each.body for each in answers] == [answer_to(b"GET", n) for n in range(before)]
    assert (last.code, last.headers["connection"]) == (400, "close")


@pytest.mark.parametrize("ends", [True, False])
def test_garbage_while_a_request_is_worked_on(ends: bool, serve: Serve) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        about_to_wait()
        began.set()
        goes_on.wait(60)
        return echo(environ, start_response)

    server = serve(application)
    with server.connect() as client:
        client.sendall(get(0))
        assert began.wait(60)
        client.sendall(b"garbage\r\n\r\n")
        if ends:
            client.shutdown(socket.SHUT_WR)
        goes_on.set()
        first, last = parsed(received(client))

    assert (first.code, last.code) == (200, 400)


@pytest.mark.parametrize("ends", [True, False])
def test_garbage_after_a_large_body(ends: bool, serve: Serve) -> None:
    first, last = serve(echo).answers(post(0, LARGE) + b"garbage\r\n\r\n", ends=ends)

    assert first.body == answer_to(b"POST", 0, LARGE)
    assert last.code == 400


@pytest.mark.parametrize("part", [b"GE", b"GET / HTTP/1.1\r\nHost: x\r\n", head_of_post(1, SMALL)])
def test_who_half_closes_within_a_request_is_answered_those_before(
    part: bytes, serve: Serve
) -> None:
    (answer,) = serve(waiting_echo).answers(get(0) + part, ends=True)

    assert answer.body == answer_to(b"GET", 0)


def test_who_half_closes_within_a_large_body_is_told(serve: Serve) -> None:
    (answer,) = serve(echo).answers(post(0, LARGE)[:-1], ends=True)

    assert answer.code == 400


def test_one_that_pipelines_without_end_leaves_time_for_others(serve: Serve) -> None:
    """Between two of its answers, each of the others gets one, however many wait."""
    order: list[str] = []

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        order.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/hold":
            held.set()
            goes_on.wait(60)
        return echo(environ, start_response)

    held, goes_on = threading.Event(), threading.Event()
    server = serve(application)
    with Connection(server.port) as holder, Connection(server.port) as greedy:
        others = [Connection(server.port) for _ in range(5)]
        holder.send(get(0).replace(b"/0", b"/hold"))
        assert held.wait(60)
        greedy.send(get(1) * 400)
        for other in others:
            other.send(get(2))
        goes_on.set()
        for other in others:
            other.read_head()
            other.close()
    last_of_others = len(order) - 1 - order[::-1].index("/2")

    assert order[:last_of_others].count("/1") < 20


# Bodies that the client asks for before it sends them


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_expect(body: bytes, serve: Serve) -> None:
    server = serve(refuse)
    with Connection(server.port) as client:
        for number in (1, 2):
            client.send(head_of_post(number, body, EXPECT))
            assert client.read_head()[0] == b"HTTP/1.1 100 Continue"
            client.send(body)
            status, headers = client.read_head()
            assert status == b"HTTP/1.1 200 OK"
            assert client.read(int(headers["content-length"])) == answer_to(b"POST", number, body)


def test_expect_in_chunks(serve: Serve) -> None:
    server = serve(echo)
    head, _blank, rest = in_chunks(0, LARGE).partition(b"\r\n\r\n")
    with Connection(server.port) as client:
        client.send(head + b"\r\n" + EXPECT + b"\r\n")
        assert client.read_head()[0] == b"HTTP/1.1 100 Continue"
        client.send(rest)
        _status, headers = client.read_head()
        assert client.read(int(headers["content-length"])) == answer_to(b"POST", 0, LARGE)


def test_expect_and_do_not_wait(serve: Serve) -> None:
    """As curl does after a second."""
    answers = serve(echo).answers(
        post(0, SMALL, EXPECT) + post(1, LARGE, EXPECT) + get(2), ends=True
    )

    assert [each.body for each in answers if each.code == 200] == [
        answer_to(b"POST", 0, SMALL),
        answer_to(b"POST", 1, LARGE),
        answer_to(b"GET", 2),
    ]


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_expect_behind_another_request(body: bytes, serve: Serve) -> None:
    """It is asked for when its turn has come, so that a client can tell what was answered."""
    server = serve(waiting_echo)
    with Connection(server.port) as client:
        client.send(get(0) + head_of_post(1, body, EXPECT))
        _status, headers = client.read_head()
        client.read(int(headers["content-length"]))
        assert client.read_head()[0] == b"HTTP/1.1 100 Continue"
        client.send(body)
        _status, headers = client.read_head()
        assert client.read(int(headers["content-length"])) == answer_to(b"POST", 1, body)


def test_expect_of_a_body_that_is_refused(serve: Serve) -> None:
    """Whether the client sends it all the same cannot be known: the connection ends."""
    server = serve(refuse)
    for sent in (b"", LARGE, LARGE + get(1)):
        (answer,) = server.answers(head_of_post(0, LARGE, EXPECT), sent)
        assert (answer.code, answer.headers["connection"]) == (403, "close")


@pytest.mark.parametrize(
    ("more", "version"), [(b"", b"1.0"), (b"Content-Length: 0\r\n", b"1.1"), (b"", b"1.1")]
)
def test_expect_nothing(more: bytes, version: bytes, serve: Serve) -> None:
    request = b"POST /0 HTTP/%s\r\nHost: x\r\n%s%s\r\n" % (version, EXPECT, more)
    (answer,) = serve(echo).answers(request, ends=True)

    assert answer.code == 200


# Large bodies that nobody reads


def test_what_is_refused_is_dropped_and_the_connection_goes_on(serve: Serve) -> None:
    server = serve(refuse)
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(3):
        client.request("POST", "/0", bytes(5_000_000))
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (403, b"no")
        assert not answer.will_close
    client.close()


def test_a_body_is_not_received_before_it_is_read(serve: Serve) -> None:
    """Nor much more of it than was read: the client waits."""
    reads = threading.Event()

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        reads.wait(60)
        size = 0
        while piece := environ["wsgi.input"].read(100_000):
            size += len(piece)
        start_response("200 OK", [])
        return [str(size).encode()]

    server = serve(application)
    size = 64_000_000
    with server.connect() as client:
        client.sendall(head_of_post(0, bytes(0)).replace(b": 0", b": %d" % size))
        client.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += client.send(bytes(1_000_000))
        assert sent < size - 1_000_000
        client.settimeout(60)
        reads.set()
        client.sendall(bytes(size - sent))
        client.shutdown(socket.SHUT_WR)
        (answer,) = parsed(received(client))

    assert int(answer.body) == size


def test_a_body_whose_application_is_done_is_not_kept(serve: Serve) -> None:
    inputs = []

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        inputs.append(environ["wsgi.input"])
        return refuse(environ, start_response)

    server = serve(application)
    with server.connect() as client:
        client.sendall(head_of_post(0, LARGE))
        assert client.recv(1000).startswith(b"HTTP/1.1 403 ")
        client.sendall(LARGE)
        client.sendall(get(1))
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")

    assert len(inputs[0]._waiting) == 0


def test_the_reader_is_told_that_the_client_left(serve: Serve) -> None:
    ended: list[BaseException] = []

    def told(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            environ["wsgi.input"].read()
        except ClientDisconnected as error:
            ended.append(error)
        return echo(environ, start_response)

    server = serve(told)
    with server.connect() as client:
        client.sendall(post(0, LARGE)[:-1])

    assert until(lambda: len(ended) == 1)
