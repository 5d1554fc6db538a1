"""Statements about lists that people look through: searched, sorted, and page by page."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from packaging.utils import NormalizedName
from sqlalchemy import ColumnElement, Select, case, func, select

from pypi_repo.domain.accounts import User
from pypi_repo.domain.lists import ListPage, ListRequest, nearest_page
from pypi_repo.domain.records import FoundProject, ProjectStatus, ProjectSummary, Repository
from pypi_repo.domain.releases import preferred_version
from pypi_repo.storage.executor import Executor
from pypi_repo.storage.people import USER_COLUMNS, to_users
from pypi_repo.storage.rows import lookup
from pypi_repo.storage.tables import (
    FileRow,
    GrantRow,
    ProjectRow,
    ReleaseRow,
    RepositoryRow,
    UserRow,
)

_PROJECT_SORTS: Mapping[str, Any] = {
    "name": ProjectRow.normalized_name,
    "releases": func.count(ReleaseRow.id.distinct()),
    "files": func.count(FileRow.id),
    "size": func.coalesce(func.sum(FileRow.size), 0),
    "uploaded": func.max(FileRow.uploaded_at, type_=FileRow.uploaded_at.type),
}
"""What a list of projects can be sorted by, and shows of each."""

_NOTHING: tuple[str | None, str] = (None, "")

_USER_SORTS: Mapping[str, Any] = {
    "name": UserRow.name,
    "created": UserRow.created_at,
    "used": UserRow.last_used_at,
}


class Lists:
    """Reads in a transaction that a service opened, or without one."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def projects(self, repository: Repository, request: ListRequest) -> ListPage[ProjectSummary]:
        """Projects of a repository whose normalized name holds the text."""
        wanted = [
            ProjectRow.repository_id == repository.id,
            *_holding(ProjectRow.normalized_name, request.text),
        ]
        total = self._count(ProjectRow, wanted)
        page = nearest_page(request, total)
        if request.sort == "name":
            # The page alone is summed up, however many projects there are.
            ids = _cut(select(ProjectRow.id).where(*wanted), _PROJECT_SORTS, request, page)
            statement = _summed(ProjectRow.id.in_(ids.scalar_subquery()))
            statement = statement.order_by(*_order(_PROJECT_SORTS, request))
        else:
            statement = _cut(_summed(*wanted), _PROJECT_SORTS, request, page)
        rows = self._summaries(statement)
        return ListPage(rows=rows, number=page, size=request.size, total=total)

    def projects_after(
        self, repository: Repository, containing: str, after: str, limit: int
    ) -> list[ProjectSummary]:
        """By name: the first projects after the normalized name `after` that hold `containing`."""
        ids = (
            select(ProjectRow.id)
            .where(
                ProjectRow.repository_id == repository.id,
                ProjectRow.normalized_name > lookup(after),
                *_holding(ProjectRow.normalized_name, containing),
            )
            .order_by(ProjectRow.normalized_name)
            .limit(limit)
        )
        return self._summaries(
            _summed(ProjectRow.id.in_(ids.scalar_subquery())).order_by(ProjectRow.normalized_name)
        )

    def projects_anywhere(
        self, repositories: Sequence[Repository], text: str, limit: int
    ) -> list[FoundProject]:
        """By name, and then by repository: projects whose normalized name holds the text."""
        rows = self._executor.execute(
            select(
                RepositoryRow.name, ProjectRow.name, ProjectRow.normalized_name, ProjectRow.status
            )
            .join_from(ProjectRow, RepositoryRow, RepositoryRow.id == ProjectRow.repository_id)
            .where(
                ProjectRow.repository_id.in_([found.id for found in repositories]),
                *_holding(ProjectRow.normalized_name, text),
            )
            .order_by(ProjectRow.normalized_name, RepositoryRow.name)
            .limit(limit)
        )
        return [
            FoundProject(
                repository=repository,
                name=name,
                normalized_name=NormalizedName(normalized),
                status=cast("ProjectStatus", status),
            )
            for repository, name, normalized, status in rows
        ]

    def users(self, request: ListRequest) -> ListPage[User]:
        """Repository users whose name holds the text."""
        wanted = _holding(UserRow.name, request.text.lower())
        total = self._count(UserRow, wanted)
        page = nearest_page(request, total)
        ids = _cut(select(UserRow.id).where(*wanted), _USER_SORTS, request, page)
        rows = self._executor.execute(
            select(*USER_COLUMNS)
            .select_from(UserRow)
            .outerjoin(GrantRow, GrantRow.user_id == UserRow.id)
            .outerjoin(RepositoryRow, RepositoryRow.id == GrantRow.repository_id)
            .where(UserRow.id.in_(ids.scalar_subquery()))
            .order_by(*_order(_USER_SORTS, request), RepositoryRow.name)
        ).all()
        return ListPage(rows=to_users(rows), number=page, size=request.size, total=total)

    def _count(self, table: Any, wanted: Sequence[ColumnElement[bool]]) -> int:
        statement = select(func.count()).select_from(table).where(*wanted)
        return self._executor.execute(statement).scalar_one()

    def _summaries(self, statement: Select[Any]) -> list[ProjectSummary]:
        rows = self._executor.execute(statement).all()
        latest = self._latest([row[0] for row in rows])
        return [
            ProjectSummary(
                name=name,
                normalized_name=NormalizedName(normalized),
                status=status,
                latest=latest.get(id_, _NOTHING)[0],
                summary=latest.get(id_, _NOTHING)[1],
                releases=releases,
                files=files,
                size=int(size),
                last_upload=last_upload,
            )
            for id_, name, normalized, status, releases, files, size, last_upload in rows
        ]

    def _latest(self, project_ids: Sequence[int]) -> dict[int, tuple[str | None, str]]:
        """The version of each project that most people want, and its summary."""
        is_installable = case((FileRow.id.is_not(None) & FileRow.yanked.is_(None), 1), else_=0)
        columns = (ReleaseRow.project_id, ReleaseRow.version, ReleaseRow.summary)
        rows = self._executor.execute(
            select(*columns, func.max(is_installable))
            .outerjoin_from(ReleaseRow, FileRow, FileRow.release_id == ReleaseRow.id)
            .where(ReleaseRow.project_id.in_(project_ids))
            .group_by(ReleaseRow.id, *columns)
        )
        installable: dict[int, dict[str, bool]] = {}
        summaries: dict[tuple[int, str | None], str] = {}
        for project_id, version, summary, is_there in rows:
            installable.setdefault(project_id, {})[version] = bool(is_there)
            summaries[project_id, version] = summary or ""
        chosen = {id_: preferred_version(versions) for id_, versions in installable.items()}
        return {id_: (version, summaries[id_, version]) for id_, version in chosen.items()}


def _holding(name: Any, text: str) -> list[ColumnElement[bool]]:
    return [name.contains(lookup(text), autoescape=True)] if text else []


def _summed(*wanted: ColumnElement[bool]) -> Select[Any]:
    """The columns of ProjectSummary, for each of the projects that are wanted."""
    _name, *sums = _PROJECT_SORTS.values()
    columns = (ProjectRow.id, ProjectRow.name, ProjectRow.normalized_name, ProjectRow.status)
    return (
        select(*columns, *sums)
        .outerjoin_from(ProjectRow, ReleaseRow, ReleaseRow.project_id == ProjectRow.id)
        .outerjoin(FileRow, FileRow.release_id == ReleaseRow.id)
        .where(*wanted)
        .group_by(*columns)
    )


def _cut(
    statement: Select[Any], sorts: Mapping[str, Any], request: ListRequest, page: int
) -> Select[Any]:
    ordered = statement.order_by(*_order(sorts, request))
    return ordered.limit(request.size).offset((page - 1) * request.size)


def _order(sorts: Mapping[str, Any], request: ListRequest) -> list[ColumnElement[Any]]:
    column, name = sorts[request.sort], sorts["name"]
    # What never happened comes last, whatever the engine thinks of it.
    chosen = (column.desc() if request.descending else column.asc()).nulls_last()
    return [chosen] if request.sort == "name" else [chosen, name.asc()]
