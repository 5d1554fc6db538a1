"""The base classes of the WSGI apps, which authenticate requests and answer errors."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import ANONYMOUS, Actor, ActorKind
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.environ import DISCARDS_WHAT_IS_NOT_READ
from pypi_repo.services.bound_repository import BoundRepository
from pypi_repo.web import cors, problems
from pypi_repo.web.authenticate import Authenticate, basic_or_token
from pypi_repo.web.observability.request_notes import note_actor
from pypi_repo.web.other_sites import refuse_other_sites

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CHUNK = 256 * 1024
_DRAINED = 64 * 1024 * 1024
_WITH_HEAD = {"GET": ("GET", "HEAD")}


class WSGIApp(ABC):
    """An app that answers requests of actors, and the errors that it raises.

    authenticate: a function that takes a WSGI environ and returns the actor of the request. Without
        one, all requests are anonymous, until the app itself finds out more while it handles one.
    challenge: the WWW-Authenticate header of a 401; None if clients do not log in by a header.
    """

    def __init__(
        self,
        authenticate: Authenticate | None = None,
        *,
        challenge: str | None = problems.BASIC,
    ) -> None:
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
        """Returns the actor of a request.

        Raises InvalidCredentials, and TypeError if the function of a host returns something else.
        """
        actor: object = ANONYMOUS if self._authenticate is None else self._authenticate(environ)
        if not isinstance(actor, Actor):
            raise TypeError(
                f"`authenticate` must return an Actor, such as ANONYMOUS, but returned {actor!r}; "
                "remote_user(grants) makes such a function."
            )
        note_actor(actor)
        return actor

    @abstractmethod
    def handle(self, request: Request, actor: Actor) -> "WSGIApplication":
        """Answers a request. It may raise a RegistryError or an HTTPException of Werkzeug."""

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        """Returns the answer to a refused request."""
        return problems.for_client(refusal, request)


class RepositoryApp(WSGIApp):
    """An app for package clients, which administrators cannot use.

    Clients store passwords in plain text, and a stolen one must not open the whole registry. So
    administrators must not become used to entering their passwords in clients.

    authenticate: by default, clients log in with the accounts of the registry.
    """

    def __init__(
        self, repository: BoundRepository, authenticate: Authenticate | None = None
    ) -> None:
        super().__init__(authenticate or basic_or_token(repository.login))
        self._is_public = cors.as_far_as_known(repository.source.is_public)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if "HTTP_ORIGIN" not in environ:  # no browser, or nothing that it would keep from a page
            return super().__call__(environ, start_response)
        if cors.is_preflight(environ) and self._is_public():
            return cors.PREFLIGHT(environ, start_response)
        return super().__call__(environ, cors.allowing(start_response, self._is_public))

    def identify(self, environ: "WSGIEnvironment") -> Actor:
        """Returns the actor of a request.

        Raises InvalidCredentials, also for administrators.
        """
        return for_package_clients(super().identify(environ))


def for_package_clients(actor: Actor) -> Actor:
    """Returns the same actor, unless it is an administrator.

    Raises InvalidCredentials.
    """
    if actor.kind is ActorKind.ADMINISTRATOR:
        raise InvalidCredentials(
            "Administrators cannot reach packages here; log in as a repository user."
        )
    return actor


def path_info(request: Request) -> str:
    """Returns the decoded path below the mount point; unlike Request.path, with all its slashes."""
    path: str = request.environ.get("PATH_INFO", "")
    return path.encode("latin-1").decode("utf-8", "replace")


def mount_path(request: Request) -> str:
    """Returns the path of the mount point, without a slash at its end.

    At the root of a host it is empty. It never begins with two slashes, after which clients would
    expect a host.
    """
    path = quote(request.environ.get("SCRIPT_NAME", "").encode("latin-1"))
    return f"/{path.lstrip('/')}" if path else ""


def root_url(request: Request) -> str:
    """Returns the absolute URL of the mount point, with a slash at its end.

    It contains the host as the client spells it. Werkzeug would decode an international host
    (IDNA), which fails for some hosts.
    """
    return f"{request.scheme}://{request.host}{mount_path(request)}/"


def require_reading(request: Request, upload_url: str | None = None) -> None:
    """Raises MethodNotAllowed for all methods except GET and HEAD.

    upload_url: the URL for uploads, relative to the app or absolute, which the error message names.
    """
    if request.method not in ("GET", "HEAD"):
        description = "This URL can only be read."
        if upload_url is not None:
            description += f" {uploads_go_to(request, upload_url)}"
        require_method(request, ["GET"], description)


def require_method(request: Request, methods: Iterable[str], description: str) -> None:
    """Raises MethodNotAllowed for all methods except these. HEAD is allowed where GET is.

    description: the error message.
    """
    allowed = [each for method in methods for each in _WITH_HEAD.get(method, (method,))]
    if request.method not in allowed:
        raise MethodNotAllowed(allowed, description)


def uploads_go_to(request: Request, upload_url: str) -> str:
    """Returns a sentence for clients that upload to a wrong URL.

    upload_url: as for `require_reading`.
    """
    url = urljoin(root_url(request), upload_url)
    return f"Uploads go to {url} : give that to twine or uv publish, which POST to it."


def redirect_to_root(request: Request) -> Response:
    """Redirects to the mount point with a slash at its end, which relative links need."""
    return redirect(request, f"{mount_path(request).rpartition('/')[2]}/")


def redirect(request: Request, target: str) -> Response:
    """Redirects to `target`, a path below the mount point.

    The redirect is relative, so it works behind proxies and mounts whose outer URL is unknown. If
    the path contains doubled slashes, which clients resolve in different ways, it is absolute.
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
    """Reads the rest of a refused upload.

    Many clients only read the answer after they have sent everything.
    """
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
