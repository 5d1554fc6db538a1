"""How much is kept beside each file, which counts against a quota too.

What was uploaded before has none: only its file store knows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = ["repository_id", "uploaded_at", "size"]
_INDEX = "ix_files_" + "_".join(_COLUMNS)


def upgrade() -> None:
    op.add_column(
        "files",
        sa.Column("size_beside", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.drop_index(_INDEX, "files")
    op.create_index(f"{_INDEX}_size_beside", "files", [*_COLUMNS, "size_beside"])


def downgrade() -> None:
    op.drop_index(f"{_INDEX}_size_beside", "files")
    op.create_index(_INDEX, "files", _COLUMNS)
    op.drop_column("files", "size_beside")
