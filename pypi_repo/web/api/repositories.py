"""Repositories, their settings and their use."""

from dataclasses import asdict
from typing import Any, cast

import msgspec

from pypi_repo.domain import records
from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import UnknownRepository
from pypi_repo.domain.repository_settings import GivenSettings, normalized_settings
from pypi_repo.domain.usage import DayOfUse
from pypi_repo.web.api.documents import (
    Day,
    Page,
    Repository,
    RepositorySettings,
    RepositoryUsage,
    SavedRepository,
    TopProject,
    Usage,
)
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import DaysQuery, PageQuery

table = Table("Repositories", "repositories")
usage_table = Table("Usage", "")

_ALL = "/repositories"
_ONE = "/repositories/{repository}"
_TOP = 10


@table.operation("GET", _ALL, {200: Page[Repository]}, query=PageQuery, area="")
def list_repositories(call: Call) -> ApiResponse:
    """All repositories, by name."""
    found = call.acting.repositories.all(Permission.AUDIT)
    return ApiResponse(page_of(found, call.query, lambda repository: repository.name, _shown))


@table.operation("GET", _ONE, {200: Repository})
def get_repository(call: Call, repository: str) -> ApiResponse:
    """A repository with its settings."""
    return ApiResponse(_shown(call.acting.repositories.get(repository, Permission.MANAGE)))


@table.operation(
    "PUT",
    _ONE,
    {200: SavedRepository, 201: SavedRepository},
    body=RepositorySettings,
    refusals=(409,),
)
def put_repository(call: Call, repository: str) -> ApiResponse:
    """Create the repository, or give it exactly these settings."""
    repositories = call.acting.repositories
    wanted: Any = normalized_settings(cast("GivenSettings", msgspec.structs.asdict(call.body)))
    try:
        found = repositories.get(repository, Permission.MANAGE)
    except UnknownRepository:
        created = repositories.create(repository, **wanted)
        return _saved(call, created, 201, f"repositories/{repository}")
    different = {name: value for name, value in wanted.items() if getattr(found, name) != value}
    return _saved(call, repositories.change(repository, **different))


@table.operation("DELETE", _ONE, {204: None})
def delete_repository(call: Call, repository: str) -> ApiResponse:
    """Delete the repository with everything in it."""
    call.acting.repositories.delete(repository)
    return ApiResponse(status=204)


@table.operation("GET", f"{_ONE}/usage", {200: RepositoryUsage}, query=DaysQuery)
def get_repository_usage(call: Call, repository: str) -> ApiResponse:
    """What a repository contains, and its downloads day by day."""
    call.acting.repositories.get(repository, Permission.MANAGE)
    reports = call.acting.usage
    held = reports.repository(repository)
    days = reports.days(call.query.days, repository)
    return ApiResponse(RepositoryUsage(**asdict(held), days=_days(days)))


@usage_table.operation("GET", "/usage", {200: Usage}, query=DaysQuery)
def get_usage(call: Call) -> ApiResponse:
    """What all repositories contain, their daily downloads, and the most downloaded projects."""
    reports = call.acting.usage
    held = reports.repositories().values()
    top = reports.top_projects(call.query.days, _TOP)
    return ApiResponse(
        Usage(
            repositories=len(held),
            projects=sum(each.projects for each in held),
            files=sum(each.files for each in held),
            size=sum(each.size for each in held),
            days=_days(reports.days(call.query.days)),
            top_projects=[TopProject(**asdict(project)) for project in top],
        )
    )


def _saved(
    call: Call, saved: records.Repository, status: int = 200, location: str | None = None
) -> ApiResponse:
    warnings = call.acting.warnings.of_repository(saved.name)
    return ApiResponse(_shown(saved), status, location, warnings)


def _shown(found: records.Repository) -> Repository:
    return msgspec.convert(found, Repository, from_attributes=True)


def _days(days: list[DayOfUse]) -> list[Day]:
    return [Day(**asdict(day)) for day in days]
