"""The revision of the database schema, and upgrades to the newest.

Alembic is only imported if a schema has to be upgraded.
"""

import logging
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection

from pypi_repo.domain.errors import ConfigurationError, SchemaOutdated
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.engines.both import writes_alone
from pypi_repo.storage.database.engines.postgresql import make_schema
from pypi_repo.storage.database.tables import METADATA
from pypi_repo.storage.folders import network_file_system

_log = logging.getLogger(__name__)

HEAD = "0013"
"""The newest revision in migrations/versions; a test holds the two together."""

REVISIONS = tuple(f"{number:04}" for number in range(1, int(HEAD) + 1))
"""All of them, oldest first."""

VERSION_TABLE = "pypi_repo_version"
"""Our own, because a host's migrations may be in the same database."""

_FORMER_VERSION_TABLE = "alembic_version"
_FORMER_REVISIONS = REVISIONS[: REVISIONS.index("0006") + 1]  # some were put there
_FIRST_TABLES = {"repositories", "files", "retired_filenames"}  # each of our revisions has these

_UPGRADE_LOCK = 7_093_184_215  # any number, the same in every process, for PostgreSQL


def current_revision(database: Database) -> str | None:
    """Returns the revision of a database; None if it does not have our tables."""
    with database.snapshot(guarded=False) as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    """Returns the revision.

    Raises ConfigurationError if our tables would collide with those of another application.
    """
    tables = {*sqlalchemy.inspect(connection).get_table_names()}
    if VERSION_TABLE in tables:
        return _version(connection, VERSION_TABLE)
    if _FORMER_VERSION_TABLE in tables and tables >= _FIRST_TABLES:
        former = _version(connection, _FORMER_VERSION_TABLE)
        if former in _FORMER_REVISIONS:
            return former
    if others := sorted(tables & METADATA.tables.keys()):
        raise ConfigurationError(
            f"The database has tables of something else that are named like a registry's "
            f"({', '.join(others)}); give the registry a schema of its own, such as pypi_repo "
            "(in PostgreSQL), or another database."
        )
    return None


def _version(connection: Connection, table: str) -> str | None:
    statement = sqlalchemy.text(f"SELECT version_num FROM {table}")  # noqa: S608 - one of ours
    return connection.execute(statement).scalar()


def _carry_version_over(connection: Connection) -> None:
    """Moves the revision to our own version table.

    If the former table contains no revision of ours, it belongs to the host.
    """
    revision = _revision(connection)
    if revision is None or sqlalchemy.inspect(connection).has_table(VERSION_TABLE):
        return
    for statement in (
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL,"
        f" CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))",
        f"INSERT INTO {VERSION_TABLE} SELECT version_num FROM {_FORMER_VERSION_TABLE}",  # noqa: S608
        f"DROP TABLE {_FORMER_VERSION_TABLE}",
    ):
        connection.execute(sqlalchemy.text(statement))


def require_current(database: Database) -> None:
    """Raises SchemaOutdated unless the schema is that of this version.

    The message says what to do.
    """
    revision = current_revision(database)
    _refuse_newer(revision)
    if revision != HEAD:
        raise SchemaOutdated(
            f"The database schema is {'at revision ' + revision if revision else 'empty'}, this "
            f"version of pypi_repo needs {HEAD}; run `pypi-repo db upgrade`."
        )


def require_usable(database: Database) -> None:
    """Raises SchemaOutdated or Unavailable if this process cannot use the database.

    A process that already uses the database continues while a newer version upgrades the schema.
    """
    database.execute(sqlalchemy.text("SELECT 1"))


def upgrade(database: Database) -> None:
    """Upgrades the schema of the database. Several processes can call it at the same time.

    It logs a warning for a SQLite database on a file system of another machine.

    Raises SchemaOutdated if the schema is newer than this version, and ConfigurationError if
    another application has tables with the same names.
    """
    database.make_file()
    if database.folder is not None and (kind := network_file_system(database.folder)):
        _log.warning(
            "%s is on a file system of another machine (%s), where SQLite's locks cannot be relied "
            "on; keep it on a disk of this machine, or use PostgreSQL.",
            database,
            kind,
        )
    _refuse_newer(current_revision(database))
    with database.begin(guarded=False) as connection:
        migrate(connection, HEAD)
    if not database.in_memory:
        database.close()  # whoever forks next must not share this connection


def migrate(connection: Connection, revision: str) -> None:
    """Migrates the schema to a revision up to HEAD, in both directions, within a transaction."""
    from alembic import command
    from alembic.config import Config

    if not writes_alone(connection.dialect):
        connection.execute(
            sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK}
        )
    make_schema(connection)
    _carry_version_over(connection)
    config = Config()
    config.set_main_option("script_location", script_location().replace("%", "%%"))
    config.attributes["connection"] = connection
    is_later = (_revision(connection) or "") > revision
    (command.downgrade if is_later else command.upgrade)(config, revision)


def _refuse_newer(revision: str | None) -> None:
    if revision is not None and revision > HEAD:
        raise SchemaOutdated(
            f"The database schema is at revision {revision}, newer than this version of pypi_repo "
            f"knows ({HEAD}); install the newer version again."
        )


def script_location() -> str:
    """Returns the folder `migrations`.

    It is inside the package in a wheel, and beside it in a source tree.
    """
    package = Path(__file__).resolve().parents[2]
    installed = package / "migrations"
    return str(installed if installed.is_dir() else package.parent / "migrations")
