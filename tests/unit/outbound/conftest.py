"""Servers elsewhere, which answer what a test says, and clients that ask them."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pypi_repo.domain.values.target import Target
from pypi_repo.outbound.client import OutboundClient
from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.server.http.tls import tls_context
from tests.support.deployment import write_certificate
from tests.support.scripted_server import Script, ScriptedServer, reply

Elsewhere = Callable[..., ScriptedServer]
Clients = Callable[..., OutboundClient]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """Starts a server with a script; all are ended after the test."""
    with ExitStack() as stack:

        def start(script: Script = lambda _asked: reply(), **more: Any) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(script, **more))

        yield start


@pytest.fixture
def new_client() -> Iterator[Clients]:
    """Makes a client with these limits; all are closed after the test."""
    with ExitStack() as stack:

        def make(proxies: dict[str, str] | None = None, **limits: Any) -> OutboundClient:
            client = OutboundClient(OutboundLimits(**limits), proxies)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(new_client: Clients) -> OutboundClient:
    return new_client()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A file of a certificate for 127.0.0.1 and its authority, and what its server needs."""
    place, key = write_certificate(tmp_path_factory.mktemp("tls"))
    return place, tls_context(place, key)


def target_of(server: ScriptedServer, path: str = "/simple/", **settings: Any) -> Target:
    """An index at a server of this machine."""
    allowed = {"allow_http": True, "allow_private_network": True}
    return Target(url=f"{server.url}{path}", **{**allowed, **settings})
