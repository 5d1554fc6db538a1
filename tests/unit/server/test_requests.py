"""What is understood of requests, however they come in."""

import json
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from pypi_repo.server.http.request import kept_key
from tests.support.small_server import Answer, SmallServer, parsed, received
from tests.unit.server.conftest import Serve

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
LARGE = 200_000  # streamed to the application
TOLD = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "CONTENT_LENGTH")


def tell(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """What the application was told, and got."""
    body = environ["wsgi.input"].read()
    told = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    told |= {name: environ[name] for name in TOLD if name in environ}
    told["body"] = len(body) if len(body) > 100 else body.decode("latin-1")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


@pytest.fixture
def server(serve: Serve) -> SmallServer:
    return serve(tell)


def told(answer: Answer) -> dict[str, object]:
    assert answer.status == "200 OK", answer
    found: dict[str, object] = json.loads(answer.body)
    return found


def told_of(server: SmallServer, request: bytes) -> dict[str, object]:
    (answer,) = server.answers(request, ends=True)
    return told(answer)


def get(target: str = "/", more: str = "", version: str = "1.1") -> bytes:
    return f"GET {target} HTTP/{version}\r\nHost: x\r\n{more}\r\n".encode()


def post(body: bytes, more: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /length HTTP/1.1\r\nHost: x\r\n" + more + length + b"\r\n" + body


def in_chunks(body: bytes, size: int, more: bytes = b"", trailers: bytes = b"") -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%X\r\n%s\r\n" % (len(part), part) for part in parts)
    return CHUNKED + more + b"\r\n" + framed + b"0\r\n" + trailers + b"\r\n"


def test_a_request(server: SmallServer) -> None:
    assert told_of(server, get("/a%20b/%C3%BC?c=%20d", "X-Some: y \r\n")) == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a b/\xc3\xbc",
        "QUERY_STRING": "c=%20d",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "x",
        "HTTP_X_SOME": "y",
        "body": "",
    }


SPLIT = {
    "plain": get("/plain?a=b", "X-Empty:\r\nX-Twice: a\r\nX-Twice: b\r\n"),
    "length": post(b"hello"),
    "chunks": in_chunks(b"hello", 3, trailers=b"X-Trailer: z\r\nX-Other: z\r\n"),
    "upgrade": post(b"hello", UPGRADE),
    "upgrade in chunks": in_chunks(b"hello", 3, UPGRADE),
}


@pytest.mark.parametrize("request_", SPLIT.values(), ids=SPLIT)
def test_it_does_not_matter_where_requests_are_split(request_: bytes, server: SmallServer) -> None:
    expected = [told_of(server, request_), told_of(server, NEXT)]
    stream = request_ + NEXT
    for split in range(1, len(stream)):
        with server.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(stream[:split])
            client.sendall(stream[split:])
            client.shutdown(socket.SHUT_WR)
            assert [told(answer) for answer in parsed(received(client))] == expected, split


@pytest.mark.parametrize("request_", SPLIT.values(), ids=SPLIT)
def test_byte_by_byte(request_: bytes, server: SmallServer) -> None:
    expected = [told_of(server, request_), told_of(server, NEXT)]
    parts = [bytes([byte]) for byte in request_ + NEXT]

    assert [told(answer) for answer in server.answers(*parts, ends=True)] == expected


@pytest.mark.parametrize("size", [1, 1000, 65_536, 65_537, LARGE])
@pytest.mark.parametrize("upgrade", [b"", UPGRADE], ids=["", "upgrade"])
def test_bodies_are_whole_whatever_frames_them(
    upgrade: bytes, size: int, server: SmallServer
) -> None:
    body = bytes(size)
    expected = size if size > 100 else body.decode()
    requests = post(body, upgrade), in_chunks(body, 7000, upgrade), NEXT
    answers = server.answers(*requests, ends=True)

    assert [told(answer)["body"] for answer in answers] == [expected, expected, ""]


def test_trailers_are_no_headers_of_the_next_request(server: SmallServer) -> None:
    request = in_chunks(b"hello", 5, trailers=b"Authorization: somebody\r\nX-Empty:\r\n")
    _first, second = server.answers(request + NEXT, ends=True)

    assert told(second) == told_of(server, NEXT)


def test_headers_that_come_more_than_once_are_joined(server: SmallServer) -> None:
    lines = "Accept: a\r\nAccept: b\r\nCookie: c\r\nCookie: d\r\n"
    found = told_of(server, get("/", lines))

    assert (found["HTTP_ACCEPT"], found["HTTP_COOKIE"]) == ("a, b", "c; d")


def test_an_underscore_is_not_taken_for_a_hyphen(server: SmallServer) -> None:
    """Or else a client could say what only a proxy may say."""
    found = told_of(server, get("/", "X_Forwarded_For: 192.0.2.1\r\nContent_Length: 9\r\n"))

    assert "HTTP_X_FORWARDED_FOR" not in found
    assert "CONTENT_LENGTH" not in found


def test_values_beyond_ascii_are_bytes(server: SmallServer) -> None:
    assert told_of(server, get("/", "X-Name: ü\r\n"))["HTTP_X_NAME"] == "\xc3\xbc"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "x",
        "xn--bcher-kva.example:8080",
        "my_host.",
        "127.0.0.1:80",
        "[::1]:80",
        "x:",
        "a" * 261,
    ],
)
def test_hosts(host: str, server: SmallServer) -> None:
    found = told_of(server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    assert found["HTTP_HOST"] == host


def test_a_host_may_be_missing(server: SmallServer) -> None:
    """Simple clients send none, whatever RFC 9112 says (3.2)."""
    assert "HTTP_HOST" not in told_of(server, b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("http://y/a%2Fb?c=d", "/a/b", "c=d", "y"),
        ("HTTPS://user@y:80/a", "/a", "", "y:80"),
        ("http://y", "/", "", "y"),
        ("http://y?c", "/", "c", "y"),
        ("//y/a", "//y/a", "", "x"),
        ("/a?b?c", "/a", "b?c", "x"),
        ("*", "*", "", "x"),
    ],
)
def test_targets(target: str, path: str, query: str, host: str, server: SmallServer) -> None:
    found = told_of(server, f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert (found["PATH_INFO"], found["QUERY_STRING"], found["HTTP_HOST"]) == (path, query, host)


@pytest.mark.parametrize(
    ("version", "more", "ends"),
    [
        ("1.1", "", False),
        ("1.1", "Connection: close\r\n", True),
        ("1.1", "Connection: x, CLOSE\r\n", True),
        ("1.0", "", True),
        ("1.0", "Connection: Keep-Alive\r\n", False),
    ],
)
def test_the_client_says_whether_another_request_comes(
    version: str, more: str, ends: bool, server: SmallServer
) -> None:
    answers = server.answers(get("/first", more, version) + NEXT, ends=not ends)
    said = answers[0].headers.get("connection")

    assert said == ("close" if ends else {"1.0": "keep-alive", "1.1": None}[version])
    assert [told(answer)["PATH_INFO"] for answer in answers] == ["/first", "/next"][: 2 - ends]
    assert answers[0].version == f"HTTP/{version}"


@pytest.mark.parametrize("more", ["", UPGRADE.decode()], ids=["", "upgrade"])
def test_many_requests_for_another_protocol(more: str, server: SmallServer) -> None:
    """It is not spoken here, which the server says by going on as before (RFC 9110, 7.8)."""
    answers = server.answers(get("/", more) * 400, ends=True)

    assert [answer.code for answer in answers] == [200] * 400


def test_long_headers_before_a_body_in_chunks(server: SmallServer) -> None:
    """They do not count as chunks that are too small."""
    request = in_chunks(b"hello", 5, b"Cookie: %s\r\n" % (b"x" * 14_000))
    answers = server.answers(request[:-5], request[-5:] + NEXT, ends=True)

    assert [told(answer)["body"] for answer in answers] == ["hello", ""]


MALFORMED = {
    "a line feed only": b"GET / HTTP/1.1\nHost: x\n\n",
    "a line feed only in the headers": b"GET / HTTP/1.1\r\nX: a\nHost: x\r\n\r\n",
    "carriage returns only": b"GET / HTTP/1.1\rHost: x\r\r",
    "a carriage return in a value": get("/", "X: a\rb\r\n"),
    "a NUL in a value": get("/", "X: a\0b\r\n"),
    "a NUL in a name": get("/", "X\0: a\r\n"),
    "a NUL in the target": get("/\0"),
    "no ASCII in the target": get("/ü"),
    "a folded line": get("/", "X: a\r\n  b\r\n"),
    "a space before a colon": get("/", "X : a\r\n"),
    "a space before the first name": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "no name": get("/", ": a\r\n"),
    "no colon": get("/", "X\r\n"),
    "a host that is none": b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "a host with a space": b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
    "a host with more than a port": b"GET / HTTP/1.1\r\nHost: x:80:90\r\n\r\n",
    "a host that is too long": b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % (b"x" * 262),
    "a host in another alphabet": "GET / HTTP/1.1\r\nHost: bücher\r\n\r\n".encode(),
    "a host in the target that is none": b"GET http://a%20b<c/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a host twice": get("/", "Host: y\r\n"),
    "a length twice": post(b"hello", b"Content-Length: 5\r\n"),
    "lengths in a list": CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: 5, 5"),
    "a length with a sign": CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: +5"),
    "a length in hexadecimal": CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: f"),
    "a length below zero": CHUNKED.replace(b"Transfer-Encoding: chunked", b"Content-Length: -5"),
    "a huge length": get("/", "Content-Length: " + "9" * 19 + "\r\n"),
    "chunks and a length": post(b"hello", b"Transfer-Encoding: chunked\r\n"),
    "chunks twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n",
    "no coding": CHUNKED.replace(b"chunked", b"identity") + b"\r\n0\r\n\r\n",
    "chunks of HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n",
    "a chunk below zero": CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n",
    "a chunk beyond all sizes": CHUNKED + b"\r\n" + b"f" * 17 + b"\r\nhello\r\n0\r\n\r\n",
    "a space after the size": CHUNKED + b"\r\n5 \r\nhello\r\n0\r\n\r\n",
    "chunks with line feeds only": CHUNKED + b"\r\n5\nhello\n0\n\n",
    "a chunk that is longer than said": CHUNKED + b"\r\n5\r\nhello!\r\n0\r\n\r\n",
    "a method that nobody knows": b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method of another protocol": b"DESCRIBE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address only": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": get("ftp://x/"),
    "an address that is none": get("http://[/"),
    "no such version": get("/", version="1.2"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("160301020001000146030303"),
    "NULs": bytes(100),
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_told_once_after_what_was_not(
    request_: bytes, server: SmallServer
) -> None:
    first, second = server.answers(NEXT + request_ + NEXT)

    assert told(first)["PATH_INFO"] == "/next"
    assert (second.code, second.headers["connection"]) == (400, "close")
    assert second.body.endswith(b".\n")


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_other_versions(version: str, server: SmallServer) -> None:
    (answer,) = server.answers(get("/", version=version))

    assert answer.code == 505


@pytest.mark.parametrize(
    "lines",
    ["X: a\r\n" * 300, "X: " + "a" * 100_000 + "\r\n", "X" * 100_000 + ": a\r\n"],
    ids=["many", "long", "long name"],
)
def test_headers_that_are_too_long(lines: str, server: SmallServer) -> None:
    (answer,) = server.answers(get("/", lines))

    assert answer.code == 431


def test_a_target_that_is_too_long(server: SmallServer) -> None:
    (answer,) = server.answers(get("/" + "a" * 100_000))

    assert answer.code == 431


@pytest.mark.parametrize("more", [b"GET / HTTP/1.1\r\n\r\n", b"\r\n", bytes(50_000)])
def test_what_follows_the_last_request_is_not_looked_at(more: bytes, server: SmallServer) -> None:
    (answer,) = server.answers(get("/", "Connection: close\r\n") + more)

    assert answer.headers["connection"] == "close"
    assert told(answer)["PATH_INFO"] == "/"


def test_long_names_are_not_kept(server: SmallServer) -> None:
    """Or else a stranger could fill the memory with them."""
    kept_key.cache_clear()
    told_of(server, get("/", "X" * 30_000 + ": a\r\n"))

    assert kept_key.cache_info().currsize == 1
