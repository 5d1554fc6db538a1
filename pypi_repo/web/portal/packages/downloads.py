"""How much one project is used: by day, and by version."""

from werkzeug.wrappers import Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.errors import UnknownProject
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.records import Project
from pypi_repo.domain.versions import version_order
from pypi_repo.web.portal import charts, periods
from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage, repository: str, project: str) -> Response:
    """Versions that are gone are counted too: what was downloaded was downloaded."""
    found = _project(page, repository, project)
    name, usage = found.normalized_name, page.acting.usage
    number = periods.asked(page)
    days = usage.days_of_project(repository, name, number)
    versions = usage.downloads_of_versions(repository, name, number)
    return page.render(
        "portal/project_downloads.html",
        repository=repository,
        project=found,
        days=days,
        periods=periods.PERIODS,
        total=sum(count for _day, count in days),
        plot=charts.bars(days, periods.downloads),
        versions=sorted(versions.items(), key=lambda each: version_order(each[0]), reverse=True),
    )


def _project(page: PortalPage, repository: str, project: str) -> Project:
    """A project of a source that has never been asked here was downloaded never."""
    try:
        return page.acting.projects.project(repository, project)
    except UnknownProject:
        name = normalize(project)
        has_sources = page.acting.repositories.get(repository, Permission.MANAGE).may_have_sources
        if not has_sources or not is_normalized(name):
            raise
        return Project(id=0, name=name, normalized_name=name)
