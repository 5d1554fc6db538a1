"""What each request asks, built once: building costs SQLAlchemy more than running it."""

from sqlalchemy import and_, bindparam, select

from pypi_repo.storage.rows import FILE_COLUMNS, PROJECT_COLUMNS, REPOSITORY_COLUMNS
from pypi_repo.storage.tables import FileRow, ProjectRow, ReleaseRow, RepositoryRow

REPOSITORY = select(*REPOSITORY_COLUMNS).where(RepositoryRow.name == bindparam("name"))
LOCATE_PROJECT = (
    select(*REPOSITORY_COLUMNS, *PROJECT_COLUMNS)
    .outerjoin_from(
        RepositoryRow,
        ProjectRow,
        and_(
            ProjectRow.repository_id == RepositoryRow.id,
            ProjectRow.normalized_name == bindparam("project"),
        ),
    )
    .where(RepositoryRow.name == bindparam("repository"))
)
LOCATE_FILE = (
    select(*REPOSITORY_COLUMNS, *PROJECT_COLUMNS, *FILE_COLUMNS)
    .outerjoin_from(
        RepositoryRow,
        FileRow,
        and_(
            FileRow.repository_id == RepositoryRow.id,
            FileRow.filename == bindparam("filename"),
        ),
    )
    .outerjoin(ReleaseRow, ReleaseRow.id == FileRow.release_id)
    .outerjoin(ProjectRow, ProjectRow.id == ReleaseRow.project_id)
    .where(RepositoryRow.name == bindparam("repository"))
)
