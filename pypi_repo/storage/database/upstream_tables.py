"""The tables about upstreams, and about the sources of repositories."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from pypi_repo.storage.database.metadata import METADATA, UTCDateTime, owned_by

SECRET = {"is_secret": True}
"""Marks columns that no backup contains."""

CACHE = {"is_cache": True}
"""Marks tables whose rows can be had again, so no backup contains them."""

USED_UP = {"is_used_up": True}
"""What may be used once, so that no dump has it."""

upstreams = Table(
    "upstreams",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("url", String, nullable=False),
    Column("username", String),
    Column("secret", String, info=SECRET),
    Column("secret_variable", String),
    Column("file_hosts", String, nullable=False),
    Column("fresh_for", BigInteger, nullable=False),
    Column("stale_for", BigInteger),
    Column("cache_size", BigInteger),
    Column("allow_http", Boolean, nullable=False),
    Column("allow_private_network", Boolean, nullable=False),
    Column("ca_file", String),
    Column("offline", Boolean, nullable=False),
    Column("cooldown", String),
    Column("cooldown_mode", String, nullable=False),
    Column("first_seen", Boolean, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("answered_at", UTCDateTime),
    Column("failing_since", UTCDateTime),
    Column("failure", String),
    sqlite_autoincrement=True,
)
"""`secret` must be sent, so it cannot be kept as a hash. `file_hosts` are separated by spaces.

`answered_at`, `failing_since` and `failure` are for people, and not written at each request.
"""

repository_sources = Table(
    "repository_sources",
    METADATA,
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("upstream_id", Integer, ForeignKey("upstreams.id")),
    Column("source_id", Integer, ForeignKey("repositories.id")),
    Index(None, "upstream_id"),
    Index(None, "source_id"),
)
"""The sources of a repository, of which each is an upstream or another repository."""

name_patterns = Table(
    "name_patterns",
    METADATA,
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("use", String, primary_key=True),
    Column("pattern", String, primary_key=True),
)
"""`use` is `reserve` or `merge`."""

kept_names = Table(
    "kept_names",
    METADATA,
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("normalized_name", String, primary_key=True),
)
"""The name of a deleted project, which no source may supply."""

source_rules = Table(
    "source_rules",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("action", String, nullable=False),
    Column("pattern", String, nullable=False),
    Column("specifier", String, nullable=False),
    Column("kind", String),
    Column("yanked", Boolean, nullable=False),
    Column("status", String),
    Column("reason", String, nullable=False),
    Column("author", String, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("until", UTCDateTime),
    Index(None, "repository_id"),
    sqlite_autoincrement=True,
)

upstream_pages = Table(
    "upstream_pages",
    METADATA,
    Column("upstream_id", Integer, owned_by("upstreams.id"), primary_key=True),
    Column("project", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("checked_at", UTCDateTime, nullable=False),
    Column("etag", String),
    Column("is_found", Boolean, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index(None, "upstream_id", "url", "is_found", "project"),
    info=CACHE,
)
"""What an upstream said of a project that it has (`is_found`), or that it does not have.

That it never had one is only kept where somebody else supplies the project for that reason, with a
page without files: anybody can ask for names that nobody has.

`url` is that of the upstream when it was asked: what was seen elsewhere counts no more. `revision`
grows with each change, is never used twice, and never starts again.
"""

cached_files = Table(
    "cached_files",
    METADATA,
    Column("upstream_id", Integer, owned_by("upstreams.id"), primary_key=True),
    Column("filename", String, primary_key=True),
    Column("sha256", String, primary_key=True),
    Column("project", String, nullable=False),
    Column("size", BigInteger),
    Column("size_beside", BigInteger, nullable=False),
    Column("metadata_sha256", String),
    Column("identity", String),
    Column("cached_at", UTCDateTime, nullable=False),
    Column("used_at", UTCDateTime, nullable=False),
    Index(None, "sha256"),
    Index(None, "upstream_id", "used_at"),
    Index(None, "upstream_id", "project"),
    info=CACHE,
)
"""A file of an upstream that is in the file store, where equal files share their content.

`size` is NULL while only what belongs beside it is there: its core metadata or its provenance.
`identity` is what the upstream said of a file for which it names no SHA-256.
"""

upstream_usage = Table(
    "upstream_usage",
    METADATA,
    Column("upstream_id", Integer, owned_by("upstreams.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("downloads", BigInteger, nullable=False),
    Column("fetches", BigInteger, nullable=False),
    Column("fetched", BigInteger, nullable=False),
    info=CACHE,
)
"""The downloads of files of an upstream, how many were fetched, and the bytes that came."""
