"""A registry in a database that a host uses for tables of its own, with migrations of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner

from pypi_repo import OPERATOR, Registry, Settings
from pypi_repo.cli.main import main
from pypi_repo.domain.errors import ConfigurationError, SchemaOutdated
from pypi_repo.storage.database import schema
from pypi_repo.storage.database.database import Database
from pypi_repo.variables import from_mapping
from tests.conftest import populate
from tests.support.distributions import wheel
from tests.support.postgres import PostgresServer
from tests.support.uploads import filenames, upload

OWN = "pypi_repo"
_ENVIRONMENT = """
from alembic import context
context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""
_REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{number:04}", {before!r}
def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
def downgrade():
    op.drop_table("{table}")
"""


class Host:
    """Something that has tables called as ours are, and numbers its revisions as we do."""

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(_ENVIRONMENT)
        before = None
        for number, table in enumerate(("projects", "colours", "users"), 1):
            script = _REVISION.format(number=number, before=before, table=table)
            (folder / "versions" / f"{number}.py").write_text(script)
            before = f"{number:04}"
        self._config = Config()
        self._config.set_main_option("script_location", str(folder))
        self.engine = sqlalchemy.create_engine(url)

    def upgrade(self, revision: str) -> None:
        with self.engine.begin() as connection:
            self._config.attributes["connection"] = connection
            command.upgrade(self._config, revision)

    def differences(self) -> list[Any]:
        """What its next revision would have to change."""
        with self.engine.connect() as connection:
            metadata = sqlalchemy.MetaData()
            for name in ("projects", "colours"):
                identity = sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True)
                sqlalchemy.Table(name, metadata, identity)
            return list(compare_metadata(MigrationContext.configure(connection), metadata))

    def state(self) -> tuple[set[str], str]:
        """Its tables, and the revision that it is at."""
        with self.engine.connect() as connection:
            version = sqlalchemy.text("SELECT version_num FROM alembic_version")
            tables = {*sqlalchemy.inspect(connection).get_table_names()}
            return tables, connection.execute(version).scalar_one()


@pytest.fixture
def host(postgres_url: str, tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "host", postgres_url)
    host.upgrade("0002")
    yield host
    host.engine.dispose()


def test_both_live_beside_each_other(host: Host, postgres_url: str) -> None:
    settings = Settings(database=postgres_url, database_schema=OWN, blobs="memory://")
    with Registry(settings) as registry:
        with pytest.raises(SchemaOutdated, match="is empty"):
            registry.check()
        registry.upgrade()
        registry.upgrade()
        populate(registry)
        upload(registry, wheel())
        assert host.state() == ({"projects", "colours", "alembic_version"}, "0002")
        assert host.differences() == []
        host.upgrade("head")
        assert host.state()[1] == "0003"
        registry.check()
        assert registry.revision() == schema.HEAD
        assert filenames(registry) == [wheel().filename]
        assert f"(schema {OWN})" in registry.database_place


def test_tables_of_a_host_are_said_to_be_in_the_way(host: Host, postgres_url: str) -> None:
    before = host.state()
    with Registry(Settings(database=postgres_url, blobs="memory://")) as registry:
        list_repositories = registry.acting_as(OPERATOR).repositories.all
        for use in (registry.upgrade, registry.check, list_repositories):
            with pytest.raises(ConfigurationError, match=r"\(projects\).*a schema of its own"):
                use()
    assert host.state() == before


def test_a_host_whose_tables_are_not_in_the_way(database_url: str, tmp_path: Path) -> None:
    """Its revision is none of a registry, though it has the name of one."""
    host = sqlalchemy.create_engine(database_url)
    with host.begin() as connection:
        for statement in (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
            "INSERT INTO alembic_version VALUES ('0003')",
            "CREATE TABLE colours (id INTEGER)",
        ):
            connection.execute(sqlalchemy.text(statement))
    with Registry(Settings(database=database_url, blobs="memory://")) as registry:
        assert registry.revision() is None
        registry.upgrade()
        populate(registry)
    with host.connect() as connection:
        kept = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version"))
        assert kept.scalars().all() == ["0003"]
    host.dispose()


@pytest.mark.parametrize("revision", ["0001", "0006"])
def test_a_registry_from_before_keeps_its_revision(revision: str, database_url: str) -> None:
    database = Database(database_url)
    with database.begin() as connection:
        schema.migrate(connection, revision)
        for statement in (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            f"INSERT INTO alembic_version SELECT version_num FROM {schema.VERSION_TABLE}",
            f"DROP TABLE {schema.VERSION_TABLE}",
        ):
            connection.execute(sqlalchemy.text(statement))
    assert schema.current_revision(database) == revision
    schema.upgrade(database)
    assert schema.current_revision(database) == schema.HEAD
    with database.snapshot() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
    assert schema.VERSION_TABLE in tables
    assert "alembic_version" not in tables
    database.close()


def test_two_registries_in_one_database(postgres_url: str, tmp_path: Path) -> None:
    one, other = (
        Registry(Settings(database=postgres_url, database_schema=name, blobs="memory://"))
        for name in ("one", "other")
    )
    with one, other:
        one.upgrade()
        other.upgrade()
        populate(one)
        upload(one, wheel())
        assert other.acting_as(OPERATOR).repositories.all() == []
        one.backup.create(str(tmp_path / "backup"))
        other.backup.restore(str(tmp_path / "backup"))
        assert filenames(other) == [wheel().filename]
        upload(other, wheel(version="2.0"))
        assert filenames(one) == [wheel().filename]


def test_a_restore_makes_the_schema(postgres_url: str, tmp_path: Path) -> None:
    with Registry(Settings(database="sqlite://", blobs="memory://")) as registry:
        populate(registry)
        registry.backup.create(str(tmp_path / "backup"))
    settings = Settings(database=postgres_url, database_schema=OWN, blobs="memory://")
    with Registry(settings) as registry:
        registry.backup.restore(str(tmp_path / "backup"))
        assert [
            repository.name for repository in registry.acting_as(OPERATOR).repositories.all()
        ] == ["main"]


def test_who_may_not_make_a_schema_is_told_what_to_ask_for(
    postgres_url: str, postgres: PostgresServer
) -> None:
    administrator = sqlalchemy.create_engine(postgres_url)
    with administrator.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE ROLE guest LOGIN"))
    url = postgres_url.replace("postgres@", "guest@")
    with Registry(Settings(database=url, database_schema=OWN, blobs="memory://")) as registry:
        with pytest.raises(ConfigurationError, match=f"CREATE SCHEMA {OWN} AUTHORIZATION"):
            registry.upgrade()
        with administrator.begin() as connection:
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA {OWN} AUTHORIZATION guest"))
        registry.upgrade()
        assert registry.acting_as(OPERATOR).repositories.all() == []
    administrator.dispose()


@pytest.mark.parametrize("name", ["", "Own", "a-b", 'a"b', "pg_own", "1a", "a" * 64, "ü", "a\n"])
def test_impossible_names(name: str, postgres_url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a schema"):
        Database(postgres_url, schema=name)


def test_sqlite_has_no_schemas(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a file of its own"):
        Registry(Settings(database=tmp_path / "registry.db", database_schema=OWN))
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_and_the_environment(host: Host, postgres_url: str) -> None:
    place = ["--database", postgres_url, "--blobs", "memory://"]
    in_schema = [*place, "--database-schema", OWN]

    def run(*arguments: str, **env: str) -> Any:
        return CliRunner().invoke(main, list(arguments), env=env)

    refused = run("db", "upgrade", *place)
    upgraded = run("db", "upgrade", *in_schema)
    created = run("repository", "create", "main", *in_schema)
    listed = run("repository", "list", "--json", *place, PYPI_REPO_DATABASE_SCHEMA=OWN)

    assert refused.exit_code == 1
    assert "projects" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert [each.exit_code for each in (upgraded, created, listed)] == [0, 0, 0]
    assert '"main"' in listed.stdout
    settings = from_mapping({"PYPI_REPO_DATABASE_SCHEMA": OWN})
    assert settings.database_schema == OWN
