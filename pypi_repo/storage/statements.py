"""What each request asks, built once: building costs SQLAlchemy more than running it."""

from sqlalchemy import and_, bindparam, delete, exists, func, insert, or_, select, update

from pypi_repo.storage.rows import FILE_COLUMNS, PROJECT_COLUMNS, REPOSITORY_COLUMNS
from pypi_repo.storage.tables import (
    FileRow,
    JournalRow,
    ProjectRow,
    ProvenanceRow,
    ReleaseRow,
    RepositoryRow,
    RetiredFilenameRow,
)

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

RELEASES = (
    select(ReleaseRow.version, *FILE_COLUMNS)
    .select_from(ReleaseRow)
    .join(ProjectRow, ProjectRow.id == ReleaseRow.project_id)
    .outerjoin(FileRow, FileRow.release_id == ReleaseRow.id)
    .where(ReleaseRow.project_id == bindparam("project_id"))
    .order_by(ReleaseRow.id, FileRow.id)
)
LISTED_PROJECTS = (
    select(ProjectRow.name, ProjectRow.normalized_name, ProjectRow.serial)
    .where(
        ProjectRow.repository_id == bindparam("repository_id"),
        ProjectRow.status != "quarantined",
    )
    .order_by(ProjectRow.normalized_name)
)

# An upload

FILE = (
    select(*FILE_COLUMNS)
    .select_from(FileRow)
    .join(ReleaseRow, ReleaseRow.id == FileRow.release_id)
    .join(ProjectRow, ProjectRow.id == ReleaseRow.project_id)
    .where(
        FileRow.repository_id == bindparam("repository_id"),
        or_(FileRow.filename == bindparam("filename"), FileRow.identity == bindparam("identity")),
    )
    # Spellings of one wheel may be here since before that was refused.
    .order_by((FileRow.filename == bindparam("filename")).desc(), FileRow.id)
)
RETIRED = select(func.min(RetiredFilenameRow.filename)).where(
    RetiredFilenameRow.repository_id == bindparam("repository_id"),
    or_(
        RetiredFilenameRow.filename == bindparam("filename"),
        RetiredFilenameRow.identity == bindparam("identity"),
    ),
)
RETIRE = insert(RetiredFilenameRow).from_select(
    ["repository_id", "filename", "identity"],
    select(FileRow.repository_id, FileRow.filename, FileRow.identity).where(
        FileRow.repository_id == bindparam("repository"),
        FileRow.filename == bindparam("name"),
        ~exists().where(
            RetiredFilenameRow.repository_id == FileRow.repository_id,
            RetiredFilenameRow.filename == FileRow.filename,
        ),
    ),
)
_TAKES = FileRow.size + FileRow.size_beside
TAKEN = select(
    func.sum(_TAKES)
    - func.coalesce(
        select(_TAKES)
        .where(
            FileRow.repository_id == bindparam("repository_id"),
            FileRow.filename == bindparam("filename"),
        )
        .scalar_subquery(),
        0,
    )
).where(FileRow.repository_id == bindparam("repository_id"))
FILENAME_OF = select(func.min(FileRow.filename)).where(
    FileRow.repository_id == bindparam("repository_id"),
    FileRow.blake2_256 == bindparam("digest"),
)
RELEASE = select(ReleaseRow.id, ReleaseRow.created_at, ReleaseRow.summary).where(
    ReleaseRow.project_id == bindparam("project_id"),
    ReleaseRow.canonical_version == bindparam("canonical_version"),
)
VERSION_OF_RELEASE = select(ReleaseRow.version).where(
    ReleaseRow.project_id == bindparam("project_id"),
    ReleaseRow.canonical_version == bindparam("canonical_version"),
)
HAS_SDIST = select(
    exists().where(FileRow.release_id == bindparam("release_id"), FileRow.kind == "sdist")
)
LOCK_REPOSITORY = REPOSITORY.with_for_update()
NEXT_SERIAL = (
    update(RepositoryRow)
    .where(RepositoryRow.id == bindparam("repository_id"))
    .values(serial=RepositoryRow.serial + 1)
    .returning(RepositoryRow.serial)
)
PROJECT_PUBLISHED = (
    update(ProjectRow)
    .where(ProjectRow.id == bindparam("project_id"))
    .values(name=bindparam("shown_name"), serial=bindparam("new_serial"))
)
FORGET_PROVENANCE = delete(ProvenanceRow).where(ProvenanceRow.file_id == bindparam("file"))
ADD_PROJECT = insert(ProjectRow).returning(ProjectRow.id)
ADD_RELEASE = insert(ReleaseRow).returning(ReleaseRow.id)
ADD_FILE = insert(FileRow).returning(FileRow.id)
RECORD = insert(JournalRow)
