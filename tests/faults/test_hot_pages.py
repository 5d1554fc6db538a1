"""Pages that the event loop answers while PostgreSQL changes, hangs, crashes and is cut off."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from tests.serve.conftest import Prepared, prepare
from tests.support.distributions import wheel
from tests.support.fault_proxy import FaultProxy, slow
from tests.support.live import ServeProcess
from tests.support.postgres import PostgresServer
from tests.support.processes import ServerProcess, children_of
from tests.support.uploads import publish
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="no /proc to find processes in"
)

PAGE = "/repositories/main/simple/demo/"
ASKS = "SELECT pg_current_snapshot()"


@pytest.fixture
def installation(own_postgres: PostgresServer, tmp_path: Path) -> Prepared:
    """With one project in `main`."""
    return installed(own_postgres.create_database(), tmp_path)


def installed(url: str, folder: Path) -> Prepared:
    blobs = f"file://{folder}/blobs"
    prepared = prepare(["--database", url, "--blobs", blobs, "--workers", "2"], url, blobs)
    with prepared.registry() as registry:
        publish(registry, wheel("demo"))
    return prepared


@contextmanager
def other(prepared: Prepared) -> Iterator[psycopg.Connection[Any]]:
    """Another process's connection, which commits each statement."""
    url = make_url(prepared.settings.database).set(drivername="postgresql")  # type: ignore[arg-type]
    with psycopg.connect(url.render_as_string(), autocommit=True) as connection:
        yield connection


class Client:
    """Nobody, on one connection. The repository is open to everybody, or not."""

    def __init__(self, server: ServerProcess) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port)
        self.close = self._connection.close

    def status(self, path: str = PAGE, timeout: float = 60) -> int:
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        try:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            answer.read()
        except TimeoutError:
            self.close()  # the next request opens it again
            raise
        return answer.status


def publicly(connection: psycopg.Connection[Any], is_public: bool) -> None:
    connection.execute("UPDATE repositories SET public = %s", (is_public,))


def is_warm(clients: list[Client], connection: psycopg.Connection[Any]) -> bool:
    """Whether both workers ask for snapshots."""
    for client in clients:
        client.status()
    asking = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND datname = current_database()",
        (ASKS,),
    )
    return asking.fetchall() == [(2,)]


@contextmanager
def warmed_up(prepared: Prepared) -> Iterator[tuple[list[Client], psycopg.Connection[Any]]]:
    """Clients of a server of two workers, which both ask for snapshots, and another connection."""
    with (
        ServeProcess(*prepared.options) as server,
        other(prepared) as connection,
        ExitStack() as stack,
    ):
        publicly(connection, True)
        clients = [stack.enter_context(closing(Client(server))) for _ in range(8)]
        wait_until(lambda: is_warm(clients, connection))
        yield clients, connection


def test_each_page_shows_what_was_committed_before_it_was_asked_for(
    installation: Prepared,
) -> None:
    choices = random.Random(13)
    with warmed_up(installation) as (clients, writer), other(installation) as long:
        long.autocommit = False
        long.execute("SELECT pg_current_xact_id()")  # in progress all the time
        is_public = True
        for _ in range(3000):
            if choices.random() < 0.4:
                is_public = not is_public
                publicly(writer, is_public)
            elif choices.random() < 0.1:
                writer.execute("BEGIN; UPDATE repositories SET public = NOT public; ROLLBACK")
            assert choices.choice(clients).status() == (200 if is_public else 401)


def test_clients_at_once_see_what_was_committed(installation: Prepared) -> None:
    """However many share a question."""
    settled: int | None = 0  # changes so far; None while one is made, and either page is right
    is_over = threading.Event()

    def read(client: Client) -> int:
        asked = 0
        while not is_over.is_set():
            before = settled
            status = client.status()
            if before is not None and before == settled:
                assert status == (200 if before % 2 == 0 else 401)
                asked += 1
        return asked

    def commit(writer: psycopg.Connection[Any]) -> None:
        nonlocal settled
        for number in range(1, 501):
            settled = None
            publicly(writer, number % 2 == 0)
            settled = number
            is_over.wait(0.01)

    with warmed_up(installation) as (clients, writer), ThreadPoolExecutor(8) as threads:
        reading = [threads.submit(read, client) for client in clients]
        try:
            commit(writer)
        finally:
            is_over.set()
        assert sum(each.result() for each in reading) > 500


def test_nothing_is_read_that_is_known(installation: Prepared) -> None:
    """While nobody else could read it, unless the server itself has just written something."""
    with warmed_up(installation) as (clients, connection):

        def are_answered() -> bool:
            try:
                return {client.status(timeout=1) for client in clients * 10} == {200}
            except TimeoutError:
                return False

        def are_answered_from_memory() -> bool:
            connection.execute("BEGIN; LOCK TABLE repositories, projects, files")
            is_so = are_answered()
            connection.execute("ROLLBACK")
            return is_so

        wait_until(lambda: are_answered() and are_answered_from_memory())


@contextmanager
def stopped(postgres: PostgresServer) -> Iterator[None]:
    """All processes of the database hang."""
    processes = [postgres.pid, *children_of(postgres.pid)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_a_database_that_hangs(installation: Prepared, own_postgres: PostgresServer) -> None:
    """Who needs it waits; others are answered."""
    with warmed_up(installation) as (clients, _connection), ThreadPoolExecutor(4) as threads:
        with stopped(own_postgres):
            waiting = [threads.submit(client.status) for client in clients[:4]]
            assert [client.status("/healthz") for client in clients[4:] * 5] == [200] * 20
            assert not any(each.done() for each in waiting)
        assert [each.result() for each in waiting] == [200] * 4
        wait_until(lambda: all(client.status() == 200 for client in clients))


def test_a_database_that_crashes(installation: Prepared, own_postgres: PostgresServer) -> None:
    """What was not waited for may be lost, and then no page shows it any more."""
    with warmed_up(installation) as (clients, _connection):
        for _ in range(5):
            with other(installation) as writer:
                writer.execute("SET synchronous_commit = off")
                writer.execute("UPDATE repositories SET public = NOT public")
                assert len({client.status() for client in clients * 5}) == 1
                own_postgres.crash()
            assert {client.status() for client in clients} == {503}
            own_postgres.start()
            with other(installation) as reader:
                ((is_public,),) = reader.execute("SELECT public FROM repositories").fetchall()
                assert {client.status() for client in clients} == {200 if is_public else 401}
                wait_until(partial(is_warm, clients, reader))


def test_a_connection_that_is_cut_or_slow(own_postgres: PostgresServer, tmp_path: Path) -> None:
    direct = installed(own_postgres.create_database(), tmp_path)
    with FaultProxy(own_postgres.socket) as proxy:
        name = make_url(direct.settings.database).database  # type: ignore[arg-type]
        url = f"postgresql+psycopg://postgres@127.0.0.1:{proxy.port}/{name}"
        with warmed_up(replace(direct, options=[*direct.options, "--database", url])) as (
            clients,
            connection,
        ):
            for _ in range(20):
                proxy.cut()
                assert {client.status() for client in clients} <= {200, 503}
                assert {client.status() for client in clients} == {200}
            proxy.set_fault(slow(0.4))
            assert {client.status() for client in clients} <= {200, 503}
            assert {client.status() for client in clients} == {200}
            proxy.set_fault(None)
            assert {client.status() for client in clients} <= {200, 503}
            wait_until(lambda: is_warm(clients, connection))
