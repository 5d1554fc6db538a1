"""Registries on both engines.

Making a database and its schema takes longer than most tests here, so each engine makes one
and every test gets it empty.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy

from pypi_repo import Registry, Settings
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import METADATA
from tests.conftest import populate
from tests.support.kept_connections import kept_connections
from tests.support.postgres import PostgresServer
from tests.support.s3 import S3Server


@pytest.fixture(scope="session")
def _sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgres_engine(postgres: PostgresServer) -> Iterator[sqlalchemy.Engine]:
    url = postgres.create_database()
    _upgrade(url)
    engine = sqlalchemy.create_engine(url)
    with kept_connections(engine.url):
        yield engine
        engine.dispose()


@pytest.fixture(scope="session")
def _emptying(_postgres_engine: sqlalchemy.Engine) -> str:
    """The statements that do it. TRUNCATE and RESTART take ten times as long: they make files."""
    with _postgres_engine.begin() as connection:
        sequences = connection.scalars(
            sqlalchemy.text("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        )
        restarts = [f"SELECT setval('{name}', 1, false)" for name in sequences]
    tables = [table.name for table in reversed(METADATA.sorted_tables)]
    return "; ".join([*(f"DELETE FROM {name}" for name in tables), *restarts])


def _upgrade(url: str) -> None:
    database = Database(url)
    schema.upgrade(database)
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database on each engine, with its schema and without a row."""
    if request.param == "sqlite":
        copy = shutil.copyfile(request.getfixturevalue("_sqlite_file"), tmp_path / "registry.db")
        return f"sqlite:///{copy}"
    engine: sqlalchemy.Engine = request.getfixturevalue("_postgres_engine")
    with engine.begin() as connection:
        connection.exec_driver_sql(request.getfixturevalue("_emptying"))
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def files() -> dict[str, Any]:
    """Where `both` keeps files, as Settings: nowhere, in modules that only look at rows."""
    return {"blobs": "memory://"}


@pytest.fixture
def real_files(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """A folder beside SQLite, S3 beside PostgreSQL; a module names it as its `files`."""
    if database_url.startswith("sqlite"):
        return {"blobs": f"file://{tmp_path}/blobs"}
    server: S3Server = request.getfixturevalue("s3")
    bucket = server.create_bucket(f"services-{uuid4().hex}")
    return {"blobs": f"s3://{bucket}/packages", "blob_options": server.storage_options}


@pytest.fixture
def both(database_url: str, files: dict[str, Any]) -> Iterator[Registry]:
    """Like `registry`, on each engine."""
    registry = Registry(Settings(database=database_url, password_cost=4, **files))
    populate(registry)
    yield registry
    registry.close()


@pytest.fixture
def database(both: Registry, database_url: str) -> Iterator[Database]:
    """A second way into the database of `both`, as another process has it."""
    database = Database(database_url)
    yield database
    database.close()
