"""Receivers that take their time delay nobody but themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, takewhile
from threading import Event

import pytest

from pypi_repo import OPERATOR, Registry
from pypi_repo.services.events import sending, telling
from tests.support.distributions import wheel
from tests.support.receiver import Receiver, hook, receiving, tell
from tests.support.uploads import upload
from tests.support.waiting import wait_until

DRIPPING = 12


@pytest.fixture
def over() -> Iterator[Event]:
    """Once it is set, nobody drips any more."""
    event = Event()
    yield event
    event.set()


@pytest.fixture
def dripping(over: Event) -> Iterator[Receiver]:
    """Never comes to the end of its headers."""

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-Long: "
        while not over.wait(0.05):
            yield b"."

    with receiving() as receiver:
        receiver.answer = lambda _sent: drip()
        yield receiver


@pytest.fixture
def healthy() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize("minute", [60.0, 0.5])
def test_e3_many_slow_receivers_do_not_delay_another_one(
    both: Registry,
    dripping: Receiver,
    healthy: Receiver,
    over: Event,
    monkeypatch: pytest.MonkeyPatch,
    minute: float,
) -> None:
    """Neither what was there when they began, nor what comes later, nor after that minute."""
    monkeypatch.setattr(telling, "_RUN", minute)
    monkeypatch.setattr(sending, "LIMITS", replace(sending.LIMITS, whole=120))
    both._telling = telling.Telling(both._database, {})
    hooks = both.acting_as(OPERATOR).webhooks
    for number in range(DRIPPING):
        hook(both, dripping, f"dripping-{number}")
    hook(both, healthy, "healthy")
    upload(both, wheel("one"))
    with ThreadPoolExecutor(1) as another:
        told = another.submit(tell, both)
        wait_until(lambda: len(healthy.sent) == 1 or told.done())
        time.sleep(min(minute, 1.0))
        upload(both, wheel("two"))
        wait_until(lambda: len(healthy.sent) == 2 or told.done())
        assert [sent.document["project"] for sent in healthy.sent] == ["one", "two"]
        assert len(dripping.sent) == DRIPPING
        assert not any(hooks.deliveries(f"dripping-{n}")[-1].attempts for n in range(DRIPPING))
        assert not told.done()
        over.set()
        assert told.result() == f"Made 2 deliveries, {DRIPPING} deliveries failed."


def test_e5_of_an_answer_that_drips_only_the_beginning_is_read(
    registry: Registry, healthy: Receiver, over: Event
) -> None:
    """Its status has said already that the delivery was taken."""
    pieces = takewhile(lambda _piece: not over.wait(0.05), (b"." for _ in count()))

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        yield from pieces

    healthy.answer = lambda _sent: drip()
    hook(registry, healthy)
    upload(registry, wheel("demo"))
    assert tell(registry) == "Made 1 delivery."
    (made,) = registry.acting_as(OPERATOR).webhooks.deliveries("ci")
    assert made.state == "delivered"
    assert len(made.answer or "") < 100  # of the 200 pieces that would have come in 10 seconds
