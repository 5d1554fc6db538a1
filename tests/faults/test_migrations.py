"""Upgrades of the schema that are started at once, and killed at any step."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pypi_repo import Registry, Settings
from tests.conftest import populate
from tests.serve.conftest import clean_environment
from tests.support.crashing import Upgrading
from tests.support.distributions import wheel
from tests.support.uploads import filenames, upload

AT_ONCE = 3
EVERY = 7  # of about fifty steps


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """URLs of empty databases."""
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("postgres").create_database
        return create
    numbers = iter(range(1000))
    return lambda: f"sqlite:///{tmp_path}/registry-{next(numbers)}.db"


def assert_it_works(database: str) -> None:
    with Registry(Settings(database=database, blobs="memory://", password_cost=4)) as registry:
        registry.check()
        populate(registry)
        upload(registry, wheel("demo"))
        assert filenames(registry) == [wheel("demo").filename]


def test_started_at_once(new_database: Callable[[], str]) -> None:
    database = new_database()
    command = [sys.executable, "-m", "pypi_repo", "db", "upgrade", "--database", database]
    processes = [
        subprocess.Popen(
            command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(AT_ONCE)
    ]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * AT_ONCE, said
    assert_it_works(database)


def test_killed_in_the_middle(new_database: Callable[[], str]) -> None:
    """Nothing of it is left, and another one that waited meanwhile does it all."""
    steps = Upgrading(new_database()).wait()
    assert len(steps) > 40
    for number in range(1, len(steps), EVERY):
        database = new_database()
        killed, other = Upgrading(database, die_at=number), Upgrading(database)
        killed_steps, other_steps = killed.wait(), other.wait()
        assert other_steps or killed_steps
        assert_it_works(database)
