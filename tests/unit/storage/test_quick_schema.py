"""The database that most tests begin with is the one that the migrations make."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import METADATA
from tests.conftest import populate
from tests.support.distributions import wheel
from tests.support.journal import journal_of
from tests.support.postgres import PostgresServer
from tests.support.quick_schema import Filled, quick_schema
from tests.support.uploads import upload

_TABLES = METADATA.sorted_tables
_EVERYTHING = {
    "sqlite": ["SELECT type, name, tbl_name, sql FROM sqlite_master"],
    "postgresql": [
        "SELECT table_name, column_name, ordinal_position, column_default, is_nullable,"
        " data_type, character_maximum_length, is_identity"
        " FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'",
    ],
}


@pytest.mark.parametrize("engine", ["sqlite", "memory", "postgresql"])
def test_the_quick_way_leads_to_the_same_database(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def place(name: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path}/{name}.db"
        if engine == "memory":
            return "sqlite://"
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return postgres.create_database()

    with (
        quick_schema(),
        closing(Database(place("one"))) as one,
        closing(Database(place("other"))) as other,
    ):
        schema.upgrade(one)
        schema.upgrade(other)

        assert _dump(other) == _dump(one) != []
        assert schema.current_revision(other) == schema.HEAD


def test_a_registry_that_was_used_is_filled_as_it_is() -> None:
    fill = Filled(lambda registry: registry.acting_as(OPERATOR).repositories.create("filled"))
    names = []
    for used in (False, False, True):
        with Registry(Settings(database="sqlite://", blobs="memory://")) as registry:
            operator = registry.acting_as(OPERATOR)
            if used:
                operator.repositories.create("used")
            fill(registry)
            names.append([each.name for each in operator.repositories.all()])

    assert names == [["filled"], ["filled"], ["filled", "used"]]


def test_a_copy_in_postgresql_has_the_same_rows_and_goes_on_with_the_same_numbers(
    postgres: PostgresServer,
) -> None:
    fill = Filled(_fill_with_odd_text)
    everything = []
    with quick_schema():
        for _ in range(2):
            url = postgres.create_database()
            with closing(Database(url)) as database:
                schema.upgrade(database)
            with Registry(Settings(database=url, blobs="memory://")) as registry:
                fill(registry)
                rows = [registry._database.execute(table.select()).all() for table in _TABLES]
                operator = registry.acting_as(OPERATOR)
                operator.groups.create("next")
                entry = journal_of(registry)[-1]
                (file,) = operator.projects.get("main", "demo")[1]
                everything.append((rows, entry.id, file))

    assert everything[0] == everything[1]


def _fill_with_odd_text(registry: Registry) -> None:
    populate(registry)
    upload(registry, wheel("demo", "1.0", description="100% of \\ 'quotes'; \"and\" (more)\n"))


def test_what_a_host_has_in_the_database_stays() -> None:
    fill = Filled(lambda registry: registry.acting_as(OPERATOR).repositories.create("filled"))
    for beside in ("", "CREATE TABLE colours (id INTEGER)"):
        with Registry(Settings(database="sqlite://", blobs="memory://")) as registry:
            if beside:
                with registry._database.begin() as connection:
                    connection.execute(text(beside))
            fill(registry)
            if beside:
                assert registry._database.execute(text("SELECT * FROM colours")).all() == []
            (repository,) = registry.acting_as(OPERATOR).repositories.all()
            assert repository.name == "filled"


def test_files_and_memory_are_filled_alike(tmp_path: Path) -> None:
    """In both directions, and a file has the write-ahead log of a real one."""
    places = ("sqlite://", f"sqlite:///{tmp_path}/1.db", f"sqlite:///{tmp_path}/2.db", "sqlite://")
    for first, second in (places[:2], places[2:]):
        fill = Filled(lambda registry: registry.acting_as(OPERATOR).repositories.create("filled"))
        for place in (first, second):
            with Registry(Settings(database=place, blobs="memory://")) as registry:
                fill(registry)
                registry.acting_as(OPERATOR).repositories.change("filled", public=True)
                (mode,) = registry._database.execute(text("PRAGMA journal_mode")).one()
            assert mode == ("memory" if place == "sqlite://" else "wal")


def _dump(database: Database) -> list[tuple[object, ...]]:
    with database.snapshot(guarded=False) as connection:
        return sorted(
            (
                tuple(row)
                for statement in _EVERYTHING[database.engine.dialect.name]
                for row in connection.execute(text(statement))
            ),
            key=repr,
        )
