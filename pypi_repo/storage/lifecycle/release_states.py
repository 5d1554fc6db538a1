"""Statements about what decides whether releases are kept."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, select

from pypi_repo.domain.lifecycle.expiry import ReleaseState
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import Repository
from pypi_repo.storage.database.executor import Executor
from pypi_repo.storage.database.rows import lookup
from pypi_repo.storage.database.tables import downloads, files, projects, releases

_AT_ONCE = 200  # projects

_DAY = downloads.c.day.type
_UPLOADED = func.max(files.c.uploaded_at, type_=files.c.uploaded_at.type)
_ARRIVED = func.coalesce(releases.c.arrived_at, releases.c.created_at)
_LAST_DOWNLOAD = (
    select(func.max(downloads.c.day, type_=_DAY))
    .where(
        downloads.c.repository_id == projects.c.repository_id,
        downloads.c.project == projects.c.normalized_name,
        downloads.c.version == releases.c.version,
    )
    .correlate(projects, releases)
    .scalar_subquery()
)
_STATES = (
    select(
        projects.c.id,
        releases.c.version,
        func.count(),
        func.sum(files.c.size),
        _UPLOADED,
        _ARRIVED,
        func.min(case((files.c.yanked.is_(None), 0), else_=1)),
        releases.c.pinned,
        _LAST_DOWNLOAD,
    )
    .select_from(projects)
    .join(releases, releases.c.project_id == projects.c.id)
    .join(files, files.c.release_id == releases.c.id)
    .group_by(projects.c.id, releases.c.id)
)


class ProjectState(NamedTuple):
    """The releases of a project that have files.

    serial: the serial of the project. While it is the same, nothing about its releases has changed
        but the downloads.
    """

    id: int
    name: str
    normalized_name: NormalizedName
    serial: int
    releases: Sequence[ReleaseState]


class ReleaseStates:
    """Reads projects with their releases, in a transaction or without."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def recorded_days(self, repository: Repository) -> tuple[date | None, date | None]:
        """Returns the first and the last day on which a download was recorded, or None twice."""
        ends = [  # a query of its own for each, which the primary key answers at once
            select(end).where(downloads.c.repository_id == repository.id).scalar_subquery()
            for end in (
                func.min(downloads.c.day, type_=_DAY),
                func.max(downloads.c.day, type_=_DAY),
            )
        ]
        first, last = self._executor.execute(select(*ends)).one()
        return first, last

    def projects(
        self, repository: Repository, is_wanted: Callable[[NormalizedName], bool]
    ) -> Iterator[ProjectState]:
        """Yields projects, sorted by name. Only a few of them are in memory at a time.

        is_wanted: decides by the name; the releases of others are not read.
        """
        after = ""
        while page := self._states(repository, projects.c.normalized_name > after, is_wanted):
            yield from page.with_releases
            after = page.last

    def project(self, repository: Repository, name: NormalizedName) -> ProjectState | None:
        """Returns a project, or None if there is none with this name."""
        page = self._states(repository, projects.c.normalized_name == lookup(name))
        return page.with_releases[0] if page else None

    def downloaded_on(
        self, repository: Repository, project: NormalizedName, version: str
    ) -> date | None:
        """Returns the last day on which a release was downloaded; None if there is none."""
        day: date | None = self._executor.execute(
            select(func.max(downloads.c.day, type_=_DAY)).where(
                downloads.c.repository_id == repository.id,
                downloads.c.project == project,
                downloads.c.version == version,
            )
        ).scalar_one()
        return day

    def _states(
        self,
        repository: Repository,
        which: ColumnElement[bool],
        is_wanted: Callable[[NormalizedName], bool] = lambda _name: True,
    ) -> "_Page | None":
        """Returns the first projects; None if there are none.

        Their serials are read before their releases, so these are never older.
        """
        found = self._executor.execute(
            select(projects.c.id, projects.c.name, projects.c.normalized_name, projects.c.serial)
            .where(projects.c.repository_id == repository.id, which)
            .order_by(projects.c.normalized_name)
            .limit(_AT_ONCE)
        ).all()
        if not found:
            return None
        wanted = [project for project in found if is_wanted(project.normalized_name)]
        releases_of = self._releases([project.id for project in wanted])
        return _Page(
            [
                ProjectState(id_, name, normalized_name, serial, releases_of[id_])
                for id_, name, normalized_name, serial in wanted
            ],
            found[-1].normalized_name,
        )

    def _releases(self, project_ids: Sequence[int]) -> dict[int, list[ReleaseState]]:
        found: dict[int, list[ReleaseState]] = defaultdict(list)
        if not project_ids:
            return found
        rows = self._executor.execute(_STATES.where(projects.c.id.in_(project_ids)))
        for id_, version, number, size, uploaded, arrived, is_yanked, pinned, downloaded in rows:
            found[id_].append(
                ReleaseState(
                    version=version,
                    files=number,
                    size=int(size),
                    here_since=max(uploaded, arrived),
                    is_yanked=bool(is_yanked),
                    pinned=pinned,
                    downloaded_on=downloaded,
                )
            )
        return found


class _Page(NamedTuple):
    """Some projects of a list, and the name of the last one that was looked at."""

    with_releases: list[ProjectState]
    last: str
