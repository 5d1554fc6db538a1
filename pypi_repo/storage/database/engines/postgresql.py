"""PostgreSQL: its connections and its schemas."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, text
from sqlalchemy.exc import NoSuchModuleError, ProgrammingError

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.storage.database.engines import options
from pypi_repo.storage.database.prepared import PREPARED
from pypi_repo.storage.events.committed import COMMITTED, Committed

# A machine that vanished is noticed within a minute or so, on both ends; the system's own
# patience is two hours, in which nobody could upload into a repository that it has locked.
_OPTIONS: Mapping[str, Any] = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
_SETTINGS = """
SET lock_timeout = '{patience}s';
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3
"""
_SCHEMA = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,62}\Z", re.ASCII)
_OWN_SCHEMA = "pypi_repo_schema"


def open_engine(url: URL, schema: str | None) -> Engine:
    """Returns an engine of PostgreSQL, which connects later.

    schema: the schema for all tables.

    Raises ConfigurationError for a name that no schema can have, and if the driver is missing.
    """
    if schema is not None and not _SCHEMA.match(schema):
        raise ConfigurationError(
            f"{schema[:80]!r} cannot name a schema: use lower-case letters, digits and '_', begin "
            "with a letter, 63 characters at most."
        )
    said = url.query
    try:
        engine = sqlalchemy.create_engine(
            url,
            pool_size=options.CONNECTIONS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={k: v for k, v in _OPTIONS.items() if k not in said},
            execution_options={_OWN_SCHEMA: schema, PREPARED: {}, COMMITTED: Committed()},
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(
            "The PostgreSQL driver is missing; install pypi-repo[postgres] and write the URL "
            "as postgresql+psycopg://..."
        ) from error
    event.listen(engine, "connect", partial(_configure, schema))
    event.listen(engine, "begin", _begin)
    return engine


def make_schema(connection: Connection) -> None:
    """Creates the schema with which the engine was opened, if it is missing.

    Raises ConfigurationError if this is not allowed.
    """
    schema = connection.get_execution_options().get(_OWN_SCHEMA)
    if schema is None:
        return
    looked_up = connection.execute(text("SELECT to_regnamespace(:name)"), {"name": schema})
    if looked_up.scalar_one() is not None:
        return
    try:
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    except ProgrammingError as error:
        raise ConfigurationError(
            f"The schema {schema} is not there, and this database account may not make it; let "
            f"one that may run CREATE SCHEMA {schema} AUTHORIZATION with this account's name."
        ) from error


def _configure(schema: str | None, connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute(_SETTINGS.format(patience=options.BUSY_TIMEOUT))
    if schema is not None:
        connection.execute(f'SET search_path = "{schema}"')
    connection.autocommit = False


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(options.FLEETING):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
