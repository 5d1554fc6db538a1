"""The first page of a registry: which repositories there are for whoever asks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.web.browse.visitor import VisitorPage
from pypi_repo.web.pages.app import PagesApp, Route

if TYPE_CHECKING:
    from pypi_repo.registry import Registry


@dataclass(kw_only=True)
class LandingPage(VisitorPage):
    """One request to the first page."""

    HOME: ClassVar[str] = "Go to the repositories"

    registry: "Registry"


def show(page: LandingPage) -> Response:
    readable = page.registry.acting_as(page.actor).repositories.all()
    return page.render("browse/landing.html", readable=readable)


def show_robots(page: LandingPage) -> Response:
    return Response("User-agent: *\nDisallow: /\n", content_type="text/plain")


class LandingApp(PagesApp[LandingPage]):
    """Serves the first page of a registry, and what robots ask for.

    account_url: the URL at which users of the registry sign in, relative to this app; None if they
        do not.
    """

    _ROUTES: ClassVar = (
        Route("/", show, public=True),
        Route("/robots.txt", show_robots, public=True),
    )

    def __init__(self, registry: "Registry", *, account_url: str | None = None) -> None:
        super().__init__(challenge=None)
        self._registry = registry
        self._account_url = account_url

    def _page(self, request: Request, actor: Actor) -> LandingPage:
        return LandingPage(
            request=request, actor=actor, account=self._account_url, registry=self._registry
        )
