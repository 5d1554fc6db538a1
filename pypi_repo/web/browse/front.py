"""The front page of a repository: its projects, a search, and what is new."""

from werkzeug.wrappers import Response

from pypi_repo.domain.names import is_normalized, normalize
from pypi_repo.services.sources.lists.search import find_projects
from pypi_repo.web.browse.page import BrowsePage
from pypi_repo.web.pages.connection_settings import pip_command, uv_command
from pypi_repo.web.pages.listing import Listing

_NEWEST = 6
_COLUMNS = ("name",)


def show(page: BrowsePage) -> Response:
    listing = Listing(page, (), _COLUMNS)
    return page.render(
        "browse/front.html",
        listing=listing,
        projects=find_projects(page.source, page.actor, listing.request),
        newest=() if listing.text else page.source.newest_releases(page.actor, _NEWEST),
        wanted=_elsewhere(page, listing.text),
        commands=[
            ("pip", pip_command(page.index_url, "PROJECT")),
            ("uv", uv_command(page.index_url, "PROJECT", page.login)),
        ],
    )


def _elsewhere(page: BrowsePage, text: str) -> str:
    """The project that a search may mean although nothing lists it; empty for none.

    Nobody is asked whether there is one: that would tell of projects that are hidden.
    """
    wanted = normalize(text)
    may_be_there = page.record is None or page.record.may_have_sources
    return wanted if may_be_there and is_normalized(wanted) else ""
