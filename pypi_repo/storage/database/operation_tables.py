"""The tables about what a registry does by itself, and whom it tells."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from pypi_repo.storage.database.metadata import METADATA, UTCDateTime, owned_by
from pypi_repo.storage.database.upstream_tables import CACHE, SECRET, USED_UP

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

webhooks = Table(
    "webhooks",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("url", String, info=SECRET),
    Column("destination", String, nullable=False),
    Column("form", String, nullable=False),
    Column("repository_id", Integer, owned_by("repositories.id")),
    Column("events", String, nullable=False),
    Column("secret", String, info=SECRET),
    Column("former_secret", String, info=SECRET),
    Column("former_secret_until", UTCDateTime),
    Column("allow_http", Boolean, nullable=False),
    Column("allow_private_network", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("failing_since", UTCDateTime),
    Column("failure", String),
    Column("created_at", UTCDateTime, nullable=False),
    Column("created_by", String, nullable=False),
    Index(None, "repository_id"),
    sqlite_autoincrement=True,
)
"""Somebody who is told of events. `events` are types, separated by spaces; empty for all.

`repository_id` is NULL for the events of the whole registry. `destination` is what people are shown
of the URL, which can be as good as a password.
"""

webhook_deliveries = Table(
    "webhook_deliveries",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("webhook_id", Integer, owned_by("webhooks.id"), nullable=False),
    Column("journal_id", BigInteger),
    Column("event", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("body", String, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("due_at", UTCDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("is_delivered", Boolean, nullable=False),
    Column("status", Integer),
    Column("answer", String),
    Column("failure", String),
    Index(None, "webhook_id", "ended_at", "subject", "id", "due_at"),
    info=USED_UP,
    sqlite_autoincrement=True,
)
"""What a webhook is told, in the order of the ids for each `subject`, which is a project.

`ended_at` is NULL until it was delivered or given up. A restore must not tell it once more.
"""

announcements = Table(
    "announcements",
    METADATA,
    Column("subject", String, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
)
"""What was announced and is not to be announced again: a token that expires, a quota."""
