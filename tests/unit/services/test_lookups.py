"""What the hot path asks, beside the same asked through SQLAlchemy's own execution."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from packaging.version import Version

from pypi_repo import Access, Registry, Settings
from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.names import normalize
from pypi_repo.domain.waiting import WouldWait, without_waiting
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database import Database
from pypi_repo.storage.lookups import Lookups
from pypi_repo.storage.people import People
from tests.conftest import USER
from tests.support.distributions import wheel
from tests.support.uploads import upload


def test_records_are_the_same(both: Registry, database: Database) -> None:
    """Types included: SQLite knows neither booleans nor moments."""
    both.repositories.change("main", public=True, quota=10**10, description="Schön")
    both.accounts.set_access(USER, Access.READ, {"main": Access.WRITE})
    filename = upload(both, wheel("demo", "1.0", requires_python=">=3.9")).filename
    demo = normalize("demo")
    lookups = Lookups(database)
    with database.read() as connection:
        catalog = Catalog(connection)
        assert lookups.repository("main") == catalog.repository("main")
        assert lookups.locate("main", demo) == catalog.locate("main", demo)
        assert lookups.locate_file("main", filename) == catalog.locate_file("main", filename)
        assert lookups.account(USER) == People(connection).user(USER)
    found = lookups.repository("main")
    assert found is not None
    assert found.public is True
    assert found.created_at.tzinfo is not None


def test_a_release_is_found_under_any_spelling(both: Registry, database: Database) -> None:
    upload(both, wheel("demo", "1.0"))
    lookups = Lookups(database)
    located = lookups.locate("main", normalize("demo"))
    assert located is not None
    assert located.project is not None
    for spelling, found in {"1": "1.0", "v1.0.0": "1.0", "1.0.1": None, "1.0rc1": None}.items():
        assert lookups.version_of_release(located.project, Version(spelling)) == found


def test_what_is_not_there(both: Registry, database: Database) -> None:
    lookups = Lookups(database)
    assert lookups.repository("none") is None
    assert lookups.locate("none", normalize("demo")) is None
    assert lookups.locate_file("none", "x") is None
    assert lookups.account("nobody") is None
    assert lookups.token_holder("0" * 64) is None
    located = lookups.locate("main", normalize("none"))
    assert located is not None
    assert located.project is None


def test_each_look_sees_what_is_committed(both: Registry, database: Database) -> None:
    lookups = Lookups(database)
    for public in (True, False, True):
        both.repositories.change("main", public=public)
        found = lookups.repository("main")
        assert found is not None
        assert found.public is public


def test_a_connection_is_as_good_for_writing_afterwards(both: Registry, database: Database) -> None:
    """PostgreSQL's must leave the mode in which each statement commits itself."""
    Lookups(database).repository("main")
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE repositories SET description = 'half'"))
        connection.rollback()
    assert both.repositories.get("main").description == ""


def test_a_database_that_cannot_answer(both: Registry, database: Database) -> None:
    lookups = Lookups(database)
    with database.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE repositories RENAME TO elsewhere"))
    try:
        with pytest.raises((Unavailable, sqlalchemy.exc.ProgrammingError)) as caught:
            lookups.repository("main")
        assert "main" not in str(caught.value)
    finally:
        with database.begin() as connection:
            connection.execute(sqlalchemy.text("ALTER TABLE elsewhere RENAME TO repositories"))
    assert lookups.repository("main") is not None


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
        registry.repositories.create("main")
        lookups = Lookups(registry._database)
        expected = lookups.repository("main")
        with _recovered_by_another_process(path) as is_over:
            with without_waiting(), pytest.raises(WouldWait):
                lookups.repository("main")
            is_over.start()
            assert lookups.repository("main") == expected
            assert not is_over.is_alive()
        with without_waiting():
            assert lookups.repository("main") == expected
