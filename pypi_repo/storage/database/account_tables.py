"""The tables about groups, sessions of users, sign-in elsewhere, and CI without secrets."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from pypi_repo.storage.database.metadata import METADATA, UTCDateTime, owned_by
from pypi_repo.storage.database.upstream_tables import CACHE, SECRET, USED_UP

groups = Table(
    "groups",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("description", String, nullable=False),
    Column("everywhere", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)
"""Repository users who share rights. `everywhere` is as that of users."""

group_members = Table(
    "group_members",
    METADATA,
    Column("user_id", Integer, owned_by("users.id"), primary_key=True),
    Column("group_id", Integer, owned_by("groups.id"), primary_key=True),
    Index(None, "group_id"),
)

group_grants = Table(
    "group_grants",
    METADATA,
    Column("group_id", Integer, owned_by("groups.id"), primary_key=True),
    Column("repository_id", Integer, owned_by("repositories.id"), primary_key=True),
    Column("pattern", String, primary_key=True),
    Column("access", Integer, nullable=False),
    Index(None, "repository_id"),
)
"""As `grants`, for a group."""

user_sessions = Table(
    "user_sessions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer, owned_by("users.id"), nullable=False),
    Column("provider_id", Integer, owned_by("identity_providers.id")),
    Column("secret_sha256", String, unique=True, nullable=False),
    Column("browser", String, nullable=False),
    Column("address", String, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Index(None, "user_id"),
    Index(None, "provider_id"),
    sqlite_autoincrement=True,
)
"""A browser in which a repository user is signed in. `browser` is what it says of itself.

`provider_id` is where the user has signed in; NULL for here, with a password.
"""

invitations = Table(
    "invitations",
    METADATA,
    Column("user_id", Integer, owned_by("users.id"), primary_key=True),
    Column("secret_sha256", String, unique=True, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    info=USED_UP,
)
"""A link with which a user can set a password once."""

identity_providers = Table(
    "identity_providers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("title", String, nullable=False),
    Column("issuer", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("client_secret", String, info=SECRET),
    Column("accounts", String, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("scopes", String, nullable=False),
    Column("name_claim", String, nullable=False),
    Column("groups_claim", String),
    Column("mapping", JSON, nullable=False),
    Column("creates", Boolean, nullable=False),
    Column("conditions", JSON, nullable=False),
    Column("session_hours", Integer, nullable=False),
    Column("allow_http", Boolean, nullable=False),
    Column("allow_private_network", Boolean, nullable=False),
    Column("ca_file", String),
    Column("created_at", UTCDateTime, nullable=False),
    Column("refused_at", UTCDateTime),
    Column("refusal", String),
    sqlite_autoincrement=True,
)
"""Where people sign in elsewhere. `accounts` is `users` or `administrators`.

`mapping` leads from a value of the claim to names of groups or areas, separated by spaces;
`conditions` from a claim to the value that it must have.
"""

issuers = Table(
    "issuers",
    METADATA,
    Column("issuer", String, primary_key=True),
    Column("discovery", String, nullable=False),
    Column("discovered_at", UTCDateTime, nullable=False),
    Column("keys", String),
    Column("keys_at", UTCDateTime),
    Column("keys_asked_at", UTCDateTime),
    info=CACHE,
)
"""What an issuer of tokens says of itself (JSON), and its keys (JWK Set)."""

identities = Table(
    "identities",
    METADATA,
    Column("provider_id", Integer, owned_by("identity_providers.id"), primary_key=True),
    Column("subject", String, primary_key=True),
    Column("user_id", Integer, owned_by("users.id")),
    Column("administrator_id", Integer, owned_by("administrators.id")),
    Column("created_at", UTCDateTime, nullable=False),
    Column("last_sign_in_at", UTCDateTime),
    UniqueConstraint("provider_id", "user_id"),
    UniqueConstraint("provider_id", "administrator_id"),
    Index(None, "user_id"),
    Index(None, "administrator_id"),
)
"""Whom a subject of a provider signs in as: a user or an administrator."""

publishers = Table(
    "publishers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, unique=True, nullable=False),
    Column("kind", String, nullable=False),
    Column("issuer", String, nullable=False),
    Column("claims", JSON, nullable=False),
    Column("repository_id", Integer, owned_by("repositories.id"), nullable=False),
    Column("projects", String, nullable=False),
    Column("access", Integer, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("allow_http", Boolean, nullable=False),
    Column("allow_private_network", Boolean, nullable=False),
    Column("ca_file", String),
    Column("created_at", UTCDateTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("last_used_at", UTCDateTime),
    Column("received", String, info=SECRET),
    Column("received_at", UTCDateTime, info=SECRET),
    Column("refusal", String, info=SECRET),
    Index(None, "issuer"),
    Index(None, "repository_id"),
    sqlite_autoincrement=True,
)
"""CI jobs that may upload or read without a password.

`claims` leads from a claim to the pattern of its value; `projects` are patterns, separated by
spaces, empty for all. `received` are the claims that came last (JSON), and `refusal` says which of
them did not fit; NULL if they did.
"""

publisher_tokens = Table(
    "publisher_tokens",
    METADATA,
    Column("secret_sha256", String, primary_key=True),
    Column("publisher_id", Integer, owned_by("publishers.id"), primary_key=True),
    Column("is_signed", Boolean, nullable=False),
    Column("workload", JSON, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Index(None, "publisher_id"),
    Index(None, "expires_at"),
    info=USED_UP,
)
"""What a CI job has instead of a password, for each publisher that gives it something.

It was minted here, or is the signed token of the job itself, which can be verified anew.
"""

trust_roots = Table(
    "trust_roots",
    METADATA,
    Column("name", String, primary_key=True),
    Column("document", String, nullable=False),
    Column("replaced_at", UTCDateTime, nullable=False),
    Column("replaced_by", String, nullable=False),
)
"""Whose signatures attestations are verified with (JSON), instead of what is installed."""

used_once = Table(
    "used_once",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("expires_at", UTCDateTime, nullable=False),
    info=CACHE,
)
"""The SHA-256 of what may be used only once, until it expires by itself."""
