"""Fixtures that all tests share: real databases, real stores, and a small registry."""

import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from werkzeug.test import Client

from pypi_repo import OPERATOR, Access, Registry, Settings
from tests.support.ci_issuer import CiIssuer
from tests.support.ci_site import CiSite, serving_ci
from tests.support.clients import Clients
from tests.support.postgres import PostgresServer
from tests.support.quick_s3 import quick_s3
from tests.support.quick_schema import Filled, quick_schema
from tests.support.quick_trust import quick_trust
from tests.support.s3 import S3Server
from tests.support.shared_statements import shared_statements
from tests.support.sharing_out import shared_out

USER, PASSWORD = "user@example.com", "correct horse"
READER = "reader@example.com"
ADMINISTRATOR = "admin@example.com"

# The tests start hundreds of Python processes, and each would compile anew what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts what runs in its background deaf to Ctrl+C, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _quick() -> Iterator[None]:
    """Nobody waits here for the same migrations and statements again, or for a costly password."""
    gensalt = bcrypt.gensalt
    with (
        quick_schema(),
        quick_s3(),
        quick_trust(),
        shared_statements(),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(bcrypt, "gensalt", lambda rounds: gensalt(min(rounds, 5)))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The tests themselves are never garbage, and need not be looked through for it again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# How long a test of these folders takes on average, in seconds; those of `unit` are short.
_SECONDS = {
    "browser": 3.0,
    "cli": 0.2,
    "clients": 1.5,
    "cluster": 3.5,
    "docs": 6.5,
    "faults": 3.0,
    "serve": 3.0,
    "upstreams": 1.0,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    here = Path(__file__).parent

    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(here).parts[0]

    items[:] = shared_out(
        items,
        processes,
        # All tests in a browser share one.
        together=lambda item: item.path if folder(item) != "browser" else "browser",
        seconds=lambda item: _SECONDS.get(folder(item), 0),
    )


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """pytest-xdist's workers cannot send lone surrogates, which some of the tests are about."""
    return _escaped((yield))


def _escaped(data: Any) -> Any:
    match data:
        case str():
            return data.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_escaped(key): _escaped(value) for key, value in data.items()}
        case list() | tuple():
            return type(data)(map(_escaped, data))
    return data


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One that may be killed, and in which nobody else changes anything."""
    with PostgresServer(tmp_path_factory.mktemp("own-postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def ci_issuer() -> Iterator[CiIssuer]:
    """Jobs have nothing in common but who signs their tokens."""
    with CiIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def ci_server(tmp_path_factory: pytest.TempPathFactory, ci_issuer: CiIssuer) -> Iterator[CiSite]:
    """A server behind TLS for the CI jobs of a module of tests."""
    with serving_ci(tmp_path_factory.mktemp("site"), ci_issuer) as site:
        yield site


@pytest.fixture
def ci_site(ci_server: CiSite) -> Iterator[CiSite]:
    """The server without publishers, as those of other tests would give something to these jobs."""
    yield ci_server
    ci_server.delete_publishers()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture(params=["disk", "memory", "s3"])
def blob_settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """`blobs` and `blob_options` of Settings, for an empty store of each kind."""
    if request.param == "s3":
        server = request.getfixturevalue("s3")
        bucket = server.create_bucket(f"test-{tmp_path.name.lower().replace('_', '-')[:40]}")
        return {"blobs": f"s3://{bucket}/packages", "blob_options": server.storage_options}
    return {"blobs": "memory://" if request.param == "memory" else f"file://{tmp_path}/blobs"}


@pytest.fixture
def registry() -> Iterator[Registry]:
    """In memory: private repository `main`, a user, a read-only user and an administrator."""
    registry = Registry(Settings(database="sqlite://", blobs="memory://", password_cost=4))
    populate(registry)
    yield registry
    registry.close()


@Filled
def populate(registry: Registry) -> None:
    registry.acting_as(OPERATOR).repositories.create("main")
    registry.acting_as(OPERATOR).accounts.create_user(USER, PASSWORD)
    registry.acting_as(OPERATOR).accounts.create_user(READER, PASSWORD, everywhere=Access.READ)
    registry.acting_as(OPERATOR).administrators.create(ADMINISTRATOR, PASSWORD)


@pytest.fixture
def client(registry: Registry) -> Client:
    """Speaks WSGI to the whole registry, without a server."""
    return Client(registry.wsgi_app())


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    """The real clients, in a home of their own."""
    return Clients(tmp_path / "home")
