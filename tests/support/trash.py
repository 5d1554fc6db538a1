"""What is known of the files of a registry, to compare it before a deletion and after a restore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from pypi_repo import Registry
from pypi_repo.services.packages.projects import Projects
from pypi_repo.storage.database.tables import files, projects, provenances, releases

_CHANGED = {
    projects: {"id", "serial"},
    releases: {"id", "project_id", "arrived_at"},
    files: {"id", "release_id"},
    provenances: {"file_id"},
}
"""The columns that are not the same after a restore."""

Deletion = Callable[[Projects], "int | None"]


def rows(registry: Registry, table: Any) -> list[dict[str, Any]]:
    found = registry._database.execute(select(table).order_by(table.c.id))
    return [dict(row._mapping) for row in found]


def all_columns(registry: Registry) -> dict[str, list[tuple[Any, ...]]]:
    """Of everything on the index, without ids, serials and the moment of arrival."""
    return {
        table.name: sorted(
            (
                tuple(row)
                for row in registry._database.execute(
                    select(*(column for column in table.c if column.name not in changed))
                )
            ),
            key=repr,
        )
        for table, changed in _CHANGED.items()
    }
