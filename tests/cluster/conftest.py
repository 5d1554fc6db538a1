"""One cluster for the tests of a module; each of them has projects and accounts of its own."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pytest

from pypi_repo import OPERATOR, Registry
from tests.conftest import PASSWORD, USER, populate
from tests.support.addresses import Addresses
from tests.support.cluster import Cluster, Shared
from tests.support.distributions import Distribution
from tests.support.nginx import installed_nginx
from tests.support.postgres import PostgresServer
from tests.support.processes import ServerProcess
from tests.support.publisher import Answer, publishing
from tests.support.s3 import S3Server

T = TypeVar("T")
Made = TypeVar("Made")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer, s3: S3Server) -> Shared:
    """An empty database and an empty bucket."""
    return Shared(postgres.create_database(), s3, s3.create_bucket(f"cluster-{next(_numbers)}"))


@pytest.fixture(scope="module")
def cluster(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if installed_nginx() is None:
        pytest.skip("nginx is not installed")
    with shared.registry() as registry:
        registry.upgrade()
        populate(registry)
    with Cluster(shared, tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def operator(cluster: Cluster) -> Iterator[Registry]:
    """The cluster's registry as its operator has it at the command line: yet another process."""
    with cluster.shared.registry() as registry:
        yield registry


@pytest.fixture
def user(operator: Registry) -> str:
    """A repository user that no other test knows; the password is PASSWORD."""
    name = f"user-{next(_numbers)}@example.com"
    operator.acting_as(OPERATOR).accounts.create_user(name, PASSWORD)
    return name


@dataclass(frozen=True)
class Client:
    """Opens a connection for each request: none is ever one that the server is just closing."""

    url: str
    user: str
    password: str

    def upload(self, dist: Distribution) -> Answer:
        with publishing(self.url, self.user, self.password) as publisher:
            return publisher.upload(dist)

    def get(self, path: str, **headers: str) -> Answer:
        with publishing(self.url, self.user, self.password) as publisher:
            return publisher.get(path, **headers)


def clients_of(
    servers: Sequence[ServerProcess],
    user: str = USER,
    password: str = PASSWORD,
    repository: str = "main",
) -> list[Client]:
    """One of each server, which goes past nginx."""
    return [Client(*Addresses(server.url, user, password).target(repository)) for server in servers]


def at_once(work: Callable[[T], Made], items: Sequence[T]) -> list[Made]:
    """The results of all items, on which threads begin to work in the same moment."""
    together = threading.Barrier(len(items))

    def begin(item: T) -> Made:
        together.wait(120)
        return work(item)

    with ThreadPoolExecutor(len(items)) as threads:
        return list(threads.map(begin, items))


@contextmanager
def meanwhile(work: Callable[[T, threading.Event], object], items: Sequence[T]) -> Iterator[None]:
    """Beside the block, `work` runs on a thread for each item, until the event that it is given.

    What it raises, the end of the block raises.
    """
    ending = threading.Event()
    with ThreadPoolExecutor(len(items)) as threads:
        running = [threads.submit(work, item, ending) for item in items]
        try:
            yield
        finally:
            ending.set()
        for each in running:
            each.result()
