"""All operations of the management API, in the order in which they are described."""

from pypi_repo.web.api import administrators, journal, projects, repositories, users

TABLES = (
    repositories.table,
    projects.table,
    users.table,
    administrators.table,
    journal.table,
    repositories.usage_table,
)
