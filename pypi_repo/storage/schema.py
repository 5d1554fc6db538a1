"""The schema: which revision a database has, and how it gets to the newest.

Alembic is only imported where something has to be upgraded.
"""

import os

import sqlalchemy
from sqlalchemy import Connection

from pypi_repo.domain.errors import SchemaOutdated
from pypi_repo.storage.database import Database

HEAD = "0007"
"""The newest revision in migrations/versions; a test holds the two together."""

REVISIONS = tuple(f"{number:04}" for number in range(1, int(HEAD) + 1))
"""All of them, oldest first."""

_UPGRADE_LOCK = 7_093_184_215  # any number, the same in every process, for PostgreSQL


def current_revision(database: Database) -> str | None:
    """None for a database without our tables."""
    with database.read(guarded=False) as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    version = sqlalchemy.text("SELECT version_num FROM alembic_version")
    return connection.execute(version).scalar()


def require_current(database: Database) -> None:
    """Raises SchemaOutdated with the sentence that says how to go on."""
    revision = current_revision(database)
    _refuse_newer(revision)
    if revision != HEAD:
        raise SchemaOutdated(
            f"The database schema is {'at revision ' + revision if revision else 'empty'}, this "
            f"version of pypi_repo needs {HEAD}; run `pypi-repo db upgrade`."
        )


def require_usable(database: Database) -> None:
    """Raises SchemaOutdated, or Unavailable, where this process cannot use the database.

    One that uses it already goes on while a newer version upgrades the schema, and is usable.
    """
    with database.read() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))


def upgrade(database: Database) -> None:
    """Brings the database to HEAD; safe to be called by several processes at once.

    Raises SchemaOutdated where that would be a step back.
    """
    database.make_file()
    _refuse_newer(current_revision(database))
    with database.begin(guarded=False) as connection:
        migrate(connection, HEAD)
    if not database.in_memory:
        database.close()  # whoever forks next must not share this connection


def migrate(connection: Connection, revision: str) -> None:
    """Brings the schema to a revision up to HEAD, forth or back, within the transaction."""
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name != "sqlite":  # whose transactions lock out other writers anyway
        connection.execute(
            sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK}
        )
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
    """The folder `migrations`: inside the package in a wheel, beside it in a source tree."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    installed = os.path.join(package, "migrations")
    return installed if os.path.isdir(installed) else os.path.join(package, "..", "migrations")
