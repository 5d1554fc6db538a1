"""Files are found by the SHA-256 of their content alone, so uploads write one index less.

Processes of older versions, which may run beside this one for a while, look for the same content in
all files of a repository then.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INDEX = "ix_files_repository_id_blake2_256"


def upgrade() -> None:
    op.drop_index(_INDEX, "files")


def downgrade() -> None:
    op.create_index(_INDEX, "files", ["repository_id", "blake2_256"])
