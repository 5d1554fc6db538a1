"""A project, as its readers look at it: its description, its releases and its files."""

from collections.abc import Mapping
from dataclasses import replace

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from pypi_repo.domain.errors import UnknownRelease, unknown_release
from pypi_repo.domain.lists import ListPage
from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.domain.records import ProjectPage
from pypi_repo.domain.upstreams.errors import FileWithheld
from pypi_repo.domain.versions import is_same_version, version_order
from pypi_repo.services.sources.own_files import OWN_FILES
from pypi_repo.services.sources.readers import withheld_from
from pypi_repo.web.browse import yanks
from pypi_repo.web.browse.page import BrowsePage
from pypi_repo.web.pages import readme
from pypi_repo.web.pages.connection_settings import pip_command, uv_command
from pypi_repo.web.pages.listing import Listing
from pypi_repo.web.pages.page import NO_PAGE
from pypi_repo.web.pages.shown_project import ShownProject, project_on

_NEWEST = 4
_RELEASES = 100  # on a page of them


def show(page: BrowsePage, project: str) -> Response:
    if normalize(project) != project and is_normalized(normalize(project)):
        return page.redirect("project", normalize(project), version=page.asked("version"))
    shown = shown_project(page, project)
    return page.render(
        "browse/project.html",
        shown=shown,
        newest=shown.releases[:_NEWEST],
        readme_height=readme.height(shown.fields),
        readme_sandbox=readme.SANDBOX,
        commands=_commands(page, shown),
        own_files=yanks.own_files(page, shown),
    )


def show_readme(page: BrowsePage, project: str) -> Response:
    shown = shown_project(page, project)
    return readme.document(page, page.repository.readmes, shown.project.name, shown.fields)


def show_releases(page: BrowsePage, project: str) -> Response:
    shown = shown_project(page, project)
    here = ("project", shown.project.normalized_name, "releases")
    listing = Listing(page, here, ("version",))
    return page.render(
        "browse/releases.html",
        shown=shown,
        listing=listing,
        releases=ListPage.of(shown.releases, replace(listing.request, size=_RELEASES)),
    )


def show_files(page: BrowsePage, project: str) -> Response:
    return page.render("browse/files.html", shown=shown_project(page, project))


def shown_project(page: BrowsePage, project: str) -> ShownProject:
    """Returns what the source shows of a project, with the metadata of the version asked for.

    Raises UnknownProject, FileWithheld, UnknownRelease or NotFound.
    """
    name, source = normalize(project), page.source
    if not is_normalized(name):
        raise NotFound(NO_PAGE)
    versioned = source.project_page(page.actor, name)
    listed = versioned.load()
    withheld = {} if versioned.source == OWN_FILES else _withheld(page, listed)
    version = _spelled(listed, page.asked("version"), withheld)
    try:
        details = source.details_of(replace(versioned, load=lambda: listed), version).load()
    except UnknownRelease:
        details = None
    return ShownProject(
        project=project_on(listed),
        details=details,
        sources=versioned.source.split(", "),
        stale_for=versioned.stale_for,
        withheld=list(withheld.values()),
    )


def _withheld(page: BrowsePage, listed: ProjectPage) -> dict[str, str]:
    """Why releases are not offered at all, by their versions, the newest first.

    Whoever asks for one of their files is told the same.
    """
    reasons: dict[str, str] = {}
    for each in withheld_from(page.actor, page.source, listed.name):
        if each.file.version not in listed.versions:
            reasons.setdefault(each.file.version, each.reason)
    return {version: reasons[version] for version in sorted(reasons, key=version_order)[::-1]}


def _spelled(listed: ProjectPage, version: str, withheld: Mapping[str, str]) -> str | None:
    """The version as the project spells it; None if none is asked for.

    withheld: why other releases are not offered.

    Raises FileWithheld or UnknownRelease.
    """
    if not version or version in listed.versions:
        return version or None
    for spelled in listed.versions:
        if is_same_version(spelled, version):
            return spelled
    for spelled, reason in withheld.items():
        if is_same_version(spelled, version):
            raise FileWithheld(reason)
    raise unknown_release(listed.name, version)


def _commands(page: BrowsePage, shown: ShownProject) -> list[tuple[str, str]]:
    """How to install what is shown, by the names of the tools; empty for what nobody is offered."""
    if shown.details is None:
        return []
    wanted = f"{shown.project.name}=={shown.details.version}"
    return [
        ("pip", pip_command(page.index_url, wanted)),
        ("uv", uv_command(page.index_url, wanted, page.login)),
    ]
