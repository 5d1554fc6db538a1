"""Groups, rights on projects, sessions of users, and sign-in elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NEW_COLUMNS = (
    ("tokens", sa.Column("projects", sa.String())),
    ("users", sa.Column("tokens_only", sa.Boolean(), server_default=sa.false(), nullable=False)),
    (
        "repositories",
        sa.Column("users_may_yank", sa.Boolean(), server_default=sa.false(), nullable=False),
    ),
    (
        "files",
        sa.Column("uploaded_by_user", sa.Boolean(), server_default=sa.false(), nullable=False),
    ),
)
_WHO_WAS_A_USER = """
UPDATE files SET uploaded_by_user = true WHERE EXISTS (
    SELECT 1 FROM journal
    JOIN repositories ON repositories.name = journal.repository
    JOIN releases ON releases.id = files.release_id
    JOIN projects ON projects.id = releases.project_id
    WHERE repositories.id = files.repository_id
    AND journal.project = projects.normalized_name
    AND journal.filename = files.filename
    AND journal.actor = files.uploaded_by
    AND journal.actor_kind = 'user'
    AND journal.at = files.uploaded_at
)
"""
_COLUMNS_WITH_NAMES = ["upstream_id", "url", "is_found", "project"]
_NAMES_OF_UPSTREAMS = "ix_upstream_pages_upstream_id_url_is_found_project"


def upgrade() -> None:
    for table, column in _NEW_COLUMNS:
        op.add_column(table, column._copy())
    op.execute(_WHO_WAS_A_USER)
    with op.batch_alter_table("grants") as grants:
        grants.add_column(
            sa.Column("pattern", sa.String(), server_default=sa.text("''"), nullable=False)
        )
        grants.drop_constraint("pk_grants", type_="primary")
        grants.create_primary_key("pk_grants", ["user_id", "repository_id", "pattern"])
    _create_groups()
    _create_identities()
    _create_sessions()
    op.create_index(op.f(_NAMES_OF_UPSTREAMS), "upstream_pages", _COLUMNS_WITH_NAMES)


def downgrade() -> None:
    op.drop_index(op.f(_NAMES_OF_UPSTREAMS), "upstream_pages")
    op.drop_index(op.f("ix_sessions_provider_id"), "sessions")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_constraint("fk_sessions_provider_id", type_="foreignkey")
        sessions.drop_column("provider_id")
    for table in (
        "invitations",
        "user_sessions",
        "used_once",
        "identities",
        "issuers",
        "identity_providers",
        "group_grants",
        "group_members",
        "groups",
    ):
        op.drop_table(table)
    # What is for some projects must not become something for all of them.
    op.execute("DELETE FROM grants WHERE pattern <> ''")
    op.execute("DELETE FROM tokens WHERE projects IS NOT NULL")
    with op.batch_alter_table("grants") as grants:
        grants.drop_constraint("pk_grants", type_="primary")
        grants.create_primary_key("pk_grants", ["user_id", "repository_id"])
        grants.drop_column("pattern")
    for table, column in _NEW_COLUMNS:
        op.drop_column(table, column.name)


def _create_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("everywhere", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_table(
        "group_members",
        _owned("group_members", "user_id", "users"),
        _owned("group_members", "group_id", "groups"),
        sa.PrimaryKeyConstraint("user_id", "group_id", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_group_id"), "group_members", ["group_id"])
    op.create_table(
        "group_grants",
        _owned("group_grants", "group_id", "groups"),
        _owned("group_grants", "repository_id", "repositories"),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("access", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "group_id", "repository_id", "pattern", name=op.f("pk_group_grants")
        ),
    )
    op.create_index(op.f("ix_group_grants_repository_id"), "group_grants", ["repository_id"])


def _create_sessions() -> None:
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        _owned("user_sessions", "user_id", "users"),
        _owned("user_sessions", "provider_id", "identity_providers", nullable=True),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_user_sessions_secret_sha256")),
        sqlite_autoincrement=True,
    )
    for column in ("user_id", "provider_id"):
        op.create_index(op.f(f"ix_user_sessions_{column}"), "user_sessions", [column])
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("provider_id", sa.Integer()))
        sessions.create_foreign_key(
            "fk_sessions_provider_id",
            "identity_providers",
            ["provider_id"],
            ["id"],
            ondelete="CASCADE",
        )
    op.create_index(op.f("ix_sessions_provider_id"), "sessions", ["provider_id"])
    op.create_table(
        "invitations",
        _owned("invitations", "user_id", "users"),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_invitations_secret_sha256")),
    )


def _create_identities() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("client_secret", sa.String()),
        sa.Column("accounts", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("name_claim", sa.String(), nullable=False),
        sa.Column("groups_claim", sa.String()),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("creates", sa.Boolean(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("session_hours", sa.Integer(), nullable=False),
        sa.Column("allow_http", sa.Boolean(), nullable=False),
        sa.Column("allow_private_network", sa.Boolean(), nullable=False),
        sa.Column("ca_file", sa.String()),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("refused_at", _MOMENT),
        sa.Column("refusal", sa.String()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_identity_providers_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "issuers",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("discovery", sa.String(), nullable=False),
        sa.Column("discovered_at", _MOMENT, nullable=False),
        sa.Column("keys", sa.String()),
        sa.Column("keys_at", _MOMENT),
        sa.Column("keys_asked_at", _MOMENT),
        sa.PrimaryKeyConstraint("issuer", name=op.f("pk_issuers")),
    )
    op.create_table(
        "identities",
        _owned("identities", "provider_id", "identity_providers"),
        sa.Column("subject", sa.String(), nullable=False),
        _owned("identities", "user_id", "users", nullable=True),
        _owned("identities", "administrator_id", "administrators", nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_sign_in_at", _MOMENT),
        sa.PrimaryKeyConstraint("provider_id", "subject", name=op.f("pk_identities")),
        sa.UniqueConstraint(
            "provider_id", "user_id", name=op.f("uq_identities_provider_id_user_id")
        ),
        sa.UniqueConstraint(
            "provider_id",
            "administrator_id",
            name=op.f("uq_identities_provider_id_administrator_id"),
        ),
    )
    for column in ("user_id", "administrator_id"):
        op.create_index(op.f(f"ix_identities_{column}"), "identities", [column])
    op.create_table(
        "used_once",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_used_once")),
    )


def _owned(table: str, column: str, owner: str, *, nullable: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey(f"{owner}.id", name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
    return sa.Column(column, sa.Integer(), key, nullable=nullable)
