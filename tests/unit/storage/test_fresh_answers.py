"""What an event loop is told is what PostgreSQL would answer at that moment, whoever changed it."""

import random
import select
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, update

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.fresh_answers import FreshAnswers
from pypi_repo.storage.database.tables import repositories
from tests.support.postgres import PostgresServer
from tests.support.snapshots import received, told

_INSERT = (
    "INSERT INTO repositories (name, description, public, allow_overwrite, allow_reuse, profile,"
    " serial, created_at) VALUES ('main', '', false, false, false, '', 0, '2026-01-01')"
)


@pytest.fixture
def url(own_postgres: PostgresServer) -> str:
    """Of a database with the repository `main`."""
    url = own_postgres.create_database()
    database = Database(url)
    schema.upgrade(database)
    database.close()
    with connected(url) as connection:
        connection.execute(_INSERT)
    return url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def fresh(database: Database) -> FreshAnswers:
    fresh = database.fresh_answers
    assert fresh is not None
    fresh.connect()
    return fresh


def connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string())


def serial_of(database: Database) -> int:
    found = Catalog(database).repository("main")
    assert found is not None
    return found.serial


def receive_all(fresh: FreshAnswers) -> None:
    """Until the connection has ended."""
    while True:
        received(fresh)


def known_serial(database: Database, known: Any) -> int | None:
    """What an attempt with this knowledge finds; None if it would have to wait."""
    try:
        with without_waiting(known):
            return serial_of(database)
    except WouldWait:
        return None


def remembered_serial(database: Database, fresh: FreshAnswers) -> int | None:
    """The same after a thread has read it, and nothing has changed.

    PostgreSQL changes something itself now and then, so it is tried again.
    """
    for _try in range(10):
        told(fresh)
        serial_of(database)
        if (serial := known_serial(database, told(fresh))) is not None:
            return serial
    return None


def test_an_attempt_knows_what_a_thread_has_read(database: Database, fresh: FreshAnswers) -> None:
    assert known_serial(database, told(fresh)) is None
    assert serial_of(database) == 0
    assert known_serial(database, told(fresh)) == 0
    assert known_serial(database, told(fresh)) == 0
    assert known_serial(database, {}) is None


def test_nothing_is_remembered_for_nobody(database: Database) -> None:
    """Other servers never ask."""
    serial_of(database)
    fresh = database.fresh_answers
    assert fresh is not None
    fresh.connect()
    assert known_serial(database, told(fresh)) is None
    assert known_serial(database, told(fresh)) is None


def test_what_was_read_after_the_question_belongs_to_the_next_one(
    database: Database, fresh: FreshAnswers
) -> None:
    """It may be newer than the snapshot."""
    told(fresh)
    fresh.send()
    serial_of(database)
    assert known_serial(database, received(fresh)) is None
    assert known_serial(database, told(fresh)) == 0


def test_what_was_read_before_a_change_is_forgotten(
    database: Database, fresh: FreshAnswers, url: str
) -> None:
    """Also if the reader is late, and puts it down when the change was seen already."""
    assert remembered_serial(database, fresh) == 0
    before = fresh._read
    assert before is not None
    with connected(url) as other:
        other.execute("UPDATE repositories SET serial = 1")
    assert known_serial(database, told(fresh)) is None
    serial_of(database)
    assert before == {}
    assert known_serial(database, told(fresh)) == 1


@pytest.mark.parametrize("savepoints", [0, 1, 100])  # PostgreSQL keeps 64 of them at hand
def test_a_transaction_that_takes_long(
    savepoints: int, database: Database, fresh: FreshAnswers, url: str
) -> None:
    """What it changes is seen by nobody before its end, and by everybody afterwards."""
    with connected(url) as other, connected(url) as third:
        third.autocommit = True
        other.execute("UPDATE repositories SET serial = 0")
        for number in range(savepoints):
            other.execute(f"SAVEPOINT s{number}")
            other.execute("UPDATE repositories SET serial = serial + 1")
        assert remembered_serial(database, fresh) == 0
        third.execute("CREATE TABLE IF NOT EXISTS more AS SELECT 1")  # ends later, and before it
        assert known_serial(database, told(fresh)) is None
        assert remembered_serial(database, fresh) == 0
        if savepoints:
            other.execute("ROLLBACK TO s0")
            assert remembered_serial(database, fresh) == 0
        other.execute("UPDATE repositories SET serial = 7")
        assert known_serial(database, told(fresh)) in (None, 0)
        other.commit()
        assert known_serial(database, told(fresh)) is None
        assert remembered_serial(database, fresh) == 7


def test_no_answer_is_stale_whoever_changes_what(
    database: Database, fresh: FreshAnswers, url: str
) -> None:
    choices, expected, hot = random.Random(13), 0, 0
    pending: list[psycopg.Connection[Any]] = []
    with connected(url) as raw, connected(url) as idle:
        raw.autocommit = True
        idle.execute("SELECT pg_current_xact_id()")  # in progress all the time
        for _ in range(1500):
            match choices.randrange(12):
                case 0 | 1:
                    expected += 1
                    raw.execute(f"UPDATE repositories SET serial = {expected}")
                case 2:
                    expected += 1
                    with database.begin() as connection:
                        connection.execute(update(repositories).values(serial=expected))
                case 3:
                    raw.execute("BEGIN; UPDATE repositories SET serial = -1; ROLLBACK")
                case 4 if not pending:
                    pending.append(connected(url))
                    pending[0].execute("UPDATE repositories SET serial = serial + 1000")
                    assert serial_of(database) == expected
                    assert known_serial(database, told(fresh)) in (None, expected)
                    pending.pop().close()
                case 5:
                    raw.execute("BEGIN; SAVEPOINT a; UPDATE repositories SET serial = -1")
                    raw.execute("ROLLBACK TO a")
                    raw.execute("COMMIT")
                case 6:
                    raw.execute("VACUUM repositories")
                case 7:
                    expected += 1
                    raw.execute(
                        "BEGIN; SET LOCAL synchronous_commit = off;"
                        f"UPDATE repositories SET serial = {expected}; COMMIT"
                    )
                case _:
                    serial_of(database)
            found = known_serial(database, told(fresh))
            assert found in (None, expected)
            hot += found is not None
    assert hot > 150


def test_whoever_asks_after_a_commit_sees_it(
    database: Database, fresh: FreshAnswers, url: str
) -> None:
    """While threads read and another connection commits all the time."""
    committed, hot, is_over = 0, 0, threading.Event()

    def read() -> None:
        while not is_over.is_set():
            serial_of(database)

    def commit() -> None:
        nonlocal committed
        with connected(url) as raw:
            raw.autocommit = True
            for number in range(1, 3001):
                raw.execute(
                    f"SET synchronous_commit = off; UPDATE repositories SET serial = {number}"
                )
                committed = number
                if number % 5 == 0:
                    is_over.wait(0.002)

    with ThreadPoolExecutor(4) as threads:
        reading = [threads.submit(read) for _ in range(3)]
        committing = threads.submit(commit)
        try:
            while not committing.done():
                before = committed
                found = known_serial(database, told(fresh))
                assert found is None or found >= before
                hot += found is not None
        finally:
            is_over.set()
        for each in (*reading, committing):
            each.result()
    assert hot > 10
    assert remembered_serial(database, fresh) == 3000


def test_strangers_fill_no_memory(database: Database, fresh: FreshAnswers) -> None:
    told(fresh)
    catalog = Catalog(database)
    for number in range(10_000):
        assert catalog.repository(f"none-{number}") is None
        assert catalog.repository("x" * 10_000 + str(number)) is None
        if number % 500 == 0:
            keys = [*told(fresh), *(fresh._read or ())]
            assert len(keys) <= 2 * 4096
            assert max((len(str(key)) for key in keys), default=0) < 500


def test_a_connection_that_ends(database: Database, fresh: FreshAnswers, url: str) -> None:
    """While nobody asks, and while an answer is awaited. Nothing is left of what was known."""
    for ends_idle in (True, False):
        assert remembered_serial(database, fresh) == 0
        process = fresh._connection.info.backend_pid
        if not ends_idle:
            fresh.send()
        with connected(url) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (process,))
        with pytest.raises(Unavailable):
            receive_all(fresh)
        fresh.close()
        fresh.connect()
        assert known_serial(database, told(fresh)) is None


def test_a_question_that_is_cancelled(database: Database, fresh: FreshAnswers) -> None:
    fresh._connection.pgconn.send_query(b"SELECT pg_sleep(60)")
    while not select.select([fresh._connection], [], [], 0.1)[0]:
        fresh._connection.cancel_safe()  # again where it came before the question
    with pytest.raises(Unavailable):
        received(fresh)


def test_a_crash_of_the_database(
    database: Database, fresh: FreshAnswers, own_postgres: PostgresServer
) -> None:
    """It loses what was not waited for, and gives the numbers of transactions once more."""
    assert remembered_serial(database, fresh) == 0
    own_postgres.crash()
    with pytest.raises(Unavailable):
        told(fresh)
    fresh.close()
    with pytest.raises(Unavailable):
        fresh.connect()
    assert database.connections()["idle-readers"] == 0
    own_postgres.start()
    fresh.connect()
    assert known_serial(database, told(fresh)) is None
    assert remembered_serial(database, fresh) == 0


def test_a_standby_is_not_believed(tmp_path: Path) -> None:
    """Its snapshots do not say what is in progress. Threads keep their connections to it."""
    with PostgresServer(tmp_path) as server:
        database = Database(server.create_database())
        schema.upgrade(database)
        server.stop()
        (tmp_path / "postgres" / "standby.signal").touch()
        server.start()
        fresh = database.fresh_answers
        assert fresh is not None
        with pytest.raises(Unavailable, match="primary"):
            fresh.connect()
        assert database.connections()["idle-readers"] == 0
        assert Catalog(database).repository("main") is None
        with pytest.raises(Unavailable, match="primary"):
            fresh.connect()
        assert database.connections()["idle-readers"] == 1
        database.close()


def test_metrics_count_the_connection(database: Database, fresh: FreshAnswers) -> None:
    assert database.connections()["idle-readers"] == 1
    serial_of(database)
    assert database.connections()["idle-readers"] == 2
    database.close()
    assert database.connections()["idle-readers"] == 0
