"""PagesApp: the base of the apps with pages for people."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import ANONYMOUS, Actor
from pypi_repo.domain.errors import RegistryError
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.web import problems
from pypi_repo.web.app import WSGIApp, drain, path_info, redirect_to_root, require_method
from pypi_repo.web.observability.request_notes import note_actor
from pypi_repo.web.packages.upload_slots import take_slot
from pypi_repo.web.pages.page import NO_PAGE, HtmlPage
from pypi_repo.web.pages.static_files import static_file
from pypi_repo.web.routing import Routes

_LARGEST_FORM = 1024 * 1024
_LARGEST_FORM_OF_ANYBODY = 64 * 1024  # our server receives it before a thread is busy with it

View = Callable[..., Response]
AnyPage = TypeVar("AnyPage", bound=HtmlPage)


@dataclass(frozen=True)
class Route:
    """A page of an app, and what is done there.

    path: its path below the root of the app, with the names of its variables.
    show: answers GET, and shows a refused form again; None if there is nothing to show.
    act: answers POST; None if there is nothing to do.
    public: whether it is open to whoever is not signed in.
    streams: whether `act` reads the body, and checks the form token, itself.
    """

    path: str
    show: View | None = None
    act: View | None = None
    public: bool = False
    streams: bool = False

    @property
    def methods(self) -> list[str]:
        """The HTTP methods that the page answers."""
        return ["GET"] * bool(self.show) + ["POST"] * bool(self.act)


class PagesApp(WSGIApp, Generic[AnyPage]):
    """An app with pages for people, which says which routes it has and who may open them."""

    _MISUSED: ClassVar[str] = "This page cannot be used so."
    _ROUTES: ClassVar[tuple[Route, ...]]

    @abstractmethod
    def _page(self, request: Request, actor: Actor) -> AnyPage:
        """Returns what the views work with."""

    def _session(self, _request: Request) -> Session | None:
        """Returns the session of the browser, if somebody is signed in there."""
        return None

    def _instead(self, _page: AnyPage, _route: Route) -> Response | None:
        """Returns what whoever asks gets instead of a page, such as the way to the sign-in form.

        Raises PermissionDenied or NotFound if whoever asks may not open the page. None if they may.
        """
        return None

    def handle(self, request: Request, actor: Actor) -> Response:
        page = self._page(request, actor)
        try:
            response = self._answer(page)
        except (RegistryError, HTTPException) as error:
            response = page.refuse(problems.refusal_of(error, self._challenge))
        if response.status_code >= 400:
            drain(request)
        return response

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        return self._page(request, ANONYMOUS).refuse(refusal)

    def _answer(self, page: AnyPage) -> Response:
        request = page.request
        path = path_info(request)
        if not path:
            return redirect_to_root(request)
        if path.startswith(f"/{page.STATIC}/"):
            require_method(request, ["GET"], "This file can only be read.")
            return _static_file(path.removeprefix(f"/{page.STATIC}/"))
        page.session = self._session(request)
        if page.session is not None:
            page.actor = page.session.actor
            note_actor(page.actor)
        route, names = _routes(self._ROUTES).find("/" if path == "/" else _without_slash(path))
        instead = self._instead(page, route)
        if instead is not None:
            return instead
        require_method(request, route.methods, self._MISUSED)
        if request.method == "POST" and route.act is not None:
            return self._act(page, route, route.act, names)
        assert route.show is not None  # noqa: S101 - or GET would not be allowed
        return route.show(page, **names)

    def _act(self, page: AnyPage, route: Route, act: View, names: dict[str, Any]) -> Response:
        if not route.streams:
            largest = _LARGEST_FORM_OF_ANYBODY if route.public else _LARGEST_FORM
            page.request.max_content_length = largest
            if not route.public:
                take_slot(page.request.environ, page.actor)
            page.check_form_token(page.request.form.get("form_token", ""))
        try:
            return act(page, **names)
        except RegistryError as error:
            status = problems.status_of(error)
            is_at_a_field = error in page.refused.values()
            is_of_the_page = status == 403 or (status == 404 and not is_at_a_field)
            if route.show is None or is_of_the_page or status >= 500:
                raise
            refusal = problems.refusal_of(error, self._challenge)
            if not is_at_a_field:
                page.error = error.message
            response = route.show(page, **names)
            response.status_code = status
            return refusal.sent_with(response)


@cache
def _routes(table: tuple[Route, ...]) -> Routes[Route]:
    """The table is read once in a process, however many apps have it."""
    return Routes({route.path: route for route in table}, NO_PAGE)


def _without_slash(path: str) -> str:
    """The path without slashes at its end. Raises NotFound for one that has nothing else."""
    if not path.strip("/"):
        raise NotFound(NO_PAGE)
    return path.rstrip("/")


def _static_file(name: str) -> Response:
    response = static_file(name)
    if response is None:
        raise NotFound(NO_PAGE)
    return response
