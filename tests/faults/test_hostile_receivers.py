"""Receivers of webhooks that wish us ill: nobody waits for them, and nothing leaks (E5, S1-S5)."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.domain.events.webhook import Delivery
from pypi_repo.server.http.tls import tls_context
from pypi_repo.services.events import sending
from pypi_repo.settings import KIB, MIB
from tests.support.deployment import write_certificate
from tests.support.distributions import wheel
from tests.support.receiver import SECRET, Receiver, hook, receiving, tell
from tests.support.scripted_server import Cut, ScriptedServer, reply
from tests.support.uploads import upload


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def made_by_a_test(registry: Registry) -> Delivery:
    return registry.acting_as(OPERATOR).webhooks.test("ci")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Elsewhere", "308 Moved"])
def test_e5_redirects_are_not_followed(registry: Registry, receiver: Receiver, status: str) -> None:
    with receiving() as other:
        hook(registry, receiver)
        receiver.answer = lambda _sent: reply(status=status, Location=other.url)
        made = made_by_a_test(registry)
        assert other.sent == []
    assert made.status == int(status[:3])
    assert "redirects are not followed" in (made.failure or "")
    assert len(receiver.sent) == 1


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://127.0.0.1:9/", "private network"),
        ("http://[::1]:9/", "private network"),
        ("http://localhost:9/", "private network"),
        ("http://10.0.0.1/", "private network"),
        ("http://169.254.169.254/latest/meta-data/", "link-local"),
        ("http://[fd00:ec2::254]/", "private network"),
        ("http://2130706433:9/", "private network"),
    ],
)
def test_e5_addresses_that_are_not_public_are_refused(
    registry: Registry, url: str, what: str
) -> None:
    webhooks = registry.acting_as(OPERATOR).webhooks
    webhooks.create("ci", url=url, secret=SECRET, allow_http=True)
    made = made_by_a_test(registry)
    assert made.status is None
    assert what in (made.failure or "")


def test_e5_not_even_the_operator_sends_to_link_local_addresses(registry: Registry) -> None:
    webhooks = registry.acting_as(OPERATOR).webhooks
    inside = {"allow_http": True, "allow_private_network": True}
    webhooks.create("ci", url="http://169.254.169.254/latest/", secret=SECRET, **inside)
    assert "link-local" in (made_by_a_test(registry).failure or "")


def test_e5_a_slow_receiver_is_not_waited_for(
    registry: Registry, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for its headers nor for its answer, of which each byte comes in time."""
    quick = sending.OutboundLimits(
        page=64 * KIB, page_time=1, redirects=0, connect=1, read=1, whole=1, kept=0
    )
    monkeypatch.setattr(registry._telling._sender._client, "_limits", quick)

    def silent(_sent: object) -> Iterator[bytes]:
        time.sleep(20)
        yield b""

    def trickling(_sent: object) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(200):
            time.sleep(0.1)
            yield f"X-{number}: x\r\n".encode()

    def trickling_content(_sent: object) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"
        for _number in range(200):
            time.sleep(0.1)
            yield b"x" * 1024  # enough for all limits but that of the whole

    hook(registry, receiver)
    for answer, status in ((silent, None), (trickling, None), (trickling_content, 200)):
        receiver.answer = answer
        began = time.monotonic()
        made = made_by_a_test(registry)
        assert time.monotonic() - began < 10  # of the 20 seconds that it would take
        assert made.status == status
        assert made.is_delivered == (status == 200)


def test_e5_the_limits_are_those_of_the_rule() -> None:
    limits = sending.LIMITS
    assert (limits.whole, limits.read, limits.page, limits.redirects) == (10, 10, 64 * KIB, 0)


def test_e5_of_a_huge_answer_64_kib_are_read(registry: Registry, receiver: Receiver) -> None:
    sent = 0

    def flood(_sent: object) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
        while sent < 100 * MIB:
            yield b"x" * 64 * KIB
            sent += 64 * KIB

    hook(registry, receiver)
    receiver.answer = flood
    made = made_by_a_test(registry)
    assert made.is_delivered
    assert made.answer == "x" * 4000
    assert sent < 32 * MIB  # what the system's buffers take


def test_e5_an_answer_that_is_a_bomb_stays_packed(registry: Registry, receiver: Receiver) -> None:
    import gzip

    hook(registry, receiver)
    packed = gzip.compress(bytes(10 * MIB))
    receiver.answer = lambda _sent: reply(packed, Content_Encoding="gzip")
    made = made_by_a_test(registry)
    assert made.is_delivered
    assert "\0" not in (made.answer or "")


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (b"", "connection"),
        (b"garbage\r\n\r\n", "HTTP"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "connection"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "HTTP"),
    ],
)
def test_what_is_no_answer_is_a_failure(
    registry: Registry, receiver: Receiver, answer: bytes, what: str
) -> None:
    def say(_sent: object) -> Iterator[bytes]:
        yield answer
        raise Cut

    hook(registry, receiver)
    receiver.answer = say
    made = made_by_a_test(registry)
    assert (made.status, made.is_delivered) == (None, False)
    assert what in (made.failure or "")


def test_s5_certificates_are_checked(registry: Registry, tmp_path: Path) -> None:
    place, key = write_certificate(tmp_path)
    with receiving(tls=tls_context(place, key)) as receiver:
        hook(registry, receiver)
        made = made_by_a_test(registry)
        assert receiver.sent == []
    assert "certificate is not trusted" in (made.failure or "")


def test_s1_neither_secrets_nor_urls_of_chats_are_logged_or_told(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Of whatever fails."""
    silent = ScriptedServer(lambda _asked: reply())
    silent.close()
    with caplog.at_level(logging.DEBUG):
        for url in (f"{silent.url}/services/topsecret", "http://nowhere.invalid/topsecret"):
            webhooks = registry.acting_as(OPERATOR).webhooks
            inside = {"allow_http": True, "allow_private_network": True}
            webhooks.create("chat", url=url, form="slack", secret=SECRET, **inside)
            upload(registry, wheel(f"demo-{len(url)}"))
            tell(registry)
            (made, *_others) = webhooks.deliveries("chat")
            assert made.failure is not None
            assert "topsecret" not in f"{made} {webhooks.get('chat')}"
            webhooks.delete("chat")
    assert "topsecret" not in caplog.text
    assert SECRET not in caplog.text


def test_e3_a_slow_receiver_does_not_hold_up_the_others(
    registry: Registry, receiver: Receiver
) -> None:
    """Each has its turn at the same time, which ends with a failure of its receiver."""
    with receiving() as slow:
        hook(registry, slow, "slow")
        hook(registry, receiver, "quick")
        released = False

        def wait(_sent: object) -> Iterator[bytes]:
            deadline = time.monotonic() + 9
            while len(receiver.sent) < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            nonlocal released
            released = len(receiver.sent) == 20
            raise Cut
            yield b""

        slow.answer = wait
        for number in range(20):
            upload(registry, wheel(f"demo-{number}"))
        tell(registry)
        assert released
        assert len(slow.sent) == 1
