"""The first page: what is stored, what is used, what is new."""

from werkzeug.wrappers import Response

from pypi_repo.settings import format_size
from pypi_repo.web.portal import charts, periods
from pypi_repo.web.portal.page import PortalPage


def show(page: PortalPage) -> Response:
    usage = page.acting.usage
    number = periods.asked(page)
    days = usage.days(number)
    holdings = usage.repositories()
    return page.render(
        "portal/overview.html",
        repositories=len(holdings),
        projects=sum(found.projects for found in holdings.values()),
        files=sum(found.files for found in holdings.values()),
        size=sum(found.size for found in holdings.values()),
        downloads=sum(day.downloads for day in days),
        downloads_plot=charts.bars([(day.day, day.downloads) for day in days], periods.downloads),
        storage_plot=charts.area([(day.day, day.stored) for day in days], format_size),
        days=days,
        periods=periods.PERIODS,
        top=usage.top_projects(number, 8),
        newest=usage.newest_uploads(8),
    )
