"""Errors call whoever is asked by the word of those who ask: upstream, receiver, source (S5)."""

from __future__ import annotations

from typing import Any

import pytest

from pypi_repo.domain.errors import UpstreamFailed, UpstreamRefused
from pypi_repo.domain.values.target import Target
from pypi_repo.outbound.client import OutboundClient
from tests.support.scripted_server import Asked, Cut, reply
from tests.unit.outbound.conftest import Elsewhere, target_of


def cuts(_asked: Asked) -> bytes:
    raise Cut


def goes_in_circles(asked: Asked) -> bytes:
    return reply(status="302 Found", Location=asked.target)


ANSWERS = {
    "cut": cuts,
    "no HTTP": lambda _asked: b"nonsense\r\n\r\n",
    "a circle": goes_in_circles,
    "no gzip": lambda _asked: reply(b"plain", Content_Encoding="gzip"),
    "odd encoding": lambda _asked: reply(b"x", Content_Encoding="br"),
    "too large": lambda _asked: reply(b"x" * 1000),
    "another host": lambda _asked: reply(status="302 Found", Location="http://other.invalid/"),
}


def said(client: OutboundClient, target: Target, url: str) -> str:
    with (
        pytest.raises((UpstreamFailed, UpstreamRefused)) as caught,
        client.get(target, url) as answer,
    ):
        answer.read_all(100)
    return caught.value.message


@pytest.mark.parametrize("answer", ANSWERS)
def test_of_an_answer(client: OutboundClient, elsewhere: Elsewhere, answer: str) -> None:
    server = elsewhere(ANSWERS[answer])
    message = said(client, target_of(server, called="receiver"), server.url)
    assert "receiver" in message
    assert "upstream" not in message
    assert "upstream" in said(client, target_of(server), server.url)


@pytest.mark.parametrize(
    ("url", "settings", "setting"),
    [
        ("http://127.0.0.1:9/", {}, "allow_http"),
        ("https://127.0.0.1:9/", {}, "allow_private_network"),
        ("https://127.0.0.1:9/", {"allow_private_network": True}, None),
        ("https://169.254.169.254/", {"allow_private_network": True}, None),
        ("https://me:secret@ci.example/", {}, "credentials"),
        ("https://other.example/", {}, "file_hosts"),
        ("https://no..host/", {}, None),
        ("ftp://ci.example/", {}, None),
        ("https://127.0.0.1:9/", {"ca_file": "/none", "allow_private_network": True}, None),
    ],
)
def test_of_a_url(
    client: OutboundClient, url: str, settings: dict[str, Any], setting: str | None
) -> None:
    """A refusal also names the setting that could allow it."""
    root = "https://ci.example/" if "other" in url or "127" not in url else url
    root = "https://169.254.169.254/" if "169" in url else root
    for called in ("receiver", "upstream"):
        target = Target(url=root, called=called, **settings)
        with pytest.raises((UpstreamFailed, UpstreamRefused)) as caught:
            client.get(target, url)
        assert called in caught.value.message
        assert ("upstream" in caught.value.message) is (called == "upstream")
        assert getattr(caught.value, "setting", None) == setting
