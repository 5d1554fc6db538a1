"""What a subject answers without a transaction, and within one."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from packaging.version import Version

from pypi_repo import OPERATOR, Access, Registry, Settings
from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.journal import EVERYTHING
from pypi_repo.domain.names import normalize
from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.journal import Journal
from pypi_repo.storage.usage import Scope, Usage
from tests.conftest import USER
from tests.support.distributions import wheel
from tests.support.uploads import upload


def test_records_are_the_same(both: Registry, database: Database) -> None:
    """Types included: SQLite knows neither booleans nor moments."""
    both.acting_as(OPERATOR).repositories.change(
        "main", public=True, quota=10**10, description="Schön"
    )
    both.acting_as(OPERATOR).accounts.set_access(USER, Access.READ, {"main": Access.WRITE})
    filename = upload(both, wheel("demo", "1.0", requires_python=">=3.9")).filename
    demo = normalize("demo")
    with database.begin() as connection:
        catalog, within = Catalog(database), Catalog(connection)
        found = catalog.repository("main")
        assert found == within.repository("main")
        assert catalog.locate("main", demo) == within.locate("main", demo)
        assert catalog.locate_file("main", filename) == within.locate_file("main", filename)
        assert catalog.repositories() == within.repositories() == [found]
        assert catalog.taken(found) == within.taken(found) > 0
        assert Users(database).user(USER) == Users(connection).user(USER)
        assert Users(database).users() == Users(connection).users()
        all_files = Scope(Catalog(database).repositories())
        assert (
            Usage(database).stored_size(all_files) == Usage(connection).stored_size(all_files) > 0
        )
        entries = Journal(database).entries(EVERYTHING)
        assert entries == Journal(connection).entries(EVERYTHING) != []
    assert found is not None
    assert found.public is True
    assert found.created_at.tzinfo is not None


def test_a_release_is_found_under_any_spelling(both: Registry, database: Database) -> None:
    upload(both, wheel("demo", "1.0"))
    catalog = Catalog(database)
    located = catalog.locate("main", normalize("demo"))
    assert located is not None
    assert located.project is not None
    for spelling, found in {"1": "1.0", "v1.0.0": "1.0", "1.0.1": None, "1.0rc1": None}.items():
        assert catalog.version_of_release(located.project, Version(spelling)) == found


def test_what_is_not_there(both: Registry, database: Database) -> None:
    catalog, users = Catalog(database), Users(database)
    assert catalog.repository("none") is None
    assert catalog.locate("none", normalize("demo")) is None
    assert catalog.locate_file("none", "x") is None
    assert users.user("nobody") is None
    assert users.token_holder("0" * 64) is None
    located = catalog.locate("main", normalize("none"))
    assert located is not None
    assert located.project is None


def test_each_look_sees_what_is_committed(both: Registry, database: Database) -> None:
    catalog = Catalog(database)
    for public in (True, False, True):
        both.acting_as(OPERATOR).repositories.change("main", public=public)
        found = catalog.repository("main")
        assert found is not None
        assert found.public is public


def test_within_a_transaction_its_own_changes_are_seen(both: Registry, database: Database) -> None:
    """Nobody else sees them before the commit."""
    with database.begin() as connection:
        main = Catalog(connection).repository("main")
        assert main is not None
        Catalog(connection).change_repository(main, {"public": True})
        within, outside = (
            Catalog(connection).repository("main"),
            Catalog(database).repository("main"),
        )
    assert within is not None
    assert (within.public, outside) == (True, main)
    assert Catalog(database).repository("main") == within


def test_a_change_without_a_transaction_is_refused(both: Registry, database: Database) -> None:
    """On a connection that commits each statement by itself, half of a change could be left."""
    main = both.acting_as(OPERATOR).repositories.get("main")
    with pytest.raises(TypeError):
        Catalog(database).delete_repository(main)
    with pytest.raises(Unavailable):
        Catalog(database).next_serial(main)  # a reader's connection refuses it
    assert Catalog(database).repository("main") == main


def test_a_connection_is_as_good_for_writing_afterwards(both: Registry, database: Database) -> None:
    """PostgreSQL's must leave the mode in which each statement commits itself."""
    Catalog(database).repository("main")
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE repositories SET description = 'half'"))
        connection.rollback()
    assert both.acting_as(OPERATOR).repositories.get("main").description == ""


def test_a_database_that_cannot_answer(both: Registry, database: Database) -> None:
    catalog = Catalog(database)
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE repositories RENAME TO elsewhere"))
    try:
        with pytest.raises((Unavailable, sqlalchemy.exc.ProgrammingError)) as caught:
            catalog.repository("main")
        assert "main" not in str(caught.value)
    finally:
        with database.begin() as connection:
            connection.execute(sqlalchemy.text("ALTER TABLE elsewhere RENAME TO repositories"))
    assert catalog.repository("main") is not None


# https://www.sqlite.org/walformat.html, 2.3.3: bytes 120 to 122 are the locks for writing, for
# checkpoints and for recovery, which is due where the header is not what it should be.
_RECOVERING = """
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(file, fcntl.LOCK_EX, 3, 120)
os.pwrite(file, bytes(96), 0)
print(flush=True)
input()
"""


@contextmanager
def _recovered_by_another_process(database: Path) -> Iterator[threading.Timer]:
    """Until the timer has run, which waits to be started."""
    command = [sys.executable, "-c", _RECOVERING, f"{database}-shm"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield threading.Timer(0.5, process.stdin.close)


@pytest.mark.skipif(sys.platform == "win32", reason="the locks are those of POSIX")
def test_a_loop_does_not_wait_for_a_locked_database(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with Registry(Settings(database=path, password_cost=4)) as registry:
        registry.acting_as(OPERATOR).repositories.create("main")
        catalog = Catalog(registry._database)
        expected = catalog.repository("main")
        with _recovered_by_another_process(path) as is_over:
            with without_waiting(), pytest.raises(WouldWait):
                catalog.repository("main")
            is_over.start()
            assert catalog.repository("main") == expected
            assert not is_over.is_alive()
        with without_waiting():
            assert catalog.repository("main") == expected


@pytest.mark.parametrize(
    "lock",
    [
        lambda catalog: catalog.lock("main"),
        lambda catalog: catalog.lock_repository("main"),
        lambda catalog: catalog.lock_repositories(),
    ],
    ids=["lock", "lock_repository", "lock_repositories"],
)
def test_a_lock_needs_a_transaction(
    lock: Callable[[Catalog], object], both: Registry, database: Database
) -> None:
    with pytest.raises(TypeError, match="transaction"):
        lock(Catalog(database))
    with database.begin() as connection:
        lock(Catalog(connection))
