"""Reading what was answered: whole or cut, slow, encoded, endless (S3, F4)."""

import gzip
import itertools
import threading
import time
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.gzip_stream import GzipStream
from pypi_repo.settings import KIB, MIB
from tests.support.scripted_server import Asked, Cut, ScriptedServer, reply
from tests.unit.outbound.conftest import Clients, Elsewhere, target_of

IDENTITY = {"Accept-Encoding": "identity"}
CONTENT = bytes(range(256)) * 1000


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    frames = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks)
    return reply(frames + end, Transfer_Encoding="chunked")


def fetched(client: OutboundClient, server: ScriptedServer, limit: int = 10 * MIB) -> bytes:
    with client.get(target_of(server), server.url) as answer:
        return answer.read_all(limit)


def test_pieces_come_as_they_arrive(client: OutboundClient, elsewhere: Elsewhere) -> None:
    """F2: the first byte does not wait for the last one."""
    go_on = threading.Event()

    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(b"first", Content_Length="10")
        assert go_on.wait(60)
        yield b"later"

    server = elsewhere(script)
    with client.get(target_of(server), server.url, headers=IDENTITY) as answer:
        assert answer.read(64 * KIB) == b"first"
        go_on.set()
        assert answer.read(64 * KIB) == b"later"
        assert answer.read(64 * KIB) == b""


@pytest.mark.parametrize("size", [1, 1000, 256_000, 1_000_000])
def test_no_piece_is_larger_than_asked_for(
    size: int, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    content = CONTENT[: size * 20]
    bodies = [
        reply(content),
        chunked(content[:7], content[7:]),
        reply(gzip.compress(content), Content_Encoding="gzip"),
    ]
    server = elsewhere(lambda asked: bodies[int(asked.target[1:])])
    for number in range(len(bodies)):
        with client.get(target_of(server), f"{server.url}/{number}") as answer:
            pieces = list(iter(lambda answer=answer: answer.read(size), b""))
        assert b"".join(pieces) == content
        assert max(map(len, pieces)) <= size


def test_until_the_end_of_the_connection(client: OutboundClient, elsewhere: Elsewhere) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\n\r\nall of it"
        raise Cut

    assert fetched(client, elsewhere(script)) == b"all of it"


@pytest.mark.parametrize(
    "sent",
    [
        reply(b"short", Content_Length="10"),
        reply(b"", Content_Length="10"),
        chunked(b"chunk", end=b""),
        chunked(b"chunk", end=b"a\r\nhalf"),
        chunked(b"chunk", end=b"0"),
        chunked(b"chunk", end=b"0\r\n"),
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nETag: 1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1",
        b"",
        reply(gzip.compress(CONTENT)[:-100], Content_Encoding="gzip", Content_Length="10000"),
    ],
)
def test_f4_a_cut_answer_is_told_from_a_whole_one(
    sent: bytes, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield sent
        raise Cut

    with pytest.raises(UpstreamFailed, match="before its answer was whole"):
        fetched(client, elsewhere(script))


@pytest.mark.parametrize(
    "encoded",
    [
        gzip.compress(CONTENT)[:-9],
        gzip.compress(CONTENT)[:5],
        gzip.compress(CONTENT)[:-8] + bytes(8),
        gzip.compress(CONTENT) + b"more",
        gzip.compress(CONTENT) * 2,
        zlib.compress(CONTENT),
        b"no gzip at all",
    ],
    ids=range(7),
)
def test_s3_what_is_not_compressed_as_it_says(
    encoded: bytes, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: reply(encoded, Content_Encoding="gzip"))
    with pytest.raises(UpstreamFailed, match="not compressed as it says"):
        fetched(client, server)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "compress"])
def test_s3_encodings_that_nobody_asked_for(
    encoding: str, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: reply(b"x", Content_Encoding=encoding))
    with pytest.raises(UpstreamFailed, match="as nobody asked for"):
        fetched(client, server)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_pages_may_come_compressed(
    encoding: str, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    page = gzip.compress(CONTENT)
    assert (
        fetched(client, elsewhere(lambda _asked: reply(page, Content_Encoding=encoding))) == CONTENT
    )


@pytest.mark.parametrize("name", ["Accept-Encoding", "accept-encoding"])
def test_files_come_as_they_are(name: str, client: OutboundClient, elsewhere: Elsewhere) -> None:
    """Some servers call a .tar.gz an encoded .tar; its digest is that of the bytes as sent."""
    file = gzip.compress(CONTENT)
    server = elsewhere(lambda _asked: reply(file, Content_Encoding="x-gzip"))
    with client.get(target_of(server), server.url, headers={name: "identity"}) as answer:
        assert answer.read_all(MIB) == file
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_s3_a_bomb_is_stopped_while_it_is_read(new_client: Clients, elsewhere: Elsewhere) -> None:
    bomb = gzip.compress(bytes(50 * MIB))
    server = elsewhere(lambda _asked: reply(bomb, Content_Encoding="gzip"))
    client = new_client(page=MIB)
    with pytest.raises(UpstreamFailed, match="larger than 100 KiB"):
        fetched(client, server, 100 * KIB)
    with client.get(target_of(server), server.url) as answer:
        pieces = iter(lambda: answer.read(64 * KIB), b"")
        assert sum(len(piece) for piece in itertools.islice(pieces, 16)) == MIB
        with pytest.raises(UpstreamFailed, match="larger than 1 MiB"):
            next(pieces)


def test_s3_what_decodes_to_nothing_is_no_way_around(
    new_client: Clients, elsewhere: Elsewhere
) -> None:
    """Empty blocks of deflate go on for ever without giving a byte."""

    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(b"", Content_Encoding="gzip", Transfer_Encoding="chunked")
        blocks = b"\x00\x00\x00\xff\xff" * 10_000
        yield b"a\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\r\n"
        while True:
            yield b"%x\r\n%b\r\n" % (len(blocks), blocks)

    with pytest.raises(UpstreamFailed, match="larger than 1 MiB"):
        fetched(new_client(page=MIB), elsewhere(script))


def test_s3_pages_have_a_size(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(lambda asked: reply(CONTENT) if asked.target == "/" else chunked(CONTENT))
    assert fetched(client, server, len(CONTENT)) == CONTENT
    for path in ("/", "/chunked"):
        with (
            pytest.raises(UpstreamFailed, match="larger than"),
            client.get(target_of(server), server.url + path) as answer,
        ):
            answer.read_all(len(CONTENT) - 1)


def endless(begin: bytes, piece: bytes) -> Iterator[bytes]:
    yield begin
    while True:
        yield piece


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + bytes(60_000).replace(b"\0", b"y") + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 60_000),
        (b"HTTP/1.1 200 ", b"OK" * 30_000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (reply(Transfer_Encoding="chunked"), b"x" * 60_000),
        (reply(Transfer_Encoding="chunked") + b"1;", b"x" * 60_000),
        (chunked(b"x", end=b"0\r\n"), b"Trailer: x\r\n" * 5000),
    ],
)
def test_s3_floods_come_to_an_end(
    begin: bytes, piece: bytes, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: endless(begin, piece))
    with pytest.raises(UpstreamFailed, match="not HTTP as it should be"):
        fetched(client, server)


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/3 200 OK\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n: y\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n" + 101 * b"X: y\r\n" + b"Content-Length: 1\r\n\r\nx",
        reply(b"x", Transfer_Encoding="gzip, chunked"),
        reply(b"x", Transfer_Encoding="identity"),
        chunked(b"x", end=b"zz\r\n"),
        chunked(b"x", end=b"-5\r\n"),
    ],
)
def test_s3_what_is_not_http(
    sent: bytes,
    client: OutboundClient,
    elsewhere: Elsewhere,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And no stranger writes into the log."""

    def script(_asked: Asked) -> Iterator[bytes]:
        yield sent
        raise Cut

    with pytest.raises(UpstreamFailed):
        fetched(client, elsewhere(script))
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []


def test_what_old_servers_may_send_is_read(client: OutboundClient, elsewhere: Elsewhere) -> None:
    """RFC 9112, section 5.2, and RFC 9110, sections 5.3 and 8.6."""
    fields = "Content-Length: 1\r\ncontent-length: 1\r\nX: \t1 \r\n\t 2\r\nx:3\r\n"
    server = elsewhere(lambda _asked: f"HTTP/1.1 200\r\n{fields}\r\nx".encode())
    for _twice in range(2):
        with client.get(target_of(server), server.url) as answer:
            assert (answer.headers["x"], answer.read_all(10)) == ("1 2, 3", b"x")
    assert server.connections == 1


def test_the_size_does_not_count_where_there_are_chunks(
    client: OutboundClient, elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    sent = reply(b"5\r\nwhole\r\n0\r\n\r\n", Transfer_Encoding="chunked", Content_Length="2")
    assert fetched(client, elsewhere(lambda _asked: sent)) == b"whole"
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []


def test_f4_a_slow_answer_may_take_longer_than_each_read(
    new_client: Clients, elsewhere: Elsewhere
) -> None:
    """The time is for each KiB, and never for the whole."""

    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(Content_Length=str(25 * KIB))
        for _piece in range(25):
            time.sleep(0.1)
            yield bytes(KIB)

    client = new_client(read=2)
    began = time.monotonic()
    assert fetched(client, elsewhere(script)) == bytes(25 * KIB)
    assert time.monotonic() - began > 2


def test_f4_who_reads_slowly_does_not_run_out_of_time(
    new_client: Clients, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: reply(b"x" * 50))
    with new_client(read=2).get(target_of(server), server.url) as answer:
        for _second in range(4):
            time.sleep(0.6)
            assert answer.read(10) == b"x" * 10
        assert len(answer.read_all(100)) == 10


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\n", reply(Content_Length="10"), chunked(b"x", end=b"")]
)
def test_s3_silence_ends(begin: bytes, new_client: Clients, elsewhere: Elsewhere) -> None:
    over = threading.Event()

    def script(_asked: Asked) -> Iterator[bytes]:
        yield begin
        over.wait(60)

    server = elsewhere(script)
    try:
        with pytest.raises(UpstreamFailed, match="in time"):
            fetched(new_client(read=0.3), server)
    finally:
        over.set()


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (reply(Content_Length="1000"), b"x"),
        (reply(Transfer_Encoding="chunked"), b"1\r\nx\r\n"),
        (reply(Transfer_Encoding="chunked") + b"1;", b"x"),
        (chunked(b"x", end=b"0\r\n"), b"T: x\r\n"),
    ],
)
def test_s3_single_bytes_hold_nobody_for_ever(
    begin: bytes, piece: bytes, new_client: Clients, elsewhere: Elsewhere
) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield begin
        while True:
            time.sleep(0.05)
            yield piece

    with pytest.raises(UpstreamFailed, match="in time"):
        fetched(new_client(read=0.5), elsewhere(script))


def test_s3_pages_have_a_time(new_client: Clients, elsewhere: Elsewhere) -> None:
    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(Content_Length=str(100 * MIB))
        while True:
            time.sleep(0.05)
            yield bytes(2 * KIB)

    server = elsewhere(script)
    with pytest.raises(UpstreamFailed, match="does not send its page in time"):
        fetched(new_client(page_time=0.5), server)


@pytest.mark.parametrize("sent", [reply(CONTENT), chunked(CONTENT)])
def test_a_closed_answer_does_not_look_like_a_whole_one(
    sent: bytes, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: sent)
    with client.get(target_of(server), server.url) as answer:
        assert answer.read(10)
    with pytest.raises(ValueError, match="closed"):
        answer.read(10)


@given(st.binary(max_size=5000), st.integers(1, 300), st.integers(1, 300))
def test_gzip_is_decoded_in_pieces(content: bytes, fed: int, taken: int) -> None:
    encoded, decoded, stream = gzip.compress(content * 3), b"", GzipStream()
    for place in range(0, len(encoded), fed):
        stream.feed(encoded[place : place + fed])
        while piece := stream.take(taken):
            assert len(piece) <= taken
            decoded += piece
    stream.finish()
    assert decoded == content * 3
