"""Statements about lists that are searched, sorted and divided into pages."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from packaging.utils import NormalizedName
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    select,
)

from pypi_repo.domain.accounts.accounts import User
from pypi_repo.domain.lists import ListPage, ListRequest, nearest_page
from pypi_repo.domain.pages.summaries import NewestRelease
from pypi_repo.domain.records import (
    FoundProject,
    Project,
    ProjectStatus,
    ProjectSummary,
    Repository,
)
from pypi_repo.domain.releases import preferred_version
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import PROJECT_COLUMNS, lookup, to_project
from pypi_repo.storage.database.tables import (
    files,
    projects,
    releases,
    repositories,
    users,
)

_PROJECT_SORTS: Mapping[str, Any] = {
    "name": projects.c.normalized_name,
    "releases": func.count(releases.c.id.distinct()),
    "files": func.count(files.c.id),
    "size": func.coalesce(func.sum(files.c.size), 0),
    "uploaded": func.max(files.c.uploaded_at, type_=files.c.uploaded_at.type),
}
"""What a list of projects can be sorted by, and shows of each."""

_NOTHING: tuple[str | None, str] = (None, "")

_USER_SORTS: Mapping[str, Any] = {
    "name": users.c.name,
    "created": users.c.created_at,
    "used": users.c.last_used_at,
}


class Lists:
    """Reads in a transaction of a service, or without a transaction."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def projects(
        self,
        repository: Repository,
        request: ListRequest,
        hidden: frozenset[NormalizedName] = frozenset(),
    ) -> ListPage[ProjectSummary]:
        """Returns a page of the projects whose normalized name contains a text.

        hidden: projects to leave out.
        """
        wanted = [
            projects.c.repository_id == repository.id,
            *_holding(projects.c.normalized_name, request.text),
            *_not_among(hidden),
        ]
        total = self._count(projects, wanted)
        page = nearest_page(request, total)
        if request.sort == "name":
            # The page alone is summed up, however many projects there are.
            ids = _cut(select(projects.c.id).where(*wanted), _PROJECT_SORTS, request, page)
            statement = _summed(projects.c.id.in_(ids.scalar_subquery()))
            statement = statement.order_by(*_order(_PROJECT_SORTS, request))
        else:
            statement = _cut(_summed(*wanted), _PROJECT_SORTS, request, page)
        rows = self._summaries(statement)
        return ListPage(rows=rows, number=page, size=request.size, total=total)

    def projects_after(
        self, repository: Repository, containing: str, after: str, limit: int
    ) -> list[ProjectSummary]:
        """Returns the first projects after a normalized name whose names contain a text."""
        ids = (
            select(projects.c.id)
            .where(
                projects.c.repository_id == repository.id,
                projects.c.normalized_name > lookup(after),
                *_holding(projects.c.normalized_name, containing),
            )
            .order_by(projects.c.normalized_name)
            .limit(limit)
        )
        return self._summaries(
            _summed(projects.c.id.in_(ids.scalar_subquery())).order_by(projects.c.normalized_name)
        )

    def summaries(
        self, repository: Repository, names: Sequence[NormalizedName]
    ) -> list[ProjectSummary]:
        """Returns those of the projects that are in a repository."""
        if not names:
            return []
        return self._summaries(_summed(_named(repository, names)))

    def projects_named(
        self, repository: Repository, names: Sequence[NormalizedName]
    ) -> dict[NormalizedName, Project]:
        """Returns those of the projects that are in a repository, without what is in them."""
        if not names:
            return {}
        rows = self._executor.execute(select(*PROJECT_COLUMNS).where(_named(repository, names)))
        found = [to_project(row) for row in rows]
        return {project.normalized_name: project for project in found}

    def closed_names(self, repository: Repository) -> frozenset[NormalizedName]:
        """Returns the names of the quarantined projects of a repository."""
        rows = self._executor.execute(
            select(projects.c.normalized_name).where(
                projects.c.repository_id == repository.id, projects.c.status == "quarantined"
            )
        )
        return frozenset(NormalizedName(name) for (name,) in rows)

    def newest_releases(
        self,
        repository: Repository,
        uploads: int,
        *,
        hidden: Collection[NormalizedName] = (),
        among: Collection[NormalizedName] | None = None,
    ) -> tuple[list[NewestRelease], bool]:
        """Returns the releases of the files that were uploaded last, the newest first.

        Quarantined projects and yanked files are left out.

        uploads: the number of files.
        hidden: projects to leave out.
        among: the only projects that are looked at; None for all.

        Returns also whether these are all releases that there are.
        """
        # Few projects are looked at one by one, and otherwise the uploads in their order.
        newest_first: ColumnElement[Any] = files.c.uploaded_at.desc()
        wanted = [files.c.repository_id == repository.id, *_not_among(hidden)]
        if among is not None:
            newest_first = func.coalesce(files.c.uploaded_at, files.c.uploaded_at).desc()
            wanted = [
                projects.c.repository_id == repository.id,
                projects.c.normalized_name.in_(_written(among)),
            ]
        rows = self._executor.execute(
            select(
                releases.c.id,
                projects.c.name,
                projects.c.normalized_name,
                releases.c.version,
                releases.c.summary,
                files.c.uploaded_at,
            )
            .join_from(files, releases, releases.c.id == files.c.release_id)
            .join(projects, projects.c.id == releases.c.project_id)
            .where(files.c.yanked.is_(None), projects.c.status != "quarantined", *wanted)
            .order_by(newest_first)
            .limit(uploads)
        ).all()
        newest: dict[int, NewestRelease] = {}
        for id_, name, normalized, version, summary, uploaded_at in rows:
            if id_ not in newest:
                newest[id_] = NewestRelease(
                    name=name,
                    normalized_name=NormalizedName(normalized),
                    version=version,
                    summary=summary or "",
                    uploaded_at=uploaded_at,
                )
        return list(newest.values()), len(rows) < uploads

    def projects_anywhere(
        self, among: Sequence[Repository], text: str, limit: int
    ) -> list[FoundProject]:
        """Returns projects whose normalized name contains a text, sorted by name and repository."""
        rows = self._executor.execute(
            select(
                repositories.c.name, projects.c.name, projects.c.normalized_name, projects.c.status
            )
            .join_from(projects, repositories, repositories.c.id == projects.c.repository_id)
            .where(
                projects.c.repository_id.in_([found.id for found in among]),
                *_holding(projects.c.normalized_name, text),
            )
            .order_by(projects.c.normalized_name, repositories.c.name)
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
        """Returns a page of the users whose name contains a text."""
        wanted = _holding(users.c.name, request.text.lower())
        total = self._count(users, wanted)
        page = nearest_page(request, total)
        ids = _cut(select(users.c.id).where(*wanted), _USER_SORTS, request, page)
        rows = Users(self._executor).listed(
            users.c.id.in_(ids.scalar_subquery()), *_order(_USER_SORTS, request)
        )
        return ListPage(rows=rows, number=page, size=request.size, total=total)

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
        """Returns the preferred version of each project, and its summary."""
        is_installable = case((files.c.id.is_not(None) & files.c.yanked.is_(None), 1), else_=0)
        columns = (releases.c.project_id, releases.c.version, releases.c.summary)
        rows = self._executor.execute(
            select(*columns, func.max(is_installable))
            .outerjoin_from(releases, files, files.c.release_id == releases.c.id)
            .where(releases.c.project_id.in_(project_ids))
            # By the columns of an index: SQLite would read all releases to group them by their ids.
            .group_by(releases.c.project_id, releases.c.canonical_version, *columns[1:])
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


def _not_among(hidden: Collection[NormalizedName]) -> list[ColumnElement[bool]]:
    return [projects.c.normalized_name.not_in(_written(hidden))] if hidden else []


def _named(repository: Repository, names: Sequence[NormalizedName]) -> ColumnElement[bool]:
    return and_(
        projects.c.repository_id == repository.id,
        projects.c.normalized_name.in_(list(map(lookup, names))),
    )


def _written(names: Iterable[NormalizedName]) -> BindParameter[NormalizedName]:
    """Returns names that are written into the statement itself: parameters have a limit."""
    return bindparam(None, sorted(names), expanding=True, literal_execute=True)


def _summed(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Returns a query for the columns of ProjectSummary, for certain projects."""
    _name, *sums = _PROJECT_SORTS.values()
    columns = (projects.c.id, projects.c.name, projects.c.normalized_name, projects.c.status)
    return (
        select(*columns, *sums)
        .outerjoin_from(projects, releases, releases.c.project_id == projects.c.id)
        .outerjoin(files, files.c.release_id == releases.c.id)
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
