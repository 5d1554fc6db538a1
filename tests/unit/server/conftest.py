"""Servers of small applications."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pypi_repo.server.http.tls import tls_context
from tests.support.deployment import write_certificate
from tests.support.small_server import SmallServer

Serve = Callable[..., SmallServer]
Failures = Callable[[], list[str]]
Tls = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server of an application; all are ended after the test."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> SmallServer:
            return stack.enter_context(SmallServer(*arguments, **options))

        yield start


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """What a server needs to encrypt, and what its clients need to trust it."""
    certificate, key = write_certificate(tmp_path_factory.mktemp("tls"))
    return tls_context(certificate, key), ssl.create_default_context(cafile=certificate)


@pytest.fixture
def failures(caplog: pytest.LogCaptureFixture) -> Failures:
    """What the server has logged of answers that fail, for tests in which some do."""

    def messages() -> list[str]:
        records = caplog.get_records("call")
        return [record.getMessage() for record in records if record.levelname == "ERROR"]

    return messages


@pytest.fixture(autouse=True)
def no_surprise(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever asyncio reports is one, such as an exception in a callback."""
    yield
    expected = ["pypi_repo.server.http.response"] if "failures" in request.fixturenames else []
    surprises = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelname in ("WARNING", "ERROR") and record.name not in expected
    ]
    assert surprises == []
