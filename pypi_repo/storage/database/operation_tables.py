"""The tables about what a registry does by itself."""

from sqlalchemy import Column, String, Table

from pypi_repo.storage.database.metadata import METADATA, UTCDateTime
from pypi_repo.storage.database.upstream_tables import CACHE

chores = Table(
    "chores",
    METADATA,
    Column("name", String, primary_key=True),
    Column("due_at", UTCDateTime, nullable=False),
    Column("holder", String),
    Column("leased_until", UTCDateTime),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("did", String, nullable=False),
    Column("failure", String),
    info=CACHE,
)
"""Work beside requests. Until `leased_until`, only the process `holder` does it."""
