"""PortalApp: the administration portal, a thin face of the services."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import ANONYMOUS, Actor, ActorKind
from pypi_repo.domain.errors import PermissionDenied, RegistryError
from pypi_repo.services.accounts.sessions import Session
from pypi_repo.web import problems
from pypi_repo.web.app import WSGIApp, drain, path_info, redirect_to_root, require_method
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.observability.request_notes import note_actor
from pypi_repo.web.packages.upload_slots import take_slot
from pypi_repo.web.portal import activity, filters, overview
from pypi_repo.web.portal.accounts import account, administrators, sign_in, users
from pypi_repo.web.portal.packages import (
    browse,
    changes,
    connect,
    downloads,
    project,
    repositories,
    uploads,
)
from pypi_repo.web.portal.page import NO_PAGE, Page
from pypi_repo.web.portal.upstreams import origin, rules, sources, upstreams
from pypi_repo.web.routing import Routes
from pypi_repo.web.templating import environment_of

if TYPE_CHECKING:
    from pypi_repo.registry import Registry

_LARGEST_FORM = 1024 * 1024
_LARGEST_FORM_OF_ANYBODY = 64 * 1024  # our server receives it before a thread is busy with it
_STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

View = Callable[..., Response]


@dataclass(frozen=True)
class _Route:
    """show: answers GET, and shows a refused form again. act: answers POST.

    public: needs nobody to be signed in. streams: reads the body, and checks the form, itself.
    """

    path: str
    show: View | None = None
    act: View | None = None
    public: bool = False
    streams: bool = False

    @property
    def methods(self) -> list[str]:
        return ["GET"] * bool(self.show) + ["POST"] * bool(self.act)


ROUTES = (
    _Route("/", overview.show),
    _Route("/sign-in", sign_in.show, sign_in.sign_in, public=True),
    _Route("/sign-out", None, sign_in.sign_out),
    _Route("/account", account.show, account.change_password),
    _Route("/sign-out-everywhere", None, account.sign_out_everywhere),
    _Route("/account/tokens", account.show, account.create_token),
    _Route("/account/tokens/<int:token_id>/revoke", None, account.revoke_token),
    _Route("/repositories", repositories.show_all),
    _Route("/new-repository", repositories.show_new, repositories.create),
    _Route("/repositories/<repository>", browse.show_projects, changes.change_projects),
    _Route("/repositories/<repository>/connect", connect.show),
    _Route("/repositories/<repository>/connect/token", connect.show, connect.create_token),
    _Route("/repositories/<repository>/settings", repositories.show_settings, repositories.change),
    _Route("/repositories/<repository>/delete", repositories.show_settings, repositories.delete),
    _Route("/repositories/<repository>/look-up", browse.look_up),
    _Route("/repositories/<repository>/sources", sources.show, sources.change),
    _Route("/repositories/<repository>/rules", rules.show, rules.add),
    _Route("/repositories/<repository>/audit", origin.show_audit),
    _Route("/repositories/<repository>/rules/<int:rule_id>/delete", None, rules.delete),
    _Route("/repositories/<repository>/upload", uploads.show, uploads.upload, streams=True),
    _Route("/repositories/<repository>/projects/<project>", project.show),
    _Route("/repositories/<repository>/projects/<project>/readme", project.show_readme),
    _Route(
        "/repositories/<repository>/projects/<project>/releases",
        project.show_releases,
        changes.change_files,
    ),
    _Route(
        "/repositories/<repository>/projects/<project>/files",
        project.show_files,
        changes.change_files,
    ),
    _Route(
        "/repositories/<repository>/projects/<project>/manage",
        project.show_management,
        changes.set_status,
    ),
    _Route(
        "/repositories/<repository>/projects/<project>/delete",
        project.show_management,
        changes.delete_project,
    ),
    _Route("/repositories/<repository>/projects/<project>/origin", origin.show),
    _Route("/repositories/<repository>/projects/<project>/downloads", downloads.show),
    _Route("/repositories/<repository>/files/<path:path>", browse.download),
    _Route("/upstreams", upstreams.show_all),
    _Route("/new-upstream", upstreams.show_new, upstreams.create),
    _Route("/upstreams/<upstream>", upstreams.show, upstreams.change),
    _Route("/upstreams/<upstream>/check", upstreams.show, upstreams.check),
    _Route("/upstreams/<upstream>/delete", upstreams.show_deletion, upstreams.delete),
    _Route("/users", users.show_all),
    _Route("/new-user", users.show_new, users.create),
    _Route("/users/<name>", users.show, users.change),
    _Route("/users/<name>/password", users.show, users.set_password),
    _Route("/users/<name>/tokens", users.show, users.create_token),
    _Route("/users/<name>/tokens/<int:token_id>/revoke", None, users.revoke_token),
    _Route("/users/<name>/delete", users.show_deletion, users.delete),
    _Route("/administrators", administrators.show_all),
    _Route("/new-administrator", administrators.show_new, administrators.create),
    _Route("/administrators/<name>", administrators.show, administrators.change),
    _Route("/administrators/<name>/password", administrators.show, administrators.set_password),
    _Route("/administrators/<name>/delete", administrators.show_deletion, administrators.delete),
    _Route("/activity", activity.show),
    _Route("/activity.csv", activity.export),
)


class PortalApp(WSGIApp):
    """Serves the portal, the web pages on which administrators manage a registry.

    registry: the registry to manage.
    repositories_url: the URL of the repositories, relative to the mount point of this app.
    authenticate: a function that returns the actor of a request, for a host that signs
        administrators in itself. For an administrator it returns
        `Actor("name", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)`. By default, the
        administrators of the registry sign in on a page of the portal.
    """

    def __init__(
        self,
        registry: "Registry",
        *,
        repositories_url: str = "../repositories/",
        authenticate: Authenticate | None = None,
    ) -> None:
        # By default, administrators sign in on a page, and no header would help.
        super().__init__(authenticate, challenge=problems.BASIC if authenticate else None)
        self._registry = registry
        self._repositories_url = repositories_url
        self._own_sessions = authenticate is None
        self._templates = _environment()
        self._routes = _routes()

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

    def _page(self, request: Request, actor: Actor) -> Page:
        return Page(request, self._registry, self._templates, self._repositories_url, actor)

    def _answer(self, page: Page) -> Response:
        request = page.request
        path = path_info(request)
        if not path:
            return redirect_to_root(request)
        if path.startswith("/static/"):
            return _static_file(path.removeprefix("/static/"))
        page.session = self._session(request)
        if page.session is not None:
            page.actor = page.session.actor
            note_actor(page.actor)
        route, names = self._routes.find(path.rstrip("/") or "/")
        if route.public and not self._own_sessions:
            raise NotFound(NO_PAGE)  # the host has its own way to sign in
        if page.actor.kind is not ActorKind.ADMINISTRATOR and not route.public:
            if self._own_sessions:
                return _to_sign_in(page)
            raise PermissionDenied("Only administrators may use the portal.")
        require_method(request, route.methods, "This page cannot be used so.")
        if request.method == "POST" and route.act is not None:
            return self._act(page, route, route.act, names)
        assert route.show is not None  # noqa: S101 - or GET would not be allowed
        return route.show(page, **names)

    def _act(self, page: Page, route: _Route, act: View, names: dict[str, Any]) -> Response:
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
            if route.show is None or status in (403, 404) or status >= 500:
                raise
            refusal = problems.refusal_of(error, self._challenge)
            if error not in page.refused.values():
                page.error = error.message
            response = route.show(page, **names)
            response.status_code = status
            return refusal.sent_with(response)

    def _session(self, request: Request) -> Session | None:
        secret = request.cookies.get(sign_in.COOKIE, "")
        return self._registry.sessions.find(secret) if self._own_sessions and secret else None


def _to_sign_in(page: Page) -> Response:
    wanted = path_info(page.request).strip("/")
    return page.redirect("sign-in", next=wanted if page.request.method == "GET" else None)


@cache
def _routes() -> Routes[_Route]:
    return Routes({route.path: route for route in ROUTES}, NO_PAGE)


@cache
def _environment() -> Environment:
    """Templates are compiled once in a process, however many registries it has."""
    environment = environment_of("pypi_repo.web.portal")
    environment.filters.update(filters.FILTERS)
    environment.globals["static_version"] = _static_version
    return environment


@cache
def _static_files() -> Mapping[str, bytes]:
    """Those of the folder, by their names. What strangers ask for beside them is not kept."""
    folder = resources.files("pypi_repo.web.portal") / "static"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@cache
def _static_version(name: str) -> str:
    """name: as templates write it."""
    return hashlib.sha256(_static_files()[name]).hexdigest()[:12]


def _static_file(name: str) -> Response:
    suffix = name[name.rfind(".") :]
    content = _static_files().get(name) if suffix in _STATIC_TYPES else None
    if content is None:
        raise NotFound(NO_PAGE)
    response = Response(content, content_type=f"{_STATIC_TYPES[suffix]}; charset=utf-8")
    # The link to it holds its version.
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
