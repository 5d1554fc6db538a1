"""Portal sessions, administrators' permissions and tokens, disabled users, download counts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_EVERY_AREA = "repositories users settings"


def upgrade() -> None:
    op.add_column("journal", sa.Column("actor_kind", sa.String()))
    op.add_column(
        "users", sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("users", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column("tokens", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column(
        "administrators",
        sa.Column("areas", sa.String(), server_default=_EVERY_AREA, nullable=False),
    )
    op.create_index(
        op.f("ix_files_repository_id_uploaded_at_size"),
        "files",
        ["repository_id", "uploaded_at", "size"],
    )
    op.create_table(
        "administrator_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("administrator_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("areas", sa.String(), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["administrator_id"],
            ["administrators.id"],
            name=op.f("fk_administrator_tokens_administrator_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_administrator_tokens")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_administrator_tokens_secret_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_administrator_tokens_administrator_id"),
        "administrator_tokens",
        ["administrator_id"],
    )
    op.create_table(
        "sessions",
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("administrator_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["administrator_id"],
            ["administrators.id"],
            name=op.f("fk_sessions_administrator_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_administrator_id"), "sessions", ["administrator_id"])
    op.create_table(
        "downloads",
        sa.Column("repository_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["repository_id"],
            ["repositories.id"],
            name=op.f("fk_downloads_repository_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "repository_id", "day", "project", "version", name=op.f("pk_downloads")
        ),
    )


def downgrade() -> None:
    op.drop_table("downloads")
    op.drop_table("sessions")
    op.drop_table("administrator_tokens")
    op.drop_index(op.f("ix_files_repository_id_uploaded_at_size"), "files")
    op.drop_column("administrators", "areas")
    op.drop_column("tokens", "last_used_at")
    op.drop_column("users", "last_used_at")
    op.drop_column("users", "disabled")
    op.drop_column("journal", "actor_kind")
