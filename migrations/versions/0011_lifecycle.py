"""Trash, stages, retention, webhooks, and files that were imported as they are."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.Integer()
_DOWNLOADS_OF_RELEASES = "ix_downloads_repository_id_project_version_day"
_NEW_COLUMNS = (
    ("files", sa.Column("exemption", sa.String())),
    ("journal", sa.Column("pending", sa.Boolean(), server_default=sa.false(), nullable=False)),
    ("releases", sa.Column("pinned", sa.String())),
    ("releases", sa.Column("arrived_at", _MOMENT)),
    (
        "repositories",
        sa.Column("quota_counts_trash", sa.Boolean(), server_default=sa.false(), nullable=False),
    ),
)


def upgrade() -> None:
    for table, column in _NEW_COLUMNS:
        op.add_column(table, column._copy())
    pending = sa.text("pending")
    op.create_index(
        "ix_journal_pending", "journal", ["id"], sqlite_where=pending, postgresql_where=pending
    )
    op.create_index(
        op.f(_DOWNLOADS_OF_RELEASES),
        "downloads",
        ["repository_id", "project", "version", "day"],
    )
    _create_trash()
    _create_stages()
    _create_retention()
    _create_webhooks()


def downgrade() -> None:
    for table in (
        "announcements",
        "webhook_deliveries",
        "webhooks",
        "retention_rules",
        "staged_files",
        "stages",
        "trashed_files",
        "trashed_releases",
        "trash",
    ):
        op.drop_table(table)
    op.drop_index(op.f(_DOWNLOADS_OF_RELEASES), table_name="downloads")
    op.drop_index("ix_journal_pending", table_name="journal")
    for table, column in reversed(_NEW_COLUMNS):
        op.drop_column(table, column.name)


def _create_trash() -> None:
    _create(
        "trash",
        _id(),
        _owner("repository_id", "repositories.id"),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("project_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_reason", sa.String(), nullable=False),
        sa.Column("project_created_at", _MOMENT, nullable=False),
        sa.Column("version", sa.String()),
        sa.Column("filename", sa.String()),
        sa.Column("deleted_at", _MOMENT, nullable=False),
        sa.Column("deleted_by", sa.String(), nullable=False),
        sa.Column("deleted_by_kind", sa.String(), nullable=False),
        indexes=[["repository_id"], ["deleted_at"]],
        never_uses_an_id_twice=True,
    )
    _create(
        "trashed_releases",
        _id(),
        _owner("trash_id", "trash.id"),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("canonical_version", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("summary", sa.String()),
        sa.Column("pinned", sa.String()),
        unique=["trash_id", "canonical_version"],
    )
    _create(
        "trashed_files",
        _id(),
        _owner("repository_id", "repositories.id"),
        _owner("release_id", "trashed_releases.id"),
        *_columns_of_a_file(),
        sa.Column("provenance", sa.String()),
        indexes=[["release_id"], ["sha256"], ["repository_id", "size", "size_beside"]],
    )


def _create_stages() -> None:
    _create(
        "stages",
        sa.Column("id", sa.String(), nullable=False),
        _owner("repository_id", "repositories.id"),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_by_kind", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        indexes=[["repository_id"], ["expires_at"]],
    )
    _create(
        "staged_files",
        _id(),
        _owner("repository_id", "repositories.id"),
        _owner("stage_id", "stages.id", sa.String()),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        *_columns_of_a_file(),
        sa.Column("provenance", sa.String()),
        sa.Column("profile", sa.String(), nullable=False),
        indexes=[["stage_id"], ["sha256"], ["repository_id", "identity"]],
        unique=["repository_id", "filename"],
    )


def _create_retention() -> None:
    _create(
        "retention_rules",
        _id(),
        _owner("repository_id", "repositories.id"),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("only", sa.String(), nullable=False),
        sa.Column("keep_last", sa.Integer()),
        sa.Column("keep_younger", sa.String()),
        sa.Column("keep_downloaded", sa.String()),
        sa.Column("keep_matching", sa.String()),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("previewed_at", _MOMENT),
        indexes=[["repository_id"]],
        never_uses_an_id_twice=True,
    )


def _create_webhooks() -> None:
    _create(
        "webhooks",
        _id(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String()),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        _owner("repository_id", "repositories.id", nullable=True),
        sa.Column("events", sa.String(), nullable=False),
        sa.Column("secret", sa.String()),
        sa.Column("former_secret", sa.String()),
        sa.Column("former_secret_until", _MOMENT),
        sa.Column("allow_http", sa.Boolean(), nullable=False),
        sa.Column("allow_private_network", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("failing_since", _MOMENT),
        sa.Column("failure", sa.String()),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        indexes=[["repository_id"]],
        unique=["name"],
        never_uses_an_id_twice=True,
    )
    _create(
        "webhook_deliveries",
        _id(sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        _owner("webhook_id", "webhooks.id"),
        sa.Column("journal_id", sa.BigInteger()),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("is_delivered", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", sa.String()),
        sa.Column("failure", sa.String()),
        indexes=[["webhook_id", "ended_at", "subject", "id", "due_at"]],
        never_uses_an_id_twice=True,
    )
    op.create_table(
        "announcements",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_announcements")),
    )


def _create(
    name: str,
    *columns: sa.Column,
    indexes: Sequence[list[str]] = (),
    unique: list[str] | None = None,
    never_uses_an_id_twice: bool = False,
) -> None:
    constraints: list[sa.Constraint] = [
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        *(
            sa.ForeignKeyConstraint(
                [column.name],
                [column.info["owner"]],
                name=op.f(f"fk_{name}_{column.name}"),
                ondelete="CASCADE",
            )
            for column in columns
            if "owner" in column.info
        ),
    ]
    if unique is not None:
        constraints.append(sa.UniqueConstraint(*unique, name=op.f("_".join(["uq", name, *unique]))))
    op.create_table(name, *columns, *constraints, sqlite_autoincrement=never_uses_an_id_twice)
    for indexed in indexes:
        op.create_index(op.f("_".join(["ix", name, *indexed])), name, indexed)


def _id(kind: sa.types.TypeEngine = _NUMBER) -> sa.Column:
    return sa.Column("id", kind, nullable=False)


def _owner(
    name: str,
    column: str,
    kind: sa.types.TypeEngine = _NUMBER,
    *,
    nullable: bool = False,
) -> sa.Column:
    return sa.Column(name, kind, nullable=nullable, info={"owner": column})


def _columns_of_a_file() -> list[sa.Column]:
    return [
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("python_tag", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("size_beside", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("blake2_256", sa.String(), nullable=False),
        sa.Column("md5", sa.String(), nullable=False),
        sa.Column("requires_python", sa.String()),
        sa.Column("metadata_sha256", sa.String()),
        sa.Column("signature_sha256", sa.String()),
        sa.Column("has_provenance", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("yanked", sa.String()),
        sa.Column("uploaded_at", _MOMENT, nullable=False),
        sa.Column("uploaded_by", sa.String(), nullable=False),
        sa.Column("uploaded_by_user", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("identity", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("exemption", sa.String()),
    ]
