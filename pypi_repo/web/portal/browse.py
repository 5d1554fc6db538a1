"""Projects, releases and files, as people look at them."""

from packaging.version import Version
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.records import PROJECT_STATUSES, ProjectDetails
from pypi_repo.web.app import path_info
from pypi_repo.web.download import DownloadApp
from pypi_repo.web.mount import shifted
from pypi_repo.web.portal import readme
from pypi_repo.web.portal.connecting import install_command
from pypi_repo.web.portal.listing import Listing
from pypi_repo.web.portal.page import Page

_SORTS = ("name", "releases", "files", "size", "uploaded")
_DAYS = 30


def show_projects(page: Page, repository: str) -> Response:
    found = page.registry.repositories.get(repository, actor=page.actor)
    listing = Listing(page, ("repositories", repository), _SORTS)
    return page.render(
        "repository.html",
        repository=found,
        usage=page.registry.usage.repositories(actor=page.actor)[repository],
        listing=listing,
        projects=page.registry.projects.page(repository, listing.request, actor=page.actor),
        url=page.repository_url(repository),
    )


def show_project(page: Page, repository: str, project: str) -> Response:
    found = page.registry.repositories.get(repository, actor=page.actor)
    normalized = normalize(project)
    if not is_normalized(normalized):
        raise NotFound
    if normalized != project:
        return page.redirect("repositories", repository, "projects", normalized)
    known, files = page.registry.projects.get(repository, project, actor=page.actor)
    details = _details(page, repository, project) if files else None
    return page.render(
        "project.html",
        repository=found,
        project=known,
        files=files,
        details=details,
        fields=details.fields if details else {},
        releases=_newest_first(details),
        readme_height=details and readme.height(details.fields),
        readme_sandbox=readme.SANDBOX,
        downloads=page.registry.usage.downloads_of_versions(
            repository, project, _DAYS, actor=page.actor
        ),
        statuses=PROJECT_STATUSES,
        install=details
        and install_command(page.repository_url(repository), f"{known.name}=={details.version}"),
    )


def show_readme(page: Page, repository: str, project: str) -> Response:
    details = _details(page, repository, project)
    return readme.document(page, details.name, details.fields)


def download(page: Page, repository: str, path: str) -> Response:
    """Exactly as package clients get it: never shown, always saved."""
    bound = page.registry.repository(repository)
    prefix = path_info(page.request).rindex(f"/{path}")
    environ = shifted(page.request.environ, prefix)
    answer = DownloadApp(bound).handle(Request(environ), page.actor)
    return Response.from_app(answer, environ)


def _details(page: Page, repository: str, project: str) -> ProjectDetails:
    bound = page.registry.repository(repository)
    version = page.asked("version")
    if not version:
        return bound.details.project(page.actor, normalize(project)).load()
    _spelled, content = bound.details.release(page.actor, normalize(project), version)
    return content.load()


def _newest_first(details: ProjectDetails | None) -> list[str]:
    return sorted(details.releases, key=Version, reverse=True) if details else []
