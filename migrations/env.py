"""Alembic's entry: runs on the connection it is handed, or, for developers, on `-x database=URL`.

`alembic -x database=sqlite:///scratch.db revision --autogenerate -m "..."` after
`alembic -x database=sqlite:///scratch.db upgrade head` writes a new revision.
"""

from alembic import context
from sqlalchemy import Connection

from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.metadata import UTCDateTime
from pypi_repo.storage.database.schema import VERSION_TABLE
from pypi_repo.storage.database.tables import METADATA


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Revisions stand for themselves: they use no type that a later version may change."""
    return "sa.DateTime(timezone=True)" if isinstance(item, UTCDateTime) else False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,  # SQLite cannot alter most things in place
        render_item=render_item,
        version_table=VERSION_TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


if (connection := context.config.attributes.get("connection")) is not None:
    migrate(connection)
else:
    with Database(context.get_x_argument(as_dictionary=True)["database"]).begin() as own:
        migrate(own)
