"""Connections and transactions, and what differs between the engines."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    column,
    event,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.ext.compiler import compiles

from pypi_repo.domain.errors import ConfigurationError, OutOfSpace, Unavailable
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.engines import options
from pypi_repo.storage.database.engines.both import trouble_with
from pypi_repo.storage.database.prepared import Question
from tests.support.postgres import PostgresServer


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/registry.db")
    yield database
    database.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With a table `things` of one column."""
    database = Database(database_url)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))
    yield database
    database.close()


def _add(connection: Connection, name: str) -> None:
    connection.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})


def _add_both(database: Database, one: str, other: str) -> None:
    with database.begin() as connection:
        _add(connection, one)
        _add(connection, other)


def _names(database: Database) -> list[str]:
    return list(database.execute(text("SELECT name FROM things ORDER BY name")).scalars())


def test_a_connection_that_is_used_at_the_end_is_closed_when_it_is_given_back(
    database: Database,
) -> None:
    with database.begin() as connection:
        driver = connection.connection.driver_connection
        database.close()
        _add(connection, "late")
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        driver.execute("SELECT 1")
    assert _names(database) == ["late"]


def test_errors_hold_no_values(sqlite: Database) -> None:
    """They end in a log, and what is stored are hashes of passwords and tokens too."""
    with sqlite.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))
    with pytest.raises(sqlalchemy.exc.IntegrityError) as caught:
        _add_both(sqlite, "s3cret", "s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_database_that_another_process_is_just_making(tmp_path: Path) -> None:
    """SQLite would refuse to begin with it, and not wait for the other one's transaction."""
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE things (name)")
        other.execute("BEGIN IMMEDIATE")
        ending = threading.Timer(0.2, other.execute, ["COMMIT"])
        ending.start()
        database = Database(f"sqlite:///{path}")
        assert _names(database) == []
        ending.join()
        database.close()


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)],
)
def test_every_sqlite_connection_is_durable_and_strict(
    sqlite: Database, pragma: str, expected: int | str
) -> None:
    """synchronous 2 is FULL: an answered upload survives a power cut."""
    with sqlite.begin() as one, sqlite.snapshot() as other:
        for executor in (one, other, sqlite):
            assert executor.execute(text(f"PRAGMA {pragma}")).scalar() == expected


def _waits_for_the_disk(connection: Connection) -> bool:
    """What the database itself says of its next commit."""
    if connection.dialect.name == "sqlite":
        return bool(connection.execute(text("PRAGMA synchronous")).scalar_one() == 2)
    return bool(connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on")


def test_only_what_need_not_last_does_not_wait_for_the_disk(database: Database) -> None:
    """Whatever the same connection has done before."""
    asked = [database.together("x", _waits_for_the_disk, lasting=last) for last in (1, 0, 1, 0)]
    assert asked == [True, False, True, False]
    with database.begin() as connection:
        assert _waits_for_the_disk(connection)
    assert database.as_one(lambda: database.together("x", _waits_for_the_disk, lasting=False))


def test_what_need_not_last_is_seen_at_once(database: Database) -> None:
    _add_both(database, "a", "b")
    adding = text("INSERT INTO things (name) VALUES ('c')")
    database.together("x", lambda connection: connection.execute(adding), lasting=False)
    assert _names(database) == ["a", "b", "c"]


def test_what_must_last_shares_no_commit_with_what_need_not(database: Database) -> None:
    """It comes while the other one's transaction is under way."""
    found: list[bool] = []
    coming = threading.Thread(
        target=lambda: found.append(database.together("x", _waits_for_the_disk))
    )

    def work(connection: Connection) -> bool:
        coming.start()
        coming.join(0.2)
        return _waits_for_the_disk(connection)

    assert not database.together("x", work, lasting=False)
    coming.join(30)
    assert found == [True]


def test_a_sqlite_write_transaction_locks_at_once(sqlite: Database, tmp_path: Path) -> None:
    """Two readers that both want to write could only fail."""
    with sqlite.begin():
        rival = sqlite3.connect(tmp_path / "registry.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            rival.execute("BEGIN IMMEDIATE")
        rival.close()


def test_a_sqlite_writer_gets_the_connection_that_was_used_last(sqlite: Database) -> None:
    """It still has in its cache what it has written."""
    with sqlite.snapshot() as one, sqlite.snapshot() as other:
        assert one.connection.driver_connection is not other.connection.driver_connection
    used = set[int]()
    for _ in range(4):
        with sqlite.begin() as connection:
            used.add(id(connection.connection.driver_connection))
    assert len(used) == 1


def test_a_snapshot_is_one_moment_and_locks_nobody_out(database: Database) -> None:
    _add_both(database, "a", "b")
    names = text("SELECT name FROM things ORDER BY name")
    with database.snapshot() as connection:
        before = list(connection.scalars(names))
        _add_both(database, "c", "d")
        after = list(connection.scalars(names))
    with database.snapshot() as connection:
        later = list(connection.scalars(names))
    assert before == after == ["a", "b"]
    assert later == _names(database) == ["a", "b", "c", "d"]


def test_each_statement_of_a_reader_sees_what_is_committed(database: Database) -> None:
    with database.begin() as writer:
        _add(writer, "a")
        assert _names(database) == []
    assert _names(database) == ["a"]


def test_a_block_is_committed_as_a_whole_or_not_at_all(database: Database) -> None:
    with database.begin() as connection:
        _add(connection, "kept")
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        _add_both(database, "lost", "kept")
    assert _names(database) == ["kept"]


def test_writers_take_turns(database: Database) -> None:
    """Each reads and writes: nobody may fail, and nobody's change may be lost."""
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(5):
                with database.begin() as connection:
                    connection.execute(text("UPDATE counter SET value = value + 1"))
        except BaseException as error:  # noqa: BLE001 - the test wants to see any of them
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert database.execute(text("SELECT value FROM counter")).scalar() == 40


def test_foreign_keys_are_enforced(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(
            text("CREATE TABLE parts (thing VARCHAR REFERENCES things ON DELETE CASCADE)")
        )
        _add(connection, "a")
        connection.execute(text("INSERT INTO parts VALUES ('a')"))
    with pytest.raises(sqlalchemy.exc.IntegrityError), database.begin() as connection:
        connection.execute(text("INSERT INTO parts VALUES ('b')"))
    with database.begin() as connection:
        connection.execute(text("DELETE FROM things"))
        assert connection.execute(text("SELECT count(*) FROM parts")).scalar() == 0


def test_bugs_are_not_dressed_up_as_trouble_with_the_database(database: Database) -> None:
    with pytest.raises(sqlalchemy.exc.IntegrityError):
        _add_both(database, "a", "a")


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    database = Database("sqlite://")
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))

    def add(name: str) -> None:
        with database.begin() as connection:
            _add(connection, name)

    threads = [threading.Thread(target=add, args=(f"{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_names(database)) == 8
    database.close()


def test_two_databases_in_memory_share_nothing() -> None:
    one, other = Database("sqlite://"), Database("sqlite://")
    with one.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR)"))
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR)"))
    one.close()
    other.close()


@pytest.mark.parametrize(
    ("url", "exists", "in_memory"),
    [("sqlite://", False, True), ("sqlite:///:memory:", False, True)],
)
def test_a_database_in_memory_has_to_be_made(url: str, exists: bool, in_memory: bool) -> None:
    database = Database(url)
    assert (database.exists(), database.in_memory) == (exists, in_memory)
    assert database.folder is None


def test_a_database_on_disk_exists_with_its_file(sqlite: Database, tmp_path: Path) -> None:
    assert not sqlite.exists()
    assert sqlite.folder == str(tmp_path)
    (tmp_path / "registry.db").touch()
    assert sqlite.exists()


def test_the_file_is_made_or_said_to_be_impossible(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/a/b/registry.db").make_file()
    assert (tmp_path / "a" / "b" / "registry.db").is_file()
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be made") as caught:
        Database(f"sqlite:///{tmp_path}/file/b/registry.db").make_file()
    assert str(tmp_path) not in caught.value.message
    assert str(tmp_path) in caught.value.detail


def test_a_locked_database_is_said_to_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "BUSY_TIMEOUT", 0.05)
    database = Database(f"sqlite:///{tmp_path}/registry.db")
    database.execute(text("SELECT 1"))
    rival = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked by another program"), database.begin():
        pass
    rival.execute("ROLLBACK")
    with database.begin():
        pass
    rival.close()
    database.close()


def test_a_writer_looks_often_whether_another_one_is_done(sqlite: Database, tmp_path: Path) -> None:
    """And not after ever longer pauses, as SQLite does."""
    attempts: list[float] = []
    with sqlite.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR)"))
        driver = connection.connection.driver_connection
    with closing(sqlite3.connect(tmp_path / "registry.db", isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")

        def note(statement: str) -> None:
            if statement == "BEGIN IMMEDIATE":
                attempts.append(time.monotonic())
                if len(attempts) == 100:
                    rival.execute("ROLLBACK")

        assert driver is not None
        driver.set_trace_callback(note)
        with sqlite.begin() as connection:
            connection.execute(text("INSERT INTO things VALUES ('a')"))
    assert len(attempts) == 100
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert median(pauses) < 0.02


def test_a_full_disk_of_the_database(sqlite: Database) -> None:
    with sqlite.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR)"))
    with pytest.raises(OutOfSpace, match="metadata database is full"):
        _fill(sqlite)
    assert sqlite.execute(text("SELECT count(*) FROM things")).scalar() == 0


def _fill(database: Database) -> None:
    """Up to a limit that SQLite reports as a full disk."""
    with database.begin() as connection:
        connection.execute(text("PRAGMA max_page_count = 5"))
        for _ in range(100):
            _add(connection, "x" * 4000)


def test_a_server_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    with PostgresServer(tmp_path) as server:
        database = Database(server.create_database())
        with database.begin() as connection:
            connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))
        asked_often = Question(select(column("name")).select_from(table("things")), list)
        assert database.ask(asked_often) == []
        server.crash()
        for ask in (lambda: _names(database), lambda: database.ask(asked_often)):
            with pytest.raises(Unavailable, match="right now") as caught:
                ask()
            assert "postgres@" not in caught.value.message
        server.start()
        assert _names(database) == []
        assert database.ask(asked_often) == []
        server.crash()
        server.start()
        # Nobody asked while it was gone, so nobody needs to know.
        assert database.ask(asked_often) == []
        assert _names(database) == []
        database.close()


def test_a_connection_that_breaks_is_replaced(tmp_path: Path) -> None:
    """Also between its check-out and the query: the next request gets another one."""
    asked_often = Question(select(column("name")).select_from(table("things")), list)
    with PostgresServer(tmp_path) as server:
        database = Database(server.create_database())
        with database.begin() as connection:
            connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))

        def cut(_connection: Any, record: Any, _proxy: Any) -> None:
            if not broken:
                broken.append(record)
                record.dbapi_connection.pgconn.finish()

        broken: list[Any] = []
        event.listen(database.engine, "checkout", cut)
        with pytest.raises(Unavailable):
            database.ask(asked_often)
        assert database.ask(asked_often) == []
        database.close()


@pytest.fixture
def server_database(postgres_url: str) -> Iterator[Database]:
    """On PostgreSQL, with a table `things` of one column."""
    database = Database(postgres_url)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))
        _add(connection, "a")
    yield database
    database.close()


def _cut_others(connection: Connection) -> None:
    """As an operator does it who restarts the server."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    ending = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"
    connection.execute(text(ending))


def test_a_read_goes_on_with_another_connection(server_database: Database) -> None:
    assert _names(server_database) == ["a"]
    with server_database.begin() as connection:
        _cut_others(connection)
    assert _names(server_database) == ["a"]


def test_a_read_whose_connection_breaks_after_its_check_out(server_database: Database) -> None:
    """When the pool has already asked whether it still answers."""
    asked: list[Any] = []

    def cut(_connection: Any, cursor: Any, *_: Any) -> None:
        asked.append(cursor.connection)
        if len(asked) == 1:
            cursor.connection.pgconn.finish()

    event.listen(server_database.engine, "before_cursor_execute", cut)
    assert _names(server_database) == ["a"]
    assert asked[1:] == [asked[1]] != asked[:1]


def test_a_read_that_is_cut_in_its_middle_is_repeated(server_database: Database) -> None:
    asleep = text("SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")

    def cut() -> None:
        while not (pids := server_database.execute(asleep).scalars().all()):
            pass
        server_database.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pids[0]})

    thread = threading.Thread(target=cut)
    thread.start()
    ((_slept, name),) = server_database.execute(text("SELECT pg_sleep(0.5), name FROM things"))
    thread.join()
    assert name == "a"


def test_a_change_whose_connection_is_cut_is_never_repeated(server_database: Database) -> None:
    began = 0
    with pytest.raises(Unavailable), server_database.begin() as connection:  # noqa: PT012
        began += 1
        _add(connection, "b")
        with server_database.begin() as other:
            _cut_others(other)
        _add(connection, "c")
    assert began == 1
    assert _names(server_database) == ["a"]


def test_a_lock_of_the_server_is_waited_for_a_while(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "BUSY_TIMEOUT", 0.2)
    database = Database(postgres_url)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE things (name VARCHAR PRIMARY KEY)"))
    with database.begin() as holder:
        holder.execute(text("LOCK TABLE things"))
        with pytest.raises(Unavailable, match="locked by another program"):
            _names(database)
    assert _names(database) == []
    database.close()


def test_the_url_has_the_last_word_on_timeouts(postgres_url: str) -> None:
    database = Database(f"{postgres_url}&connect_timeout=3")
    with database.snapshot() as connection:
        driver: Any = connection.connection.dbapi_connection
        said = driver.info.get_parameters()
    assert (said["connect_timeout"], said["keepalives_idle"]) == ("3", "30")
    database.close()


def test_the_password_of_the_database_is_never_shown() -> None:
    database = Database("postgresql+psycopg://index:swordfish@127.0.0.1:1/index")
    assert "swordfish" not in str(database)
    with pytest.raises(Unavailable) as caught:
        database.execute(text("SELECT 1"))
    assert "swordfish" not in caught.value.message + caught.value.detail
    database.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("not a url", "cannot be understood"),
        ("", "cannot be understood"),
        ("postgresql+psycopg://localhost:543x/index", "cannot be understood"),
        ("sqlite://index.db", "write sqlite:///path/to/file.db or "),
        ("sqlite:index.db", "write sqlite:///path/to/file.db or "),
        ("postgres://localhost/index", r"write sqlite:///.* or postgresql\+psycopg://user:"),
        ("mysql://localhost/index", "mysql is not a supported kind of database; write "),
    ],
)
def test_a_database_url_that_cannot_work(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Database(url)


@pytest.mark.parametrize("password", ["trout@fi:sh", "trout@fish", "trout@fi/sh", "trout@f:1/sh"])
def test_a_password_that_breaks_its_url_is_not_shown(password: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"@ : / in a password as %40 %3A %2F\.$"
    ) as caught:
        Database(f"postgresql+psycopg://index:{password}@127.0.0.1:5432/index")
    assert not any(part in caught.value.for_operator for part in ("fish", "trout", "sh@", "@fi"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"database": "Missing"}, "There is no such database; create it, or correct its name"),
        ({"username": "Nobody"}, "does not let this account in; correct user and password"),
        ({"query": {}, "host": "db.invalid"}, "host .* cannot be found; correct it in the"),
    ],
)
def test_what_waiting_will_not_mend_is_told(
    wrong: dict[str, Any], sentence: str, postgres: PostgresServer
) -> None:
    """With the driver's own words for the operator, who may look for them."""
    url = make_url(postgres.create_database()).set(**wrong)
    database = Database(url.render_as_string(hide_password=False))
    with pytest.raises(Unavailable, match=sentence) as caught:
        database.execute(text("SELECT 1"))
    database.close()
    [named] = filter(None, wrong.values())
    assert "again" not in caught.value.message
    assert named in caught.value.detail.partition(" failed")[2]


@pytest.mark.parametrize(
    "words",
    [
        'FATAL:  password authentication failed for user "pw"',
        "fe_sendauth: no password supplied",
        'FATAL:  no pg_hba.conf entry for host "[local]", user "other", database "x"',
    ],
)
def test_a_database_that_wants_another_password(words: str) -> None:
    """As PostgreSQL 15 says it; the server of these tests lets everybody in."""
    assert "correct user and password" in trouble_with(psycopg.OperationalError(words))


def test_the_guard_is_asked_until_it_lets_pass() -> None:
    calls: list[Database] = []

    def guard(asked: Database) -> None:
        calls.append(asked)
        if len(calls) == 1:
            raise Unavailable("Not yet.")

    database = Database("sqlite://", guard)
    with pytest.raises(Unavailable, match="Not yet"):
        database.execute(text("SELECT 1"))
    for _ in range(3):
        assert database.execute(text("SELECT 1")).scalar() == 1
    assert calls == [database, database]
    database.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """One clear sentence instead of a traceback."""
    (tmp_path / "registry.db").write_bytes(b"no database " * 100)
    database = Database(f"sqlite:///{tmp_path}/registry.db")
    with pytest.raises(Unavailable), database.begin():
        pass
    database.close()


def test_many_ask_at_once_on_as_many_connections(database: Database) -> None:
    one = Question(select(literal_column("1")), lambda rows: rows[0][0])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _number: database.ask(one), range(400)))
    assert answers == [1] * 400
    assert 1 <= database.connections()["idle-readers"] <= 8


def test_a_question_that_fails_keeps_no_connection(sqlite: Database) -> None:
    nowhere = Question(select(column("name")).select_from(table("nowhere")), list)
    with pytest.raises(Unavailable):
        sqlite.ask(nowhere)
    assert sqlite._readers._idle == []


def test_a_question_within_one_piece_of_work_sees_what_it_changed(database: Database) -> None:
    names = Question(select(column("name")).select_from(table("things")), list)

    def work() -> list[Any]:
        with database.begin() as connection:
            _add(connection, "one")
        return database.ask(names)

    assert database.as_one(work) == [("one",)]
    assert database.ask(names) == [("one",)]


class Counted(ColumnElement[int]):
    """The number one, which counts how often it is compiled."""

    inherit_cache = True
    type = Integer()
    times = 0


@compiles(Counted)
def _count(_element: Counted, _compiler: Any, **_how: Any) -> str:
    Counted.times += 1
    return "1"


def test_a_question_is_compiled_once_for_all_databases_of_a_kind(tmp_path: Path) -> None:
    """A test suite of a host makes a registry for each test."""
    one = Question(select(Counted()), lambda rows: rows[0][0])
    with closing(Database("sqlite://")) as database:
        assert database.ask(one) == 1
    times = Counted.times
    for number in range(3):
        with closing(Database(f"sqlite:///{tmp_path}/{number}.db")) as database:
            assert database.ask(one) == 1
    assert Counted.times == times > 0
    with closing(Database(f"sqlite:///{tmp_path}/again.db")) as database:
        assert database.ask(Question(select(Counted()), lambda rows: rows[0][0])) == 1
    assert Counted.times == 2 * times
