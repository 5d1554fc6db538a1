"""The tables. Their rows never leave the storage layer, which returns records instead.

Ids of repositories, projects and tokens are never used twice (`sqlite_autoincrement`), because
caches identify pages by the first two, and people revoke a token by its id.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.types import TypeEngine

from pypi_repo.domain.repository_settings import SETTINGS, RepositorySettings
from pypi_repo.domain.upstreams.upstream import CooldownMode
from pypi_repo.domain.validation.profiles import Profile
from pypi_repo.storage.database import (  # noqa: F401 - METADATA has all tables
    account_tables,
    lifecycle_tables,
    operation_tables,
    upstream_tables,
)
from pypi_repo.storage.database.metadata import METADATA as METADATA
from pypi_repo.storage.database.metadata import UTCDateTime, columns_of_a_file, owned_by
from pypi_repo.storage.database.upstream_tables import SECRET

_KINDS: Mapping[Any, type[TypeEngine[Any]]] = {  # by the types of settings
    bool: Boolean,
    int | None: BigInteger,
    str: String,
    str | None: String,
    tuple[str, ...]: String,
    Profile: String,
    CooldownMode | None: String,
}
_DEFAULTS: Mapping[type, Callable[[Any], Any]] = {  # by the types of default values
    bool: {True: true(), False: false()}.__getitem__,
    str: str,
    tuple: lambda patterns: text(f"'{' '.join(patterns)}'"),
}
_OF_NEW_TABLE = ("description", "public", "allow_overwrite")  # no rows needed a default


def _columns_of_settings() -> list[Column[Any]]:
    """Returns a column for each setting of a repository; patterns are separated by spaces."""
    columns: list[Column[Any]] = []
    for name, value in RepositorySettings().settings().items():
        default: Any = None
        if value is not None and name not in _OF_NEW_TABLE:
            default = _DEFAULTS[type(value)](value)
        kind = _KINDS[SETTINGS[name]]
        columns.append(Column(name, kind, server_default=default, nullable=value is None))
    return columns


repositories = Table(
    "repositories",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    *_columns_of_settings(),
    Column("sources_revision", BigInteger, server_default=text("0"), nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    sqlite_autoincrement=True,
)

projects = Table(
    "projects",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("normalized_name", String, nullable=False),
    Column("status", String, nullable=False),
    Column("status_reason", String, nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    UniqueConstraint("repository_id", "normalized_name"),
    sqlite_autoincrement=True,
)

releases = Table(
    "releases",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("project_id", Integer, owned_by("projects.id"), nullable=False),
    Column("version", String, nullable=False),
    Column("canonical_version", String, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("summary", String),
    Column("pinned", String),
    Column("arrived_at", UTCDateTime),
    UniqueConstraint("project_id", "canonical_version"),
)
"""`version` keeps the first spelling; `canonical_version` makes 1.0 and 1.0.0 one release.

`summary` is that of the newest upload, NULL from before it was kept. `pinned` is why no rule may
delete the release; NULL if it is not pinned. `created_at` is when the first file was uploaded,
`arrived_at` when the release came here, or got a file by another way than an upload, which is later
for what was promoted, imported or restored; NULL from before it was kept.
"""

files = Table(
    "files",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("release_id", Integer, owned_by("releases.id"), nullable=False),
    *columns_of_a_file(),
    UniqueConstraint("repository_id", "filename"),
    Index(None, "release_id"),
    Index(None, "sha256"),
    Index(None, "repository_id", "identity"),
    Index(None, "repository_id", "uploaded_at", "size", "size_beside"),
)
"""`identity` is equal for all spellings of a wheel's name. Older versions, which may run beside
this one, leave it empty.

`size_beside` is what core metadata, signature and provenance take; 0 for what older versions
have stored. `exemption` says why the profile would have refused a file that was imported as it is.
"""

provenances = Table(
    "provenances",
    METADATA,
    Column("file_id", Integer, owned_by("files.id"), primary_key=True),
    Column("document", String, nullable=False),
)
"""The provenance object (PEP 740) of a file whose upload brought attestations."""

retired_filenames = Table(
    "retired_filenames",
    METADATA,
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("filename", String, primary_key=True),
    Column("identity", String, server_default=text("''"), nullable=False),
    Index(None, "repository_id", "identity"),
)
"""The name of a deleted file, which other content must not take over."""

journal = Table(
    "journal",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("actor_kind", String),
    Column("action", String, nullable=False),
    Column("repository", String),
    Column("serial", BigInteger),
    Column("project", String),
    Column("version", String),
    Column("filename", String),
    Column("detail", JSON),
    Column("pending", Boolean, server_default=false(), nullable=False, info=SECRET),
    Index(None, "repository", "project"),
    Index(
        "ix_journal_pending", "id", sqlite_where=text("pending"), postgresql_where=text("pending")
    ),
)
"""What happened; it outlives what it speaks of, so it names instead of referring.

`pending` is true until it is decided which webhooks are told. A cursor would not do: PostgreSQL
does not commit ids in their order. No backup contains it, or a restore would tell once more.
"""

users = Table(
    "users",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("everywhere", Integer, nullable=False),
    Column("disabled", Boolean, server_default=false(), nullable=False),
    Column("tokens_only", Boolean, server_default=false(), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("last_used_at", UTCDateTime),
)
"""A repository user. `everywhere` is its access to repositories that no grant names.

`password_hash` is empty for a user without a password.
"""

grants = Table(
    "grants",
    METADATA,
    Column("user_id", Integer, owned_by("users.id"), primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("pattern", String, server_default=text("''"), primary_key=True),
    Column("access", Integer, nullable=False),
    Index(None, "repository_id"),
)
"""`pattern` selects projects; an empty one stands for the whole repository."""

tokens = Table(
    "tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer, owned_by("users.id"), nullable=False),
    Column("repository_id", Integer, owned_by("repositories.id")),
    Column("projects", String),
    Column("name", String, nullable=False),
    Column("prefix", String, nullable=False),
    Column("secret_sha256", String, unique=True, nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime),
    Column("last_used_at", UTCDateTime),
    Index(None, "user_id"),
    Index(None, "repository_id"),
    sqlite_autoincrement=True,
)
"""A token acts for its user, narrowed to one repository, to some projects, or to reading.

`projects` are patterns, separated by spaces.
"""

administrators = Table(
    "administrators",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("areas", String, server_default="repositories users settings", nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)
"""`areas` are the names of what it manages, separated by spaces."""

administrator_tokens = Table(
    "administrator_tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("administrator_id", Integer, owned_by("administrators.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("prefix", String, nullable=False),
    Column("secret_sha256", String, unique=True, nullable=False),
    Column("areas", String, nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Index(None, "administrator_id"),
    sqlite_autoincrement=True,
)
"""Opens the management API."""

sessions = Table(
    "sessions",
    METADATA,
    Column("secret_sha256", String, primary_key=True),
    Column("administrator_id", Integer, owned_by("administrators.id"), nullable=False),
    Column("provider_id", Integer, owned_by("identity_providers.id")),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Index(None, "administrator_id"),
    Index(None, "provider_id"),
)
"""A browser in which an administrator is signed in; `provider_id` as for `user_sessions`."""

notes = Table(
    "notes",
    METADATA,
    Column("place", String, primary_key=True),
    Column("sealed", String, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
)
"""What a page is to show once: `sealed` by a key that is stored nowhere."""

downloads = Table(
    "downloads",
    METADATA,
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("project", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Index(None, "repository_id", "project", "version", "day"),
)
"""How often a release was downloaded on one day (UTC); outlives the project."""
