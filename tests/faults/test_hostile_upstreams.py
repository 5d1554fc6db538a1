"""An index elsewhere that wishes us ill: nobody waits for ever, and nothing leaks (S1, S3, F4)."""

import gc
import gzip
import itertools
import random
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import BasicCredentials, Target
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.settings import KIB, MIB
from tests.support.scripted_server import Asked, Cut, ScriptedServer, reply
from tests.support.waiting import wait_until

CONTENT = b"<a href='../../files/numpy-1.0.tar.gz#sha256=0123'>numpy-1.0.tar.gz</a>" * 3
IDENTITY = {"Accept-Encoding": "identity"}
FILES = Path("/proc/self/fd")

WHOLE = {
    "size": reply(CONTENT, Content_Type="text/html", ETag='"1"'),
    "chunks": reply(
        b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (CONTENT[:9], CONTENT[9:]))
        + b"0\r\n\r\n",
        Transfer_Encoding="chunked",
    ),
    "compressed": reply(gzip.compress(CONTENT), Content_Encoding="gzip"),
    "compressed-chunks": reply(
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(CONTENT)), gzip.compress(CONTENT)),
        Content_Encoding="gzip",
        Transfer_Encoding="chunked",
    ),
}


def target_of(server: ScriptedServer, *file_hosts: str) -> Target:
    return Target(
        url=f"{server.url}/team/simple/",
        credentials=BasicCredentials("ci", "s3cret"),
        file_hosts=frozenset(file_hosts),
        allow_http=True,
        allow_private_network=True,
    )


@pytest.fixture
def hasty() -> Iterator[OutboundClient]:
    """A client that loses patience soon."""
    client = OutboundClient(OutboundLimits(connect=5, read=1, page=MIB))
    yield client
    client.close()


@pytest.mark.parametrize("kind", WHOLE)
def test_f4_an_answer_that_is_cut_at_any_byte_is_no_answer(
    kind: str, hasty: OutboundClient
) -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        yield WHOLE[kind][: int(asked.target[1:])]
        raise Cut

    with ScriptedServer(script) as server:
        target, whole = target_of(server), len(WHOLE[kind])
        for size in range(whole):
            with (
                pytest.raises(UpstreamFailed),
                hasty.get(target, f"{server.url}/{size}") as answer,
            ):
                answer.read_all(MIB)
        with hasty.get(target, f"{server.url}/{whole}") as answer:
            assert answer.read_all(MIB) == CONTENT


def damaged(sent: bytes, chance: random.Random) -> bytes:
    """Some bytes are others, missing, doubled, or in another place."""
    changed = bytearray(sent)
    for _change in range(chance.randint(1, 4)):
        # Mostly within the headers: damage to the content is for the digests.
        place = chance.randrange(min(len(changed), chance.choice((30, 90, 1000))))
        piece = changed[place : place + chance.randint(1, 12)]
        match chance.randrange(4):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                del changed[place : place + len(piece)]
            case 2:
                changed[place:place] = piece * chance.randint(1, 50)
            case 3:
                changed[place:place] = chance.choice(
                    (b"\r\n", b"\n", b":", b"0", b"-", b"\0", b" ")
                )
    return bytes(changed)


def test_s3_whatever_is_sent_the_client_comes_to_an_end(caplog: pytest.LogCaptureFixture) -> None:
    """With content or an error that it says itself, and nothing that a stranger wrote in the log.

    The connection is cut after what was sent: silence is another test.
    """
    chance = random.Random(15)
    pieces = [damaged(sent, chance) for sent in WHOLE.values() for _number in range(250)]

    def script(asked: Asked) -> Iterator[bytes]:
        yield pieces[int(asked.target[1:])]
        raise Cut

    client = OutboundClient(OutboundLimits(connect=5, read=5, page=MIB))
    results: dict[str, int] = {"answered": 0, "failed": 0}
    with ScriptedServer(script) as server:
        target = target_of(server)
        for number in range(len(pieces)):
            try:
                with client.get(target, f"{server.url}/{number}") as answer:
                    answer.read_all(MIB)
            except (UpstreamFailed, UpstreamRefused):
                results["failed"] += 1
            else:
                results["answered"] += 1
        client.close()
        gc.collect()  # a socket that nobody closed is a warning, and warnings are errors
        wait_until(lambda: not server._open)
    assert min(results.values()) > 100  # both of it was tried
    assert [each for each in caplog.records if each.levelname != "DEBUG"] == []


def endless(begin: bytes, piece: bytes) -> Iterator[bytes]:
    yield begin
    while True:
        yield piece


BOMB = reply(gzip.compress(bytes(100 * MIB)), Content_Encoding="gzip")
FLOODS: dict[str, Callable[[], Iterator[bytes]]] = {
    "content": lambda: endless(reply(Content_Length=str(2**60)), bytes(64 * KIB)),
    "content without a size": lambda: endless(b"HTTP/1.0 200 OK\r\n\r\n", bytes(64 * KIB)),
    "chunks": lambda: endless(
        reply(Transfer_Encoding="chunked"), b"10000\r\n" + bytes(0x10000) + b"\r\n"
    ),
    "small chunks": lambda: endless(reply(Transfer_Encoding="chunked"), b"1\r\nx\r\n" * 9999),
    "extensions of chunks": lambda: endless(
        reply(Transfer_Encoding="chunked"), b"1;" + b"x" * 60_000 + b"\r\nx\r\n"
    ),
    "trailers": lambda: endless(
        reply(b"0\r\n", Transfer_Encoding="chunked"), b"X: " + b"y" * 60_000 + b"\r\n"
    ),
    "headers": lambda: endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 60_000 + b"\r\n"),
    "a header": lambda: endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 60_000),
    "interim answers": lambda: endless(b"", b"HTTP/1.1 100 Go On\r\nX: y\r\n\r\n" * 1000),
    "a bomb": lambda: iter([BOMB]),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_s3_no_flood_takes_more_memory_than_the_limits(flood: str) -> None:
    script = FLOODS[flood]
    client = OutboundClient(OutboundLimits(page=MIB))
    with ScriptedServer(lambda _asked: script()) as server:
        target = target_of(server)
        with pytest.raises(UpstreamFailed), client.get(target, f"{server.url}/") as answer:
            answer.read_all(MIB)  # imports what is needed
        gc.collect()
        tracemalloc.start()
        try:
            for _time in range(3):
                with pytest.raises(UpstreamFailed), client.get(target, f"{server.url}/") as answer:
                    answer.read_all(MIB)
            _size, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    client.close()
    assert peak < 6 * MIB  # a page, once more while it grows, and the server's own


def test_f2_a_large_file_passes_through_little_memory() -> None:
    size, piece = 100 * MIB, bytes(64 * KIB)

    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(Content_Length=str(size))
        yield from itertools.repeat(piece, size // len(piece))

    client = OutboundClient()
    with ScriptedServer(script) as server:
        target = target_of(server)
        client.get(target, f"{server.url}/").close()
        tracemalloc.start()
        try:
            with client.get(target, f"{server.url}/", headers=IDENTITY) as answer:
                read = sum(map(len, iter(lambda: answer.read(256 * KIB), b"")))
            _size, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    client.close()
    assert read == size
    assert peak < 4 * MIB


@pytest.mark.skipif(not FILES.exists(), reason="no /proc to count open files in")
def test_s3_failures_leave_no_files_and_no_threads(hasty: OutboundClient) -> None:
    cut, silence, over = (
        reply(b"x", Content_Length="9"),
        reply(Content_Length="9"),
        threading.Event(),
    )

    def script(asked: Asked) -> Iterator[bytes]:
        match asked.target:
            case "/cut":
                yield cut
                raise Cut
            case "/silence":
                yield silence
                over.wait(60)
            case "/garbage":
                yield b"garbage\r\n\r\n"
            case "/encoded":
                yield reply(b"x", Content_Encoding="br")
            case "/redirect":
                yield reply(status="302 Found", Location="http://elsewhere.example/")
            case "/flood":
                yield from FLOODS["content"]()

    def fail_in_all_ways() -> None:
        for path in ("cut", "silence", "garbage", "encoded", "redirect", "flood"):
            with (
                pytest.raises((UpstreamFailed, UpstreamRefused)),
                hasty.get(target, f"{server.url}/{path}") as answer,
            ):
                answer.read_all(MIB)

    with ScriptedServer(script) as server:
        target = target_of(server)
        fail_in_all_ways()
        over.set()
        wait_until(lambda: not server._open)
        files, threads = len(list(FILES.iterdir())), threading.active_count()
        for _time in range(5):
            fail_in_all_ways()
        wait_until(lambda: not server._open)
        wait_until(lambda: threading.active_count() <= threads)
        assert len(list(FILES.iterdir())) <= files


def test_s1_no_redirect_that_an_upstream_can_think_of_gets_credentials_elsewhere(
    hasty: OutboundClient,
) -> None:
    chance, told = random.Random(15), ""

    def script(asked: Asked) -> bytes:
        if asked.target.startswith("/team/simple/start") or chance.random() < 0.4:
            location = _location(chance, first.port, other.port)
            return reply(b"go", status="302 Found", Location=location)
        return reply(CONTENT)

    with ScriptedServer(script) as first, ScriptedServer(script) as other:
        target = target_of(first, f"127.0.0.1:{other.port}", f"localhost:{first.port}")
        for _number in range(300):
            try:
                with hasty.get(target, f"{first.url}/team/simple/start") as answer:
                    answer.read_all(MIB)
            except (UpstreamFailed, UpstreamRefused) as error:
                told += error.for_operator
        assert "s3cret" not in told
        assert "Y2k6czNjcmV0" not in told
        assert other.asked  # it was led there
        assert all("authorization" not in each.headers for each in other.asked)
        for each in first.asked:
            may_have_them = each.headers["host"] == f"127.0.0.1:{first.port}" and (
                each.target.startswith("/team/") and ".." not in each.target
            )
            assert ("authorization" in each.headers) == may_have_them, each


def _location(chance: random.Random, first: int, other: int) -> str:
    host = chance.choice(
        [
            "",
            "//evil.example",
            f"http://127.0.0.1:{other}",
            f"http://127.0.0.1:{first}",
            f"HTTP://LOCALHOST:{first}",
            f"//127.0.0.1:{other}",
            f"http://127.0.0.1:{first}@127.0.0.1:{other}",
            f"http://127.0.0.1:{first}\\@127.0.0.1:{other}",
            f"http://127.0.0.1:{other}#@127.0.0.1:{first}",
            f"http://127.0.0.1:{other}?@127.0.0.1:{first}",
        ]
    )
    folders = ["team", "simple", "..", "%2e%2e%2fother", "..%2f..", "..;", "teams", "x", ""]
    path = "/".join(chance.choice(folders) for _folder in range(chance.randint(0, 4)))
    return f"{host}/{path}" if chance.random() < 0.8 else path
