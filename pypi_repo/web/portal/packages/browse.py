"""The projects of a repository, and its files to download."""

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Permission
from pypi_repo.domain.names import normalize, project_name
from pypi_repo.web.app import path_info
from pypi_repo.web.mount import shifted
from pypi_repo.web.packages.download import DownloadApp
from pypi_repo.web.pages import forms
from pypi_repo.web.pages.listing import Listing
from pypi_repo.web.portal.page import PortalPage

_SORTS = ("name", "releases", "files", "size", "uploaded")


def show_projects(page: PortalPage, repository: str) -> Response:
    found = page.acting.repositories.get(repository, Permission.MANAGE)
    listing = Listing(page, ("repositories", repository), _SORTS)
    configured = page.acting.sources.of(repository)
    return page.render(
        "portal/repository.html",
        repository=found,
        configured=configured,
        reports=page.acting.sources.reports(repository),
        usage=page.acting.usage.repository(repository),
        listing=listing,
        projects=page.acting.projects.page(repository, listing.request),
        url=page.repository_url(repository),
    )


def look_up(page: PortalPage, repository: str) -> Response:
    """Leads to a project of the repository or of its sources."""
    if not page.asked("name"):
        return page.redirect("repositories", repository)
    wanted = forms.read(page, "name", lambda: project_name(page.asked("name")))
    if wanted is None:
        response = show_projects(page, repository)
        response.status_code = 400
        return response
    return page.redirect("repositories", repository, "projects", normalize(wanted))


def download(page: PortalPage, repository: str, path: str) -> Response:
    """Sends a file exactly as package clients get it: never shown, always saved."""
    bound = page.registry.repository(repository)
    prefix = path_info(page.request).rindex(f"/{path}")
    environ = shifted(page.request.environ, prefix)
    answer = DownloadApp(bound).handle(Request(environ), page.actor)
    return Response.from_app(answer, environ)
