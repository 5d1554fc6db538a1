"""The first page of a registry: which repositories there are for whoever asks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.web.authenticate import Authenticate, session_of
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

    authenticate: for a host with its own accounts; by default, users sign in at `/account/`.
    """

    _ROUTES: ClassVar = (
        Route("/", show, public=True),
        Route("/robots.txt", show_robots, public=True),
    )
    _MISUSED: ClassVar = "This page can only be read; upload to /repositories/NAME/ below this URL."

    def __init__(self, registry: "Registry", authenticate: Authenticate | None = None) -> None:
        super().__init__(authenticate, challenge=None)
        self._registry = registry
        self._account_url = "account/" if authenticate is None else None

    def _session(self, request: Request) -> Session | None:
        if self._account_url is None:
            return None
        return session_of(request.environ, self._registry.user_sessions)

    def _page(self, request: Request, actor: Actor) -> LandingPage:
        return LandingPage(
            request=request, actor=actor, account=self._account_url, registry=self._registry
        )
