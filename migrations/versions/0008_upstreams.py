"""Upstreams, the sources of repositories, and what came from them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NEW_SETTINGS = (
    sa.Column("accepts_uploads", sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column("public_sources", sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column("cooldown", sa.String()),
    sa.Column("cooldown_mode", sa.String()),
    sa.Column("sources_revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
)


def upgrade() -> None:
    for column in _NEW_SETTINGS:
        op.add_column("repositories", column._copy())
    _create_configuration()
    _create_cache()
    _keep_names_of_deleted_projects()


def downgrade() -> None:
    for table in (
        "upstream_usage",
        "cached_files",
        "upstream_pages",
        "source_rules",
        "kept_names",
        "name_patterns",
        "repository_sources",
        "upstreams",
    ):
        op.drop_table(table)
    for column in _NEW_SETTINGS:
        op.drop_column("repositories", column.name)


def _create_configuration() -> None:
    op.create_table(
        "upstreams",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("username", sa.String()),
        sa.Column("secret", sa.String()),
        sa.Column("secret_variable", sa.String()),
        sa.Column("file_hosts", sa.String(), nullable=False),
        sa.Column("fresh_for", sa.BigInteger(), nullable=False),
        sa.Column("stale_for", sa.BigInteger()),
        sa.Column("cache_size", sa.BigInteger()),
        sa.Column("allow_http", sa.Boolean(), nullable=False),
        sa.Column("allow_private_network", sa.Boolean(), nullable=False),
        sa.Column("ca_file", sa.String()),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("cooldown", sa.String()),
        sa.Column("cooldown_mode", sa.String(), nullable=False),
        sa.Column("first_seen", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT),
        sa.Column("failing_since", _MOMENT),
        sa.Column("failure", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upstreams")),
        sa.UniqueConstraint("name", name=op.f("uq_upstreams_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "repository_sources",
        _of_repository("repository_sources"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("upstream_id", sa.Integer()),
        sa.Column("source_id", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["upstream_id"], ["upstreams.id"], name=op.f("fk_repository_sources_upstream_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["repositories.id"], name=op.f("fk_repository_sources_source_id")
        ),
        sa.PrimaryKeyConstraint("repository_id", "position", name=op.f("pk_repository_sources")),
    )
    for column in ("upstream_id", "source_id"):
        index = op.f(f"ix_repository_sources_{column}")
        op.create_index(index, "repository_sources", [column])
    op.create_table(
        "name_patterns",
        _of_repository("name_patterns"),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("repository_id", "use", "pattern", name=op.f("pk_name_patterns")),
    )
    op.create_table(
        "kept_names",
        _of_repository("kept_names"),
        sa.Column("normalized_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("repository_id", "normalized_name", name=op.f("pk_kept_names")),
    )
    op.create_table(
        "source_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        _of_repository("source_rules"),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("specifier", sa.String(), nullable=False),
        sa.Column("kind", sa.String()),
        sa.Column("yanked", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String()),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_rules")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_source_rules_repository_id"), "source_rules", ["repository_id"])


def _create_cache() -> None:
    op.create_table(
        "upstream_pages",
        _of_upstream("upstream_pages"),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", _MOMENT, nullable=False),
        sa.Column("etag", sa.String()),
        sa.Column("is_found", sa.Boolean(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("upstream_id", "project", name=op.f("pk_upstream_pages")),
    )
    op.create_table(
        "cached_files",
        _of_upstream("cached_files"),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("size_beside", sa.BigInteger(), nullable=False),
        sa.Column("metadata_sha256", sa.String()),
        sa.Column("identity", sa.String()),
        sa.Column("cached_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("upstream_id", "filename", "sha256", name=op.f("pk_cached_files")),
    )
    for columns in (["sha256"], ["upstream_id", "used_at"], ["upstream_id", "project"]):
        op.create_index(op.f("ix_cached_files_" + "_".join(columns)), "cached_files", columns)
    op.create_table(
        "upstream_usage",
        _of_upstream("upstream_usage"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("fetches", sa.BigInteger(), nullable=False),
        sa.Column("fetched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upstream_id", "day", name=op.f("pk_upstream_usage")),
    )


def _keep_names_of_deleted_projects() -> None:
    """The journal alone knows them."""
    op.execute(
        "INSERT INTO kept_names (repository_id, normalized_name)"
        " SELECT DISTINCT repositories.id, journal.project FROM journal"
        " JOIN repositories ON repositories.name = journal.repository"
        " AND repositories.created_at <= journal.at"
        " WHERE journal.action = 'delete project' AND journal.project IS NOT NULL"
    )


def _of_repository(table: str) -> sa.Column[int]:
    return _owned(table, "repository_id", "repositories")


def _of_upstream(table: str) -> sa.Column[int]:
    return _owned(table, "upstream_id", "upstreams")


def _owned(table: str, column: str, owner: str) -> sa.Column[int]:
    key = sa.ForeignKey(f"{owner}.id", name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
    return sa.Column(column, sa.Integer(), key, nullable=False)
