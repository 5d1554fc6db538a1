"""The frame of every WSGI app here: environ -> actor -> handle() -> response."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.access import Actor, ActorKind
from pypi_repo.domain.errors import InvalidCredentials, RegistryError
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.environ import DISCARDS_WHAT_IS_NOT_READ
from pypi_repo.web import cors, problems
from pypi_repo.web.authenticate import Authenticate
from pypi_repo.web.bound_repository import BoundRepository
from pypi_repo.web.observation import note_actor
from pypi_repo.web.other_sites import refuse_other_sites

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CHUNK = 256 * 1024
_DRAINED = 64 * 1024 * 1024
_WITH_HEAD = {"GET": ("GET", "HEAD")}


class WSGIApp(ABC):
    """An app that knows who asks.

    authenticate: WSGI environ -> Actor.
    challenge: how to log in, told with each 401; None where nobody logs in by a header.
    """

    def __init__(self, authenticate: Authenticate, challenge: str | None = problems.BASIC) -> None:
        self._authenticate = authenticate
        self._challenge = challenge

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        request = Request(environ)
        response: WSGIApplication
        try:
            refuse_other_sites(request)
            response = self.handle(request, self.identify(environ))
        except (RegistryError, HTTPException) as error:
            drain(request)
            response = self._refused(request, problems.refusal_of(error, self._challenge))
        return response(environ, start_response)

    def identify(self, environ: "WSGIEnvironment") -> Actor:
        actor = self._authenticate(environ)
        note_actor(actor)
        return actor

    @abstractmethod
    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        """Answers, or raises a RegistryError or a Werkzeug HTTPException."""

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        """The answer to a request that was refused so."""
        return problems.for_client(refusal, request)


class RepositoryApp(WSGIApp):
    """An app for package clients: administrators never reach packages through it.

    Clients keep passwords in plain text, and a stolen one must not hand over the registry; so
    nobody gets used to giving an administrator's to one.

    authenticate: by default the registry's own accounts.
    """

    def __init__(
        self, repository: BoundRepository, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(authenticate or repository.authenticate)
        self._is_public = cors.as_far_as_known(repository.is_public)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if "HTTP_ORIGIN" not in environ:  # no browser, or nothing that it would keep from a page
            return super().__call__(environ, start_response)
        if cors.is_preflight(environ) and self._is_public():
            return cors.PREFLIGHT(environ, start_response)
        return super().__call__(environ, cors.allowing(start_response, self._is_public))

    def identify(self, environ: "WSGIEnvironment") -> Actor:
        actor = super().identify(environ)
        if actor.kind is ActorKind.ADMINISTRATOR:
            raise InvalidCredentials(
                "Administrators cannot reach packages here; log in as a repository user."
            )
        return actor


def path_info(request: Request) -> str:
    """What follows the mount point, decoded; unlike Request.path, with every slash it has."""
    path: str = request.environ.get("PATH_INFO", "")
    return path.encode("latin-1").decode("utf-8", "replace")


def mount_path(request: Request) -> str:
    """The path of the mount point's URL, without a slash at its end; empty at the root of a host.

    It never begins with two slashes, behind which a host would stand.
    """
    path = quote(request.environ.get("SCRIPT_NAME", "").encode("latin-1"))
    return f"/{path.lstrip('/')}" if path else ""


def root_url(request: Request) -> str:
    """The absolute URL of the mount point, with a slash at its end, as the client spells the host.

    Werkzeug's would show the host as it looks to people (IDNA), if it can be decoded at all.
    """
    return f"{request.scheme}://{request.host}{mount_path(request)}/"


def require_reading(request: Request, upload_url: str | None = None) -> None:
    """Raises MethodNotAllowed for all but GET and HEAD.

    upload_url: where uploads go, for whoever uploads here; relative to the app, or absolute.
    """
    if request.method not in ("GET", "HEAD"):
        description = "This URL can only be read."
        if upload_url is not None:
            description += f" {uploads_go_to(request, upload_url)}"
        require_method(request, ["GET"], description)


def require_method(request: Request, methods: Iterable[str], description: str) -> None:
    """Raises MethodNotAllowed, with the description, for all but these; HEAD comes with GET."""
    allowed = [each for method in methods for each in _WITH_HEAD.get(method, (method,))]
    if request.method not in allowed:
        raise MethodNotAllowed(allowed, description)


def uploads_go_to(request: Request, upload_url: str) -> str:
    """A sentence for whoever uploads to another URL; `upload_url` as for `require_reading`."""
    url = urljoin(root_url(request), upload_url)
    return f"Uploads go to {url} : give that to twine or uv publish, which POST to it."


def redirect_to_root(request: Request) -> Response:
    """To the mount point's own URL with a slash at its end, which relative links need."""
    return redirect(request, f"{mount_path(request).rpartition('/')[2]}/")


def redirect(request: Request, target: str) -> Response:
    """A redirect to `target`, a path below the mount point (beside it, without its last slash).

    Relative, so it survives proxies and mounts whose outer URL nobody told us; but where the
    path has doubled slashes, which clients resolve in different ways.
    """
    path = path_info(request)
    if "//" in path:
        location = f"{mount_path(request)}/{target}"
    else:
        location = "../" * (path.count("/") - 1) + target or "./"
    query = request.query_string.decode("latin-1")
    location += f"?{query}" if query else ""
    response = Response(status=301)
    response.autocorrect_location_header = False
    response.headers["Location"] = location
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "no-cache"
    return response


def drain(request: Request) -> None:
    """Reads what is left of a refused upload: many clients see no answer while they send."""
    if DISCARDS_WHAT_IS_NOT_READ in request.environ:
        return
    about_to_wait()
    try:
        stream = request.stream
        remaining = _DRAINED
        while remaining > 0 and (chunk := stream.read(_CHUNK)):
            remaining -= len(chunk)
    except (HTTPException, OSError):
        pass  # the client is gone, and with it whoever would read the answer
