"""Changes of several threads in one transaction: one commit, and each stands for itself."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import pytest
import sqlalchemy
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from pypi_repo.domain.errors import Conflict, TooLarge, Unavailable
from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.storage.database import group_commit
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.group_commit import GroupCommit
from tests.support.together import counted_commits
from tests.support.together import together as come_together
from tests.support.waiting import wait_until

PATIENCE = 30.0  # seconds


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    yield database
    database.close()


def add(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
        return number

    return work


def refused(number: int) -> Callable[[Connection], int]:
    """Once it has changed something."""

    def work(connection: Connection) -> int:
        add(number)(connection)
        raise TooLarge(f"{number} is too large.")

    return work


def numbers(database: Database) -> list[int]:
    with database.snapshot() as connection:
        return list(connection.scalars(text("SELECT number FROM numbers ORDER BY number")))


def together(database: Database, *works: Callable[[Connection], int]) -> list[Future[int]]:
    """What came of each, all of which came while somebody else was at work."""
    calls = [partial(database.together, "main", work) for work in works]
    return come_together(database, "main", calls)


def test_those_who_wait_share_one_commit(database: Database) -> None:
    with counted_commits(database) as commits:
        done = together(database, *map(add, range(8)))
    assert [each.result() for each in done] == list(range(8))
    assert numbers(database) == list(range(8))
    assert len(commits) == 2  # that of the first one, whom they waited for


def test_one_alone_needs_no_savepoint(database: Database) -> None:
    statements: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement.split()[0])

    event.listen(database.engine, "before_cursor_execute", remember)
    assert database.together("main", add(1)) == 1
    assert "SAVEPOINT" not in statements


def test_a_refusal_undoes_nothing_but_its_own(database: Database) -> None:
    done = together(database, add(1), refused(2), add(3), refused(4), add(2))
    for number in (1, 3):
        with pytest.raises(TooLarge):
            done[number].result()
    assert [done[place].result() for place in (0, 2, 4)] == [1, 3, 2]
    assert numbers(database) == [1, 2, 3]


def test_each_sees_what_those_before_it_have_changed(database: Database) -> None:
    def add_unless_there(connection: Connection) -> int:
        if connection.scalar(text("SELECT count(*) FROM numbers")):
            raise Conflict("It is there.")
        return add(7)(connection)

    done = together(database, *[add_unless_there] * 5)
    assert [each.exception() is None for each in done].count(True) == 1
    assert numbers(database) == [7]


def test_what_breaks_the_transaction_does_not_break_the_others(database: Database) -> None:
    """Each is made anew and alone; SQLite too may have taken back more than one statement."""
    done = together(database, add(1), add(1), add(2))
    failed = [each for each in done if each.exception() is not None]
    assert len(failed) == 1
    assert isinstance(failed[0].exception(), IntegrityError)
    assert numbers(database) == [1, 2]


def test_all_are_told_of_a_commit_that_failed(database: Database) -> None:
    """Also those who were refused, perhaps for what nobody has after all."""

    def owe(connection: Connection) -> int:
        connection.execute(text("INSERT INTO debts VALUES (1)"))
        return 1

    with database.begin() as connection:
        reference = "INTEGER REFERENCES numbers (number) DEFERRABLE INITIALLY DEFERRED"
        connection.execute(text(f"CREATE TABLE debts (number {reference})"))
    done = together(database, add(2), owe, refused(3))
    errors = [each.exception() for each in done]
    assert [type(error) for error in errors] == [IntegrityError, Unavailable, Unavailable]
    assert {error.__cause__ for error in errors[1:] if error} == {errors[0]}
    assert numbers(database) == []
    assert database.together("main", add(4)) == 4


def test_each_runs_in_the_context_of_who_asked(database: Database) -> None:
    """Such as a framework's request, which a host's policy may look at."""
    asking: ContextVar[int] = ContextVar("asking")

    def work(_connection: Connection) -> int:
        return asking.get()

    def ask(number: int) -> int:
        asking.set(number)
        return database.together("main", work)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(100))) == list(range(100))


def test_within_one_transaction_of_the_caller_it_is_a_part_of_that(database: Database) -> None:
    with pytest.raises(TooLarge):
        database.as_one(lambda: (database.together("main", add(1)), _refuse())[0])
    assert numbers(database) == []


def _refuse() -> None:
    raise TooLarge("Take it all back.")


def test_whoever_waits_for_a_transaction_that_cannot_begin_is_told_at_once() -> None:
    """And does not begin to wait once more."""
    waiting, tried = threading.Event(), []

    @contextmanager
    def begin() -> Iterator[Connection]:
        tried.append(threading.get_ident())
        assert waiting.wait(PATIENCE)
        raise Unavailable("The metadata database is locked by another program.")
        yield

    group = GroupCommit(begin)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(group.make, add(number)) for number in range(4)]
        wait_until(lambda: len(group._waiting) == 3)
        waiting.set()
        for each in futures:
            with pytest.raises(Unavailable):
                each.result(PATIENCE)
    assert len(tried) == 1
    with pytest.raises(Unavailable):
        group.make(add(5))


@pytest.mark.parametrize("place", [0, 2, 4])
def test_what_fails_around_them_is_waited_for_once(database: Database, place: int) -> None:
    """A file store that one of them asks, or a lock: nobody else waits for it once more."""
    called = []

    def work(number: int, connection: Connection) -> int:
        called.append(number)
        add(number)(connection)
        if number == place:
            raise Unavailable("The file store does not answer.", detail="of store.internal")
        return number

    done = together(database, *[partial(work, number) for number in range(5)])
    errors = [each.exception() for each in done]
    assert {getattr(error, "detail", None) for error in errors} == {"of store.internal"}
    assert called == list(range(place + 1))
    assert numbers(database) == []
    assert database.together("main", add(6)) == 6


def test_no_two_threads_are_told_by_the_same_exception(database: Database) -> None:
    """Each adds the frames that it passes through, and keeps alive what they hold."""

    def fail(_connection: Connection) -> int:
        raise Unavailable("The file store does not answer.")

    done = together(database, fail, add(1), add(2))
    errors = [each.exception() for each in done]
    assert [type(error) for error in errors] == [Unavailable] * 3
    assert len({id(error) for error in errors}) == 3


def test_those_who_are_made_alone_do_not_wait_for_each_other(postgres_url: str) -> None:
    """One after another, each could wait for as long as a lock is waited for."""
    database = Database(postgres_url)
    inside = threading.Barrier(3, timeout=PATIENCE)
    tried: set[int] = set()

    def work(number: int, _connection: Connection) -> int:
        if number in tried:
            inside.wait()
        elif number == 2:
            tried.update(range(3))
            raise ValueError(number)
        return number

    done = together(database, *[partial(work, number) for number in range(3)])
    database.close()
    assert [each.result() for each in done] == [0, 1, 2]


def test_nobody_waits_for_ever_for_those_at_work(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over, called = threading.Event(), threading.Event(), []

    def be_at_work(connection: Connection) -> int:
        begun.set()
        assert over.wait(PATIENCE)
        return add(1)(connection)

    monkeypatch.setattr(group_commit, "_PATIENCE", 0.02)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(database.together, "main", be_at_work)
        assert begun.wait(PATIENCE)
        try:
            with pytest.raises(Unavailable):
                database.together("main", lambda _connection: called.append(2))
        finally:
            over.set()
        assert first.result(PATIENCE) == 1
    assert database.together("main", add(3)) == 3
    assert (called, numbers(database)) == ([], [1, 3])


def test_slow_changes_do_not_wait_for_each_others_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "_SHARED_FOR", -1.0)
    with counted_commits(database) as commits:
        done = together(database, *map(add, range(4)))
    assert [each.result() for each in done] == list(range(4))
    assert len(commits) == 1 + 4


def test_it_is_not_done_where_nobody_may_wait(database: Database) -> None:
    with without_waiting(), pytest.raises(WouldWait):
        database.together("main", add(1))
    assert numbers(database) == []


def test_a_thread_that_is_stopped_before_it_begins_leaves_nobody_waiting(
    database: Database,
) -> None:
    """Such as by a host that ends it while it waits for another process."""
    waiting, tried = threading.Event(), []

    @contextmanager
    def begin() -> Iterator[Connection]:
        tried.append(1)
        if len(tried) == 1:
            assert waiting.wait(PATIENCE)
            raise SystemExit
        with database.begin() as connection:
            yield connection

    group = GroupCommit(begin)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(group.make, add(1))
        wait_until(lambda: len(tried) == 1)
        second = threads.submit(group.make, add(2))
        wait_until(lambda: len(group._waiting) == 1)
        waiting.set()
        assert isinstance(first.exception(PATIENCE), SystemExit)
        assert second.result(PATIENCE) == 2
    assert group.make(add(3)) == 3
    assert numbers(database) == [2, 3]


def test_a_thread_that_is_stopped_while_it_waits_has_changed_nothing(database: Database) -> None:
    """And nobody waits for it to lead. Ctrl+C stops the main thread, in which this runs."""
    begun, over = threading.Event(), threading.Event()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it

    def be_at_work(connection: Connection) -> int:
        begun.set()
        assert over.wait(PATIENCE)
        return add(1)(connection)

    def interrupt() -> None:
        group = database._groups.get(("main", True)) or database._groups["", True]
        wait_until(lambda: len(group._waiting) == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(database.together, "main", be_at_work)
        assert begun.wait(PATIENCE)
        stopping = threads.submit(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                database.together("main", add(2))
            stopping.result(PATIENCE)
            last = threads.submit(database.together, "main", add(3))
        finally:
            over.set()
            signal.signal(signal.SIGINT, before)
        assert (first.result(PATIENCE), last.result(PATIENCE)) == (1, 3)
    assert numbers(database) == [1, 3]


def test_a_thread_that_is_stopped_leaves_nobody_waiting(database: Database) -> None:
    def stop(_connection: Connection) -> int:
        raise KeyboardInterrupt

    done = together(database, add(1), stop, add(2))
    assert isinstance(done[0].exception(), KeyboardInterrupt)  # in whose thread it was
    assert isinstance(done[1].exception(), Unavailable)
    assert done[2].result() == 2
    assert numbers(database) == [2]


def test_many_threads_and_nothing_is_lost(database: Database) -> None:
    def work(number: int) -> bool:
        try:
            database.together("main", refused(number) if number % 3 == 0 else add(number))
        except TooLarge:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(work, range(120)))
    wanted = [number for number in range(120) if number % 3]
    assert [number for number, is_done in enumerate(done) if is_done] == wanted
    assert numbers(database) == wanted


def test_repositories_do_not_wait_for_each_other_on_postgresql(postgres_url: str) -> None:
    """Each group locks one of them, so that no two wait for each other in a circle."""
    database = Database(postgres_url)
    inside = threading.Barrier(2, timeout=PATIENCE)

    def meet(_connection: Connection) -> int:
        return inside.wait()

    with ThreadPoolExecutor(2) as threads:
        met = list(threads.map(lambda name: database.together(name, meet), ("one", "two")))
    database.close()
    assert sorted(met) == [0, 1]


def test_tables_are_as_they_were(database: Database) -> None:
    """The connection of a group goes back to the pool in no transaction."""
    together(database, add(1), refused(2))
    with database.begin() as connection:
        connection.execute(text("DROP TABLE numbers"))
    with database.snapshot() as connection:
        assert not sqlalchemy.inspect(connection).has_table("numbers")
