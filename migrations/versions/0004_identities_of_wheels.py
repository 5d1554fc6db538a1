"""One identity for all spellings of a wheel's filename."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from pypi_repo.domain.filenames import identity_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BATCH = 1000
_TABLES = ("files", "retired_filenames")


def upgrade() -> None:
    for name in _TABLES:
        column = sa.Column("identity", sa.String(), server_default=sa.text("''"), nullable=False)
        op.add_column(name, column)
        _fill(name)
        index = op.f(f"ix_{name}_repository_id_identity")
        op.create_index(index, name, ["repository_id", "identity"])


def downgrade() -> None:
    for name in _TABLES:
        op.drop_index(op.f(f"ix_{name}_repository_id_identity"), name)
        op.drop_column(name, "identity")


def _fill(name: str) -> None:
    """With what the version that runs takes for the identity, since it is the one that asks."""
    table = sa.table(name, sa.column("repository_id"), sa.column("filename"), sa.column("identity"))
    update = (
        sa.update(table)
        .where(table.c.repository_id == sa.bindparam("repository"))
        .where(table.c.filename == sa.bindparam("name"))
        .values(identity=sa.bindparam("found"))
    )
    for repository, filenames in _batches(table):
        values = [
            {"repository": repository, "name": filename, "found": identity_of(filename)}
            for filename in filenames
        ]
        op.get_bind().execute(update, values)


def _batches(table: sa.TableClause) -> Iterator[tuple[int, list[str]]]:
    """All filenames of each repository, along the index that both tables have of them."""
    connection = op.get_bind()
    following = (
        sa.select(table.c.filename)
        .where(table.c.repository_id == sa.bindparam("repository"))
        .where(table.c.filename > sa.bindparam("after"))
        .order_by(table.c.filename)
        .limit(_BATCH)
    )
    for repository in connection.scalars(sa.text("SELECT id FROM repositories")).all():
        after = ""
        while batch := list(
            connection.scalars(following, {"repository": repository, "after": after})
        ):
            yield repository, batch
            after = batch[-1]
