"""Random streams of requests, in random pieces, against a simple model of what is answered."""

import random
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.server.http.patience import Patience
from tests.support.small_server import Answer, SmallServer, echo, parsed, received
from tests.support.waiting import until
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATIENCE = Patience(headers=5, body=5, answer=10, idle=5, leaving=2, refused=10)
SIZES = [0, 1, 10, 1000, 20_000, 65_536, 65_537, 150_000, 400_000]
KINDS = ["/echo", "/wait", "/refuse", "/stream", "/much"]
MUCH = 300_000


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    kind, _slash, number = path[1:].partition("/")
    if kind == "wait":
        about_to_wait()
    if kind == "refuse":
        start_response("403 No", [])
        return [f"refused {number}".encode()]
    if kind == "stream":
        start_response("200 OK", [])
        return (part for part in (b"streamed ", number.encode()))
    if kind == "much":
        start_response("200 OK", [])
        return [number.encode(), bytes(MUCH)]
    return echo(environ, start_response)


def request(rng: random.Random, number: int) -> tuple[bytes, str, int, bytes]:
    """One; and its method, and the status and body of its answer."""
    kind = rng.choice(KINDS)
    size = rng.choice(SIZES) if rng.random() < 0.4 else 0
    method = rng.choice(["POST", "PUT"]) if size else rng.choice(["GET", "GET", "HEAD", "DELETE"])
    body = rng.randbytes(size)
    lines = [f"{method} {kind}/{number} HTTP/1.1", "Host: x"]
    lines += [f"X-{n}: {'y' * rng.randrange(200)}" for n in range(rng.choice([0, 0, 2, 30]))]
    if rng.random() < 0.1:
        lines += ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"]
    if size and rng.random() < 0.4:
        lines.append("Transfer-Encoding: chunked")
        step = rng.choice([max(1, size // 3), 70_000])
        parts = [body[start : start + step] for start in range(0, size, step)]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        framed += b"0\r\n" + rng.choice([b"", b"X-Trailer: z\r\n"]) + b"\r\n"
    else:
        framed = body
        if size:
            lines.append(f"Content-Length: {size}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    status, answered = 200, f"{method} {kind}/{number} ".encode() + body
    if kind == "/refuse":
        status, answered = 403, f"refused {number}".encode()
    elif kind == "/stream":
        answered = f"streamed {number}".encode()
    elif kind == "/much":
        answered = f"{number}".encode() + bytes(MUCH)
    return head + framed, method, status, b"" if method == "HEAD" else answered


def broken(rng: random.Random) -> bytes:
    good = request(rng, 0)[0]
    return rng.choice(
        [
            rng.randbytes(rng.choice([1, 100, 40_000])).replace(b"\r", b"").replace(b"\n", b"")
            + b"\x00",
            good.replace(b" HTTP/1.1", b" HTTP/1.7", 1),
            good.replace(b"Host: x", b"Host: x\r\nHost: y", 1),
            good.replace(b"Host: x", b"Host\x00: x", 1),
            b"\x00" + good,
        ]
    )


def send(rng: random.Random, client: socket.socket, stream: bytes, ends: bool) -> None:
    """In random pieces; a server that was told nonsense may end the connection before."""
    largest = rng.choice([1, 7, 100] if len(stream) < 3000 else [1000, 16_384, 65_536, 1_000_000])
    position = 0
    with suppress(OSError):  # a connection that was reset is no longer one
        while position < len(stream):
            step = rng.randrange(1, largest + 1)
            client.sendall(stream[position : position + step])
            position += step
        if ends:
            client.shutdown(socket.SHUT_WR)


def conversation(server: SmallServer, seed: int) -> None:
    rng = random.Random(seed)
    expected = [request(rng, number) for number in range(rng.randrange(12))]
    stream = b"".join(each[0] for each in expected)
    is_broken = rng.random() < 0.5
    with server.connect() as client:
        if is_broken:
            stream += broken(rng)
        ends = not is_broken or rng.random() < 0.5
        with ThreadPoolExecutor(1) as sender:
            sent = sender.submit(send, rng, client, stream, ends)
            everything = received(client)
            sent.result(60)
    answers = parsed(everything, *(method for _stream, method, *_answer in expected))
    if is_broken:
        last = answers.pop()
        assert last.code in (400, 431), (seed, last)
        assert last.headers["connection"] == "close"
    assert [summary(answer) for answer in answers] == [
        (status, len(body), body[:50]) for _stream, _method, status, body in expected
    ], seed
    assert all(answer.is_whole for answer in answers), seed


def summary(answer: Answer) -> tuple[int, int, bytes]:
    return answer.code, len(answer.body), answer.body[:50]


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_each_answer_belongs_to_its_request(start: int, serve: Serve) -> None:
    server = serve(app, patience=PATIENCE)
    with ThreadPoolExecutor(4) as clients:
        for done in [clients.submit(conversation, server, start + n) for n in range(20)]:
            done.result()
    assert until(lambda: not server.server._connections)


def test_noise_never_hangs_and_never_breaks_anything(serve: Serve) -> None:
    """Good requests in which a few bytes were changed, left out, or put in."""
    server = serve(app, patience=replace(PATIENCE, headers=1, body=1, leaving=1))
    with ThreadPoolExecutor(16) as clients:
        for done in [clients.submit(noise, server, seed) for seed in range(300)]:
            done.result()
    (answer,) = server.answers(b"GET /echo/1 HTTP/1.1\r\n\r\n", ends=True)

    assert answer.code == 200
    assert until(lambda: not server.server._connections)


def noise(server: SmallServer, seed: int) -> None:
    rng = random.Random(seed)
    stream = bytearray(b"".join(request(rng, number)[0] for number in range(rng.randrange(1, 4))))
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(min(len(stream), 300))
        stream[place : place + rng.randrange(3)] = rng.choice(
            [b"", b"\r\n", b"\n", b"\0", b" ", b":", b"Content-Length: 5\r\n", rng.randbytes(4)]
        )
    with server.connect() as client, ThreadPoolExecutor(1) as sender:
        sent = sender.submit(send, rng, client, bytes(stream), rng.random() < 0.7)
        answered = received(client)
        sent.result(60)
    assert answered == b"" or answered.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), seed
