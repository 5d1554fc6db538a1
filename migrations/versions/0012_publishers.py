"""Trusted publishing: publishers, their tokens, and what is known of the CI jobs behind files.

Besides, each entry of the trash knows until when it is kept.
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_TABLES_OF_FILES = ("files", "trashed_files", "staged_files")
_COLUMNS_OF_FILES = ("workload", "attested")
_PATTERNS = ("trusted_publishing_only", "attestations_required")
_TRASH = sa.table(
    "trash",
    sa.column("id", sa.Integer()),
    sa.column("deleted_at", _MOMENT),
    sa.column("kept_until", _MOMENT),
)
# The longest that `--trash-days` allows. It was the number of the process that purges, which is not
# known here; nothing may go before the date that this promised.
_KEPT_FOR = timedelta(days=3650)


def upgrade() -> None:
    _add_kept_until()
    for table in _TABLES_OF_FILES:
        for name in _COLUMNS_OF_FILES:
            op.add_column(table, sa.Column(name, sa.JSON()))
    for name in _PATTERNS:
        op.add_column(
            "repositories",
            sa.Column(name, sa.String(), server_default=sa.text("''"), nullable=False),
        )
    op.create_table(
        "publishers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("claims", sa.JSON(), nullable=False),
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("projects", sa.String(), nullable=False),
        sa.Column("access", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("allow_http", sa.Boolean(), nullable=False),
        sa.Column("allow_private_network", sa.Boolean(), nullable=False),
        sa.Column("ca_file", sa.String()),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("last_used_at", _MOMENT),
        sa.Column("received", sa.String()),
        sa.Column("received_at", _MOMENT),
        sa.Column("refusal", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publishers")),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_publishers_repository_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("name", name=op.f("uq_publishers_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_publishers_issuer"), "publishers", ["issuer"])
    op.create_index(op.f("ix_publishers_repository_id"), "publishers", ["repository_id"])
    op.create_table(
        "publisher_tokens",
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("publisher_id", sa.Integer(), nullable=False),
        sa.Column("is_signed", sa.Boolean(), nullable=False),
        sa.Column("workload", sa.JSON(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("secret_sha256", "publisher_id", name=op.f("pk_publisher_tokens")),
        sa.ForeignKeyConstraint(
            ["publisher_id"],
            ["publishers.id"],
            name=op.f("fk_publisher_tokens_publisher_id"),
            ondelete="CASCADE",
        ),
    )
    for column in ("publisher_id", "expires_at"):
        op.create_index(op.f(f"ix_publisher_tokens_{column}"), "publisher_tokens", [column])
    op.create_table(
        "trust_roots",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("replaced_at", _MOMENT, nullable=False),
        sa.Column("replaced_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trust_roots")),
    )


def _add_kept_until() -> None:
    by_hand = sa.text("'9999-01-01 00:00:00'")
    op.add_column("trash", sa.Column("kept_until", _MOMENT, server_default=by_hand, nullable=False))
    connection = op.get_bind()
    deletions = connection.execute(sa.select(_TRASH.c.id, _TRASH.c.deleted_at)).all()
    for id_, deleted_at in deletions:
        its_date = sa.update(_TRASH).where(_TRASH.c.id == id_)
        connection.execute(its_date.values(kept_until=deleted_at + _KEPT_FOR))
    op.drop_index(op.f("ix_trash_deleted_at"), "trash")
    op.create_index(op.f("ix_trash_kept_until"), "trash", ["kept_until"])


def downgrade() -> None:
    op.drop_index(op.f("ix_trash_kept_until"), "trash")
    op.create_index(op.f("ix_trash_deleted_at"), "trash", ["deleted_at"])
    op.drop_column("trash", "kept_until")
    for table in ("trust_roots", "publisher_tokens", "publishers"):
        op.drop_table(table)
    for name in _PATTERNS:
        op.drop_column("repositories", name)
    for table in _TABLES_OF_FILES:
        for name in _COLUMNS_OF_FILES:
            op.drop_column(table, name)
