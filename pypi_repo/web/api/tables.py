"""All operations of the management API, in the order in which they are described."""

from pypi_repo.web.api import chores, journal, projects, repositories, sources, upstreams, webhooks
from pypi_repo.web.api.accounts import (
    administrators,
    groups,
    identity_providers,
    invitations,
    publishers,
    users,
)
from pypi_repo.web.api.lifecycle import promotion, retention, stages, trash

TABLES = (
    repositories.table,
    projects.table,
    promotion.table,
    retention.table,
    trash.table,
    stages.table,
    upstreams.table,
    sources.table,
    webhooks.table,
    users.table,
    invitations.table,
    groups.table,
    administrators.table,
    identity_providers.table,
    publishers.table,
    journal.table,
    chores.table,
    repositories.usage_table,
)
