"""The rows. They never leave this folder: see pypi_repo.domain.records.

Ids of repositories, projects and tokens are never used twice (`sqlite_autoincrement`): caches
name a page by the first two, and people revoke a token by its own.
"""

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, also where the database keeps no zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy, once
        datetime: UTCDateTime,
        dict[str, str]: JSON,
    }


def _owned_by(column: str) -> Any:
    """A reference whose row goes when the owner goes."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"))


class RepositoryRow(Base):
    __tablename__ = "repositories"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    public: Mapped[bool]
    allow_overwrite: Mapped[bool]
    allow_reuse: Mapped[bool] = mapped_column(server_default=false())
    max_file_size: Mapped[int | None] = mapped_column(BigInteger)
    quota: Mapped[int | None] = mapped_column(BigInteger)
    profile: Mapped[str] = mapped_column(server_default="private")
    serial: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class ProjectRow(Base):
    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("repository_id", "normalized_name"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = _owned_by("repositories.id")
    name: Mapped[str]
    normalized_name: Mapped[str]
    status: Mapped[str]
    status_reason: Mapped[str]
    serial: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class ReleaseRow(Base):
    """`version` keeps the first spelling; `canonical_version` makes 1.0 and 1.0.0 one release."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("project_id", "canonical_version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = _owned_by("projects.id")
    version: Mapped[str]
    canonical_version: Mapped[str]
    created_at: Mapped[datetime]


class FileRow(Base):
    __tablename__ = "files"
    __table_args__ = (
        UniqueConstraint("repository_id", "filename"),
        Index(None, "release_id"),
        Index(None, "sha256"),
        Index(None, "repository_id", "blake2_256"),
        Index(None, "repository_id", "uploaded_at", "size"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = _owned_by("repositories.id")
    release_id: Mapped[int] = _owned_by("releases.id")
    filename: Mapped[str]
    kind: Mapped[str]
    python_tag: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    blake2_256: Mapped[str]
    md5: Mapped[str]
    requires_python: Mapped[str | None]
    metadata_sha256: Mapped[str | None]
    signature_sha256: Mapped[str | None]
    has_provenance: Mapped[bool] = mapped_column(server_default=false())
    yanked: Mapped[str | None]
    uploaded_at: Mapped[datetime]
    uploaded_by: Mapped[str]


class ProvenanceRow(Base):
    """The provenance object (PEP 740) of a file whose upload brought attestations."""

    __tablename__ = "provenances"

    file_id: Mapped[int] = mapped_column(
        ForeignKey("files.id", ondelete="CASCADE"), primary_key=True
    )
    document: Mapped[str]


class RetiredFilenameRow(Base):
    """The name of a deleted file, which other content must not take over."""

    __tablename__ = "retired_filenames"

    repository_id: Mapped[int] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    filename: Mapped[str] = mapped_column(primary_key=True)


class JournalRow(Base):
    """What happened; it outlives what it speaks of, so it names instead of referring."""

    __tablename__ = "journal"
    __table_args__ = (Index(None, "repository", "project"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    actor_kind: Mapped[str | None]
    action: Mapped[str]
    repository: Mapped[str | None]
    serial: Mapped[int | None] = mapped_column(BigInteger)
    project: Mapped[str | None]
    version: Mapped[str | None]
    filename: Mapped[str | None]
    detail: Mapped[dict[str, str] | None]


class UserRow(Base):
    """A repository user. `everywhere` is its access to repositories that no grant names."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    everywhere: Mapped[int]
    disabled: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class GrantRow(Base):
    __tablename__ = "grants"
    __table_args__ = (Index(None, "repository_id"),)

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    repository_id: Mapped[int] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    access: Mapped[int]


class TokenRow(Base):
    """A token acts for its user, narrowed to one repository or to reading."""

    __tablename__ = "tokens"
    __table_args__ = (
        Index(None, "user_id"),
        Index(None, "repository_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = _owned_by("users.id")
    repository_id: Mapped[int | None] = _owned_by("repositories.id")
    name: Mapped[str]
    prefix: Mapped[str]
    secret_sha256: Mapped[str] = mapped_column(unique=True)
    read_only: Mapped[bool]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class AdministratorRow(Base):
    """`areas` are the names of what it manages, separated by spaces."""

    __tablename__ = "administrators"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    areas: Mapped[str] = mapped_column(server_default="repositories users settings")
    created_at: Mapped[datetime]


class AdministratorTokenRow(Base):
    """Opens the management API."""

    __tablename__ = "administrator_tokens"
    __table_args__ = (Index(None, "administrator_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    administrator_id: Mapped[int] = _owned_by("administrators.id")
    name: Mapped[str]
    prefix: Mapped[str]
    secret_sha256: Mapped[str] = mapped_column(unique=True)
    areas: Mapped[str]
    read_only: Mapped[bool]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SessionRow(Base):
    """A browser in which an administrator is signed in."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "administrator_id"),)

    secret_sha256: Mapped[str] = mapped_column(primary_key=True)
    administrator_id: Mapped[int] = _owned_by("administrators.id")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class DownloadsRow(Base):
    """How often a release was downloaded on one day (UTC); outlives the project."""

    __tablename__ = "downloads"

    repository_id: Mapped[int] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
