"""What readers remember is what the database would answer at that moment, whoever changed it."""

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import pytest
from sqlalchemy import event, func, select, update

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.prepared import Question
from pypi_repo.storage.database.tables import repositories
from tests.support.sql import count_statements


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a database with the repository `main`."""
    path = tmp_path / "registry.db"
    database = Database(path)
    database.make_file()
    schema.upgrade(database)
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO repositories (name, description, public, allow_overwrite, allow_reuse,"
            " profile, serial, created_at) VALUES ('main', '', 0, 0, 0, '', 0, '2026-01-01')"
        )
    connection.close()
    return path


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(path)
    yield database
    database.close()


def serial_of(database: Database) -> int:
    found = Catalog(database).repository("main")
    assert found is not None
    return found.serial


def test_what_was_asked_is_not_asked_again_until_something_changes(database: Database) -> None:
    catalog = Catalog(database)
    with count_statements(database) as statements:
        for _ in range(3):
            assert catalog.repository("main") is catalog.repository("main")
            assert catalog.repository("none") is None
        assert len(statements) == 2
        with database.begin() as connection:
            connection.execute(update(repositories).values(serial=7))
        del statements[:]
        for _ in range(3):
            assert serial_of(database) == 7
            assert catalog.repository("none") is None
        assert len(statements) == 2


def test_answers_belong_to_what_was_asked(database: Database) -> None:
    """And not to the order of the parameters."""
    catalog = Catalog(database)
    located = catalog.locate_file("main", "none")
    assert located is not None
    assert catalog.locate_file("none", "main") is None
    assert catalog.locate_file("main", "none") == located


def test_strangers_fill_no_memory(database: Database) -> None:
    catalog = Catalog(database)
    for number in range(3000):
        assert catalog.repository(f"none-{number}") is None
        assert catalog.repository("x" * 10_000 + str(number)) is None
    (reader,) = database._readers._idle
    keys = list(reader._answers)  # type: ignore[attr-defined]
    assert len(keys) <= 1024
    assert max(len(str(key)) for key in keys) < 500


def test_a_reader_at_work_is_closed_when_it_has_answered(database: Database) -> None:
    """It was in no list when all others were closed."""
    opened: list[sqlite3.Connection] = []
    is_asked, may_answer = threading.Event(), threading.Event()

    def pause() -> int:
        is_asked.set()
        may_answer.wait()
        return 7

    def equip(connection: sqlite3.Connection, _record: object) -> None:
        opened.append(connection)
        connection.create_function("pause", 0, pause)

    event.listen(database.engine, "connect", equip)
    paused = Question(select(func.pause()), lambda rows: rows[0][0])
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(database.ask, paused)
        is_asked.wait()
        database.close()
        may_answer.set()
        assert answer.result() == 7
    assert database.connections()["idle-readers"] == 0
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    assert serial_of(database) == 0
    assert database.connections()["idle-readers"] == 1


def test_a_reader_of_a_server_changes_nothing(postgres_url: str) -> None:
    """Its statements are in no transaction that could take a change back."""
    database = Database(postgres_url)
    schema.upgrade(database)
    change = Question(update(repositories).values(serial=9), lambda _rows: None)
    with pytest.raises(Unavailable):
        database.ask(change)
    database.close()


def test_a_reader_changes_nothing(database: Database) -> None:
    """It would not notice its own changes."""
    serial_of(database)
    change = Question(update(repositories).values(serial=9), lambda _rows: None)
    with pytest.raises(Unavailable):
        database.ask(change)
    assert serial_of(database) == 0


def test_no_answer_is_stale_whoever_changes_what(database: Database, path: Path) -> None:
    """Another connection, another pool, what is rolled back, checkpoints, and what is rebuilt."""
    other = Database(path)
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous = OFF")
    expected, choices = 0, random.Random(13)
    for _ in range(400):
        match choices.randrange(8):
            case 0 | 1:
                expected += 1
                raw.execute("UPDATE repositories SET serial = ?", (expected,))
            case 2:
                expected += 1
                with choices.choice((database, other)).begin() as connection:
                    connection.execute(update(repositories).values(serial=expected))
            case 3:
                raw.execute("BEGIN IMMEDIATE")
                raw.execute("UPDATE repositories SET serial = -1")
                assert serial_of(database) == expected
                raw.execute("ROLLBACK")
            case 4:
                raw.execute(f"PRAGMA wal_checkpoint({choices.choice(('TRUNCATE', 'RESTART'))})")
            case 5:
                raw.execute("VACUUM")
            case 6:
                expected += 1
                raw.executescript(
                    f"BEGIN; DROP INDEX IF EXISTS more; CREATE INDEX more ON repositories (serial);"
                    f"UPDATE repositories SET serial = {expected}; COMMIT"
                )
            case _:
                pass
        assert serial_of(database) == serial_of(other) == expected
        with without_waiting():
            assert serial_of(database) == expected
    raw.close()
    other.close()


def test_an_attempt_asks_once_whether_anything_has_changed(database: Database, path: Path) -> None:
    serial_of(database)
    (reader,) = database._readers._idle
    asked: list[str] = []
    reader.connection.set_trace_callback(asked.append)
    raw = sqlite3.connect(path, isolation_level=None)
    for number in range(1, 4):
        raw.execute("UPDATE repositories SET serial = ?", (number,))
        del asked[:]
        with without_waiting():
            assert serial_of(database) == serial_of(database) == number
        assert sum("data_version" in each for each in asked) == 1
        with without_waiting():
            assert serial_of(database) == number
            raw.execute("UPDATE repositories SET serial = ?", (-number,))
            assert serial_of(database) in (number, -number)
        assert serial_of(database) == -number
    raw.close()


@pytest.mark.parametrize("context", [nullcontext, without_waiting])
def test_whoever_asks_after_a_commit_sees_it(
    database: Database, path: Path, context: Callable[[], AbstractContextManager[None]]
) -> None:
    """Many at once, while somebody commits all the time: nobody is told what was before."""
    committed, is_over = 0, threading.Event()

    def ask() -> int:
        asked = 0
        while not is_over.is_set():
            before = committed
            with suppress(WouldWait), context():  # there may be no reader yet
                assert serial_of(database) >= before
                assert serial_of(database) >= before
                asked += 1
        return asked

    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous = OFF")
    serial_of(database)
    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        try:
            for number in range(1, 1001):
                raw.execute("UPDATE repositories SET serial = ?", (number,))
                committed = number
        finally:
            is_over.set()
        assert sum(each.result() for each in asking) > 0
    raw.close()
    assert serial_of(database) == 1000
