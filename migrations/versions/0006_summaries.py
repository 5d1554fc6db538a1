"""What each release says of itself in one line; unknown of those that are there already."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("releases", sa.Column("summary", sa.String()))


def downgrade() -> None:
    op.drop_column("releases", "summary")
