"""The tables about files that are not on the index: deleted ones and staged ones; and retention."""

from sqlalchemy import Column, Index, Integer, String, Table, UniqueConstraint, text

from pypi_repo.storage.database.metadata import (
    METADATA,
    UTCDateTime,
    columns_of_a_file,
    owned_by,
)
from pypi_repo.storage.database.upstream_tables import SECRET

trash = Table(
    "trash",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("action", String, nullable=False),
    Column("project", String, nullable=False),
    Column("project_name", String, nullable=False),
    Column("status", String, nullable=False),
    Column("status_reason", String, nullable=False),
    Column("project_created_at", UTCDateTime, nullable=False),
    Column("version", String),
    Column("filename", String),
    Column("deleted_at", UTCDateTime, nullable=False),
    Column("deleted_by", String, nullable=False),
    Column("deleted_by_kind", String, nullable=False),
    Column("kept_until", UTCDateTime, server_default=text("'9999-01-01 00:00:00'"), nullable=False),
    Index(None, "repository_id"),
    Index(None, "kept_until"),
    sqlite_autoincrement=True,
)
"""A deletion or an overwrite, which can be undone as a whole.

`action` is that of the journal. `project` is the normalized name; the status is that which the
project had. `version` and `filename` are NULL where more was deleted than one release, or file.
What does not say until when it is kept stays until somebody purges it.
"""

trashed_releases = Table(
    "trashed_releases",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("trash_id", Integer, owned_by("trash.id"), nullable=False),
    Column("version", String, nullable=False),
    Column("canonical_version", String, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("summary", String),
    Column("pinned", String),
    UniqueConstraint("trash_id", "canonical_version"),
)
"""The releases of a deletion, also those of single files, as `releases` had them."""

trashed_files = Table(
    "trashed_files",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("release_id", Integer, owned_by("trashed_releases.id"), nullable=False),
    *columns_of_a_file(),
    Column("provenance", String),
    Index(None, "release_id"),
    Index(None, "sha256"),
    Index(None, "repository_id", "size", "size_beside"),
)

stages = Table(
    "stages",
    METADATA,
    Column("id", String, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("description", String, nullable=False),
    Column("opened_by", String, nullable=False),
    Column("opened_by_kind", String, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Index(None, "repository_id"),
    Index(None, "expires_at"),
)
"""Files that are published together. `id` cannot be guessed."""

staged_files = Table(
    "staged_files",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("stage_id", String, owned_by("stages.id"), nullable=False),
    Column("project", String, nullable=False),
    Column("display_name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("summary", String, nullable=False),
    *columns_of_a_file(),
    Column("provenance", String),
    Column("profile", String, nullable=False),
    UniqueConstraint("repository_id", "filename"),
    Index(None, "stage_id"),
    Index(None, "sha256"),
    Index(None, "repository_id", "identity"),
)
"""What is published together. `profile` is the one by whose rules a file was checked."""

retention_rules = Table(
    "retention_rules",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("pattern", String, nullable=False),
    Column("only", String, nullable=False),
    Column("keep_last", Integer),
    Column("keep_younger", String),
    Column("keep_downloaded", String),
    Column("keep_matching", String),
    Column("created_at", UTCDateTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("previewed_at", UTCDateTime, info=SECRET),
    Index(None, "repository_id"),
    sqlite_autoincrement=True,
)
"""What is kept; the first rule about a release decides, in the order of the ids.

`only` are kinds of versions, separated by spaces; empty for all. `previewed_at` is NULL for all
rules of a repository from a change of any of them until their preview, and no backup has it: after
a restore, much may have been in use of which the downloads are not known.
"""
