"""Validation profiles, quotas, signatures and provenance."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "repositories",
        sa.Column("allow_reuse", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("repositories", sa.Column("quota", sa.BigInteger()))
    op.add_column(
        "repositories",
        sa.Column("profile", sa.String(), server_default="private", nullable=False),
    )
    op.add_column("files", sa.Column("signature_sha256", sa.String()))
    op.add_column(
        "files",
        sa.Column("has_provenance", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index(
        op.f("ix_files_repository_id_blake2_256"), "files", ["repository_id", "blake2_256"]
    )
    op.create_table(
        "provenances",
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_provenances_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_provenances")),
    )


def downgrade() -> None:
    op.drop_table("provenances")
    op.drop_index(op.f("ix_files_repository_id_blake2_256"), "files")
    op.drop_column("files", "has_provenance")
    op.drop_column("files", "signature_sha256")
    op.drop_column("repositories", "profile")
    op.drop_column("repositories", "quota")
    op.drop_column("repositories", "allow_reuse")
