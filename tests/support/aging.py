"""Old releases and downloads of former days, so that rules about age have work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.tables import downloads, files, releases, repositories
from pypi_repo.storage.database.tables import projects as _projects

_FIRST = 1_000_000  # id, far above those that a registry gave itself


def grow_old(database: Database, days: float = 1000) -> None:
    """Lets all releases and files be this old."""
    then = datetime.now(UTC) - timedelta(days=days)
    with database.begin() as connection:
        connection.execute(update(files).values(uploaded_at=then))
        connection.execute(update(releases).values(created_at=then, arrived_at=then))


def note_download(
    database: Database,
    version: str,
    days_ago: int = 0,
    *,
    project: str = "demo",
    repository: str = "main",
) -> None:
    """A download of a release on a former day."""
    with database.begin() as connection:
        connection.execute(
            insert(downloads).values(
                repository_id=_id_of(connection, repository),
                day=datetime.now(UTC).date() - timedelta(days=days_ago),
                project=project,
                version=version,
                count=1,
            )
        )


def fill(database: Database, *, projects: int, releases_each: int) -> None:
    """Puts projects `many-0`, `many-1` ... with old releases of one file each into `main`."""
    then = datetime.now(UTC) - timedelta(days=1000)
    numbers = [(number, each) for number in range(projects) for each in range(releases_each)]
    with database.begin() as connection:
        repository_id = _id_of(connection, "main")
        connection.execute(
            insert(_projects),
            [
                {
                    "id": _FIRST + number,
                    "repository_id": repository_id,
                    "name": f"many-{number}",
                    "normalized_name": f"many-{number}",
                    "status": "active",
                    "status_reason": "",
                    "serial": 1,
                    "created_at": then,
                }
                for number in range(projects)
            ],
        )
        connection.execute(
            insert(releases),
            [
                {
                    "id": _FIRST + number * releases_each + each,
                    "project_id": _FIRST + number,
                    "version": f"1.{each}",
                    "canonical_version": f"1.{each}" if each else "1",
                    "created_at": then,
                }
                for number, each in numbers
            ],
        )
        connection.execute(
            insert(files),
            [
                {
                    "repository_id": repository_id,
                    "release_id": _FIRST + number * releases_each + each,
                    "filename": f"many_{number}-1.{each}-py3-none-any.whl",
                    "kind": "bdist_wheel",
                    "python_tag": "py3",
                    "size": 1000,
                    "sha256": f"{number * releases_each + each:064x}",
                    "blake2_256": f"{number * releases_each + each:064x}",
                    "md5": f"{number * releases_each + each:032x}",
                    "uploaded_at": then,
                    "uploaded_by": "nobody",
                }
                for number, each in numbers
            ],
        )


def _id_of(connection: Connection, repository: str) -> int:
    statement = select(repositories.c.id).where(repositories.c.name == repository)
    return int(connection.execute(statement).scalar_one())
