"""Connections are used again, as long as they are sound."""

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pypi_repo.domain.errors import UpstreamFailed
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.limits import OutboundLimits
from tests.support.scripted_server import Asked, Cut, ScriptedServer, reply
from tests.support.waiting import wait_until
from tests.unit.outbound.conftest import Clients, Elsewhere, target_of


def fetched(client: OutboundClient, server: ScriptedServer, path: str = "/") -> bytes:
    with client.get(target_of(server), server.url + path) as answer:
        return answer.read_all(1000)


@pytest.mark.parametrize(
    "sent",
    [
        reply(b"content"),
        reply(b"7\r\ncontent\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        reply(status="304 Not Modified"),
    ],
)
def test_a_connection_is_used_again(
    sent: bytes, client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: sent)
    for _time in range(3):
        fetched(client, server)
    assert [each.connection for each in server.asked] == [1, 1, 1]


def test_a_short_answer_that_nobody_read_is_no_obstacle(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere(lambda _asked: reply(bytes(30_000), status="404 Not Found"))
    for _time in range(3):
        client.get(target_of(server), server.url).close()
    assert server.connections == 1


def test_a_long_answer_that_nobody_read_is_not_waited_for(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    over = threading.Event()

    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(bytes(1000), Content_Length="1000000")
        over.wait(60)
        raise Cut

    server = elsewhere(script)
    client.get(target_of(server), server.url).close()
    client.get(target_of(server), server.url).close()
    assert server.connections == 2
    over.set()


def test_a_short_rest_that_does_not_come_is_not_waited_for(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    over = threading.Event()

    def script(_asked: Asked) -> Iterator[bytes]:
        yield reply(b"x", status="404 Not Found", Content_Length="1000")
        over.wait(60)

    server = elsewhere(script)
    answer, began = client.get(target_of(server), server.url), time.monotonic()
    answer.close()
    assert time.monotonic() - began < OutboundLimits().read / 2
    over.set()


@pytest.mark.parametrize(
    "sent",
    [
        reply(b"x", Connection="close"),
        reply(b"x", Transfer_Encoding="chunked"),
        reply(b"x" * 10, Content_Length="5"),
    ],
)
def test_a_connection_that_is_not_sound_is_not_used_again(
    sent: bytes, new_client: Clients, elsewhere: Elsewhere
) -> None:
    server, client = elsewhere(lambda _asked: sent), new_client(read=2)
    for _time in range(2):
        answer = client.get(target_of(server), server.url)
        try:
            answer.read_all(100)
        except UpstreamFailed:
            pass
        finally:
            answer.close()
    assert [each.connection for each in server.asked] == [1, 2]


def test_what_one_answer_has_too_much_is_not_the_next_one(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    forged = reply(b"forged")
    server = elsewhere(
        lambda asked: reply(b"own") + forged if asked.target == "/" else reply(b"true")
    )
    assert fetched(client, server) == b"own"
    assert fetched(client, server, "/next") == b"true"


def test_a_connection_that_ended_while_idle_is_replaced(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    server = elsewhere()
    fetched(client, server)
    server.cut()
    fetched(client, server)
    assert [each.connection for each in server.asked] == [1, 2]


def test_a_request_on_a_connection_that_ends_at_that_moment_is_made_once_more(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    def script(asked: Asked) -> bytes:
        if asked.target == "/b" and asked.connection == 1:
            raise Cut
        return reply(b"here")

    server = elsewhere(script)
    assert fetched(client, server, "/a") == b"here"
    assert fetched(client, server, "/b") == b"here"
    assert [(each.target, each.connection) for each in server.asked] == [
        ("/a", 1),
        ("/b", 1),
        ("/b", 2),
    ]


def test_a_new_connection_that_ends_is_not_tried_again(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    def script(_asked: Asked) -> bytes:
        raise Cut

    server = elsewhere(script)
    with pytest.raises(UpstreamFailed, match="ended the connection"):
        fetched(client, server)
    assert len(server.asked) == 1


def test_an_answer_that_ends_early_is_not_asked_for_again(
    client: OutboundClient, elsewhere: Elsewhere
) -> None:
    def script(asked: Asked) -> Iterator[bytes]:
        if asked.target == "/a":
            yield reply(b"here")
        else:
            yield reply(b"x", Content_Length="100")
            raise Cut

    server = elsewhere(script)
    fetched(client, server, "/a")
    with pytest.raises(UpstreamFailed):
        fetched(client, server, "/b")
    assert server.targets == ["/a", "/b"]


def test_idle_connections_are_few_and_young(new_client: Clients, elsewhere: Elsewhere) -> None:
    server = elsewhere()
    client = new_client(kept=2, idle=0.2)
    answers = [client.get(target_of(server), server.url) for _number in range(4)]
    for answer in answers:
        answer.close()
    assert server.connections == 4
    wait_until(lambda: len(server._open) == 2)
    time.sleep(0.3)
    fetched(client, server)
    assert server.connections == 5
    wait_until(lambda: len(server._open) == 1)  # those that are too old are not kept open


def test_threads_share_a_client(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere(lambda asked: reply(asked.target.encode()))
    with ThreadPoolExecutor(8) as pool:
        paths = [f"/{number}" for number in range(200)]
        got = list(pool.map(lambda path: fetched(client, server, path), paths))
    assert got == [path.encode() for path in paths]
    assert server.connections <= 8


def test_after_close_nothing_is_kept(client: OutboundClient, elsewhere: Elsewhere) -> None:
    server = elsewhere()
    fetched(client, server)
    answer = client.get(target_of(server), server.url)
    client.close()
    answer.close()
    wait_until(lambda: not server._open)
    fetched(client, server)
    wait_until(lambda: not server._open)


def test_failures_leave_no_connection_open(client: OutboundClient, elsewhere: Elsewhere) -> None:
    """The tests make errors of the warnings that sockets give which nobody closed."""
    server = elsewhere(lambda _asked: reply(b"x", Content_Encoding="br"))
    for _time in range(3):
        with pytest.raises(UpstreamFailed):
            fetched(client, server)
    gc.collect()
    wait_until(lambda: not server._open)
