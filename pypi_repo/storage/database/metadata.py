"""What all tables have in common."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    MetaData,
    String,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """A time in UTC with its zone, even if the database stores no zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def owned_by(column: str) -> ForeignKey:
    """Returns a reference whose row is deleted with its owner."""
    return ForeignKey(column, ondelete="CASCADE")


def columns_of_a_file() -> list[Column[Any]]:
    """Returns the columns that tables of files have, as rows may move from one to another."""
    return [
        Column("filename", String, nullable=False),
        Column("kind", String, nullable=False),
        Column("python_tag", String, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("size_beside", BigInteger, server_default=text("0"), nullable=False),
        Column("sha256", String, nullable=False),
        Column("blake2_256", String, nullable=False),
        Column("md5", String, nullable=False),
        Column("requires_python", String),
        Column("metadata_sha256", String),
        Column("signature_sha256", String),
        Column("has_provenance", Boolean, server_default=false(), nullable=False),
        Column("yanked", String),
        Column("uploaded_at", UTCDateTime, nullable=False),
        Column("uploaded_by", String, nullable=False),
        Column("uploaded_by_user", Boolean, server_default=false(), nullable=False),
        Column("identity", String, server_default=text("''"), nullable=False),
        Column("exemption", String),
        Column("workload", JSON(none_as_null=True)),
        Column("attested", JSON(none_as_null=True)),
    ]
