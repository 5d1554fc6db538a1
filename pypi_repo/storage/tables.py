"""The rows. They never leave this folder: see pypi_repo.domain.records.

Ids of repositories, projects and tokens are never used twice (`sqlite_autoincrement`): caches
name a page by the first two, and people revoke a token by its own.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

_Value = TypeVar("_Value")


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, also where the database keeps no zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


_NEVER_TWICE: Mapping[str, Any] = {"sqlite_autoincrement": True}


class Base:
    """A table, with its columns as attributes of a class: what SQLAlchemy's object mapper calls
    declarative, without the mapper, which costs a start more than all of it is used for.

    A subclass says its `__tablename__`, its columns, and perhaps `__table_args__` and
    `__table_options__`. It stands for its `__table__` wherever a statement names one.
    """

    metadata: ClassVar = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __tablename__: ClassVar[str]
    __table_args__: ClassVar[tuple[SchemaItem, ...]] = ()
    __table_options__: ClassVar[Mapping[str, Any]] = {}
    __table__: ClassVar[Table]

    def __init_subclass__(cls) -> None:
        columns = {name: item for name, item in vars(cls).items() if isinstance(item, Column)}
        for name, column in columns.items():
            column.name = column.key = name
        cls.__table__ = Table(
            cls.__tablename__,
            cls.metadata,
            *columns.values(),
            *cls.__table_args__,
            **cls.__table_options__,
        )

    @classmethod
    def __clause_element__(cls) -> Table:
        return cls.__table__


def _column(
    type_: type[TypeEngine[_Value]] | TypeEngine[_Value], **options: Any
) -> ColumnElement[_Value]:
    return Column(type_, nullable=False, **options)


def _optional(type_: type[TypeEngine[_Value]] | TypeEngine[_Value]) -> ColumnElement[_Value | None]:
    return Column(type_, nullable=True)


def _owned_by(column: str, *, nullable: bool = False, **options: Any) -> ColumnElement[int]:
    """A reference whose row goes when the owner goes."""
    owner = ForeignKey(column, ondelete="CASCADE")
    return Column(Integer, owner, nullable=nullable, **options)


class RepositoryRow(Base):
    __tablename__ = "repositories"
    __table_options__ = _NEVER_TWICE

    id = _column(Integer, primary_key=True)
    name = _column(String, unique=True)
    description = _column(String)
    public = _column(Boolean)
    allow_overwrite = _column(Boolean)
    allow_reuse = _column(Boolean, server_default=false())
    max_file_size = _optional(BigInteger)
    quota = _optional(BigInteger)
    profile = _column(String, server_default="private")
    serial = _column(BigInteger)
    created_at = _column(UTCDateTime)


class ProjectRow(Base):
    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("repository_id", "normalized_name"),)
    __table_options__ = _NEVER_TWICE

    id = _column(Integer, primary_key=True)
    repository_id = _owned_by("repositories.id")
    name = _column(String)
    normalized_name = _column(String)
    status = _column(String)
    status_reason = _column(String)
    serial = _column(BigInteger)
    created_at = _column(UTCDateTime)


class ReleaseRow(Base):
    """`version` keeps the first spelling; `canonical_version` makes 1.0 and 1.0.0 one release.

    `summary` is that of the newest upload, NULL from before it was kept.
    """

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("project_id", "canonical_version"),)

    id = _column(Integer, primary_key=True)
    project_id = _owned_by("projects.id")
    version = _column(String)
    canonical_version = _column(String)
    created_at = _column(UTCDateTime)
    summary = _optional(String)


class FileRow(Base):
    """`identity` is equal for all spellings of a wheel's name. Older versions, which may run beside
    this one, leave it empty.

    `size_beside` is what core metadata, signature and provenance take; 0 for what older versions
    have stored.
    """

    __tablename__ = "files"
    __table_args__ = (
        UniqueConstraint("repository_id", "filename"),
        Index(None, "release_id"),
        Index(None, "sha256"),
        Index(None, "repository_id", "blake2_256"),
        Index(None, "repository_id", "identity"),
        Index(None, "repository_id", "uploaded_at", "size", "size_beside"),
    )

    id = _column(Integer, primary_key=True)
    repository_id = _owned_by("repositories.id")
    release_id = _owned_by("releases.id")
    filename = _column(String)
    kind = _column(String)
    python_tag = _column(String)
    size = _column(BigInteger)
    size_beside = _column(BigInteger, server_default=text("0"))
    sha256 = _column(String)
    blake2_256 = _column(String)
    md5 = _column(String)
    requires_python = _optional(String)
    metadata_sha256 = _optional(String)
    signature_sha256 = _optional(String)
    has_provenance = _column(Boolean, server_default=false())
    yanked = _optional(String)
    uploaded_at = _column(UTCDateTime)
    uploaded_by = _column(String)
    identity = _column(String, server_default=text("''"))


class ProvenanceRow(Base):
    """The provenance object (PEP 740) of a file whose upload brought attestations."""

    __tablename__ = "provenances"

    file_id = _owned_by("files.id", primary_key=True)
    document = _column(String)


class RetiredFilenameRow(Base):
    """The name of a deleted file, which other content must not take over."""

    __tablename__ = "retired_filenames"
    __table_args__ = (Index(None, "repository_id", "identity"),)

    repository_id = _owned_by("repositories.id", primary_key=True)
    filename = _column(String, primary_key=True)
    identity = _column(String, server_default=text("''"))


class JournalRow(Base):
    """What happened; it outlives what it speaks of, so it names instead of referring."""

    __tablename__ = "journal"
    __table_args__ = (Index(None, "repository", "project"),)

    id = _column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at = _column(UTCDateTime)
    actor = _column(String)
    actor_kind = _optional(String)
    action = _column(String)
    repository = _optional(String)
    serial = _optional(BigInteger)
    project = _optional(String)
    version = _optional(String)
    filename = _optional(String)
    detail = _optional(JSON)


class UserRow(Base):
    """A repository user. `everywhere` is its access to repositories that no grant names."""

    __tablename__ = "users"

    id = _column(Integer, primary_key=True)
    name = _column(String, unique=True)
    password_hash = _column(String)
    everywhere = _column(Integer)
    disabled = _column(Boolean, server_default=false())
    created_at = _column(UTCDateTime)
    last_used_at = _optional(UTCDateTime)


class GrantRow(Base):
    __tablename__ = "grants"
    __table_args__ = (Index(None, "repository_id"),)

    user_id = _owned_by("users.id", primary_key=True)
    repository_id = _owned_by("repositories.id", primary_key=True)
    access = _column(Integer)


class TokenRow(Base):
    """A token acts for its user, narrowed to one repository or to reading."""

    __tablename__ = "tokens"
    __table_args__ = (
        Index(None, "user_id"),
        Index(None, "repository_id"),
    )
    __table_options__ = _NEVER_TWICE

    id = _column(Integer, primary_key=True)
    user_id = _owned_by("users.id")
    repository_id = _owned_by("repositories.id", nullable=True)
    name = _column(String)
    prefix = _column(String)
    secret_sha256 = _column(String, unique=True)
    read_only = _column(Boolean)
    created_at = _column(UTCDateTime)
    expires_at = _optional(UTCDateTime)
    last_used_at = _optional(UTCDateTime)


class AdministratorRow(Base):
    """`areas` are the names of what it manages, separated by spaces."""

    __tablename__ = "administrators"

    id = _column(Integer, primary_key=True)
    name = _column(String, unique=True)
    password_hash = _column(String)
    areas = _column(String, server_default="repositories users settings")
    created_at = _column(UTCDateTime)


class AdministratorTokenRow(Base):
    """Opens the management API."""

    __tablename__ = "administrator_tokens"
    __table_args__ = (Index(None, "administrator_id"),)
    __table_options__ = _NEVER_TWICE

    id = _column(Integer, primary_key=True)
    administrator_id = _owned_by("administrators.id")
    name = _column(String)
    prefix = _column(String)
    secret_sha256 = _column(String, unique=True)
    areas = _column(String)
    read_only = _column(Boolean)
    created_at = _column(UTCDateTime)
    expires_at = _column(UTCDateTime)


class SessionRow(Base):
    """A browser in which an administrator is signed in."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "administrator_id"),)

    secret_sha256 = _column(String, primary_key=True)
    administrator_id = _owned_by("administrators.id")
    created_at = _column(UTCDateTime)
    expires_at = _column(UTCDateTime)


class NoteRow(Base):
    """What a page is to show once: `sealed` by a key that is stored nowhere."""

    __tablename__ = "notes"

    place = _column(String, primary_key=True)
    sealed = _column(String)
    expires_at = _column(UTCDateTime)


class DownloadsRow(Base):
    """How often a release was downloaded on one day (UTC); outlives the project."""

    __tablename__ = "downloads"

    repository_id = _owned_by("repositories.id", primary_key=True)
    day = _column(Date, primary_key=True)
    project = _column(String, primary_key=True)
    version = _column(String, primary_key=True)
    count = _column(BigInteger)
