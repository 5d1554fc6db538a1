"""Statements about files that are promoted to another repository."""

from typing import NamedTuple

from sqlalchemy import select, update

from pypi_repo.domain.records import DistributionFile, Project
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import FILE_COLUMNS, to_file
from pypi_repo.storage.database.tables import files, projects, provenances, releases


class PromotedFile(NamedTuple):
    """A file with all that a project page does not tell of it.

    size_beside: the size of everything that is stored beside the file, in bytes.
    provenance: the provenance of the file as JSON (PEP 740), or None.
    """

    file: DistributionFile
    release_id: int
    size_beside: int
    provenance: str | None


class PromotedFiles:
    """Reads the files of a project, and tells the releases elsewhere what they leave behind."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def of(self, project: Project, release_id: int | None = None) -> list[PromotedFile]:
        """Returns the files of a project or of one of its releases, in the order of upload."""
        statement = (
            select(*FILE_COLUMNS, releases.c.id, files.c.size_beside, provenances.c.document)
            .select_from(files)
            .join(releases, releases.c.id == files.c.release_id)
            .join(projects, projects.c.id == releases.c.project_id)
            .outerjoin(provenances, provenances.c.file_id == files.c.id)
            .where(releases.c.project_id == project.id)
            .order_by(files.c.id)
        )
        if release_id is not None:
            statement = statement.where(releases.c.id == release_id)
        return [
            PromotedFile(to_file(row[:-3]), *row[-3:]) for row in self._executor.execute(statement)
        ]

    def pin_alike(self, release_id: int, other_id: int) -> None:
        """Pins a release as another one is pinned, unless it is pinned already."""
        pin = select(releases.c.pinned).where(releases.c.id == other_id).scalar_subquery()
        self._executor.execute(
            update(releases)
            .where(releases.c.id == release_id, releases.c.pinned.is_(None))
            .values(pinned=pin)
        )
