"""ApiApp: the management API, a thin face of the services."""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from werkzeug.exceptions import (
    HTTPException,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Request, Response

from pypi_repo.domain import errors
from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.web import problems
from pypi_repo.web.api import description
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import NUMBERS, ApiResponse, Call, Operation
from pypi_repo.web.api.tables import TABLES
from pypi_repo.web.app import WSGIApp, mount_path, path_info, require_method
from pypi_repo.web.observability.request_notes import note_actor
from pypi_repo.web.packages.upload_slots import take_slot
from pypi_repo.web.routing import Routes

if TYPE_CHECKING:
    from pypi_repo.registry import Registry

_LARGEST_BODY = 1024 * 1024
_NOTHING = "There is nothing here; see the description for the URLs."
_READING = ("GET", "HEAD")

_Methods = Mapping[str, Operation]


class ApiApp(WSGIApp):
    """Serves the management API, for tokens of administrators.

    registry: the registry to manage.
    """

    def __init__(self, registry: "Registry") -> None:
        super().__init__(challenge=problems.BEARER)
        self._registry = registry
        self._routes = _routes()

    def handle(self, request: Request, actor: Actor) -> Response:
        return _harmless(self._answer(request))

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        return problems.as_problem(refusal)

    def _answer(self, request: Request) -> Response:
        path = path_info(request)
        if path in ("", "/", "/openapi.json"):
            return description.respond(request, path)
        methods, names = self._routes.find(path)
        require_method(request, methods, "This URL cannot be used so; see the description.")
        operation = methods["GET" if request.method == "HEAD" else request.method]
        actor = self._admitted(request)
        if operation.body is not None:
            take_slot(request.environ, actor)
        call = Call(
            self._registry.acting_as(actor), _body(operation, request), _query(operation, request)
        )
        if request.method in _READING:
            return _shown(operation.handle(call, **names), request)
        if request.method == "POST" or not (request.if_match or request.if_none_match):
            return _changed(_final(operation.handle(call, **names)), request)

        def change_if_still_so() -> ApiResponse:
            self._check_conditions(request, methods, call, names)
            return operation.handle(call, **names)

        return _changed(_final(self._registry.as_one(change_if_still_so)), request)

    def _admitted(self, request: Request) -> Actor:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            raise errors.AuthenticationRequired(
                "Send an administrator's token, as in `Authorization: Bearer ppa_...`."
            )
        if scheme.lower() != "bearer":
            raise InvalidCredentials("Only tokens of administrators are accepted, as Bearer.")
        actor, token = self._registry.sessions.with_token(secret.strip())
        note_actor(actor)
        if token.read_only and request.method not in _READING:
            raise PermissionDenied(
                f"The token {token.name!r} may only read; use one that may change things."
            )
        return actor

    def _check_conditions(
        self, request: Request, methods: _Methods, call: Call, names: dict[str, Any]
    ) -> None:
        """RFC 9110, section 13. Raises PreconditionFailed."""
        query = methods["GET"].query
        asked = Call(call.acting, query=query and query())
        try:
            tag = _etag(_encoded(methods["GET"].handle(asked, **names)))
        except errors.NotFound:
            tag = None
        _require_match(request, tag)
        unwanted = request.if_none_match
        if unwanted and tag is not None and (unwanted.star_tag or unwanted.contains_weak(tag)):
            raise _PreconditionFailed("It exists already, as it is.")


class _PreconditionFailed(HTTPException):
    code = 412


def _require_match(request: Request, tag: str | None) -> None:
    """Raises _PreconditionFailed unless If-Match, where it was sent, is about this state."""
    wanted = request.if_match
    if wanted and (tag is None or not (wanted.star_tag or wanted.is_strong(tag))):
        raise _PreconditionFailed("It was changed meanwhile; read it again.")


@cache
def _routes() -> Routes[_Methods]:
    found: dict[str, dict[str, Operation]] = {}
    for table in TABLES:
        for operation in table.operations:
            found.setdefault(_rule(operation.path), {})[operation.method] = operation
    return Routes[_Methods](found, _NOTHING)


def _rule(path: str) -> str:
    for name in NUMBERS:
        path = path.replace(f"{{{name}}}", f"<int(max=9223372036854775807):{name}>")
    return path.replace("{", "<").replace("}", ">")


def _body(operation: Operation, request: Request) -> Any:
    """Raises an HTTPException or _Unprocessable for a body that is no such document."""
    if operation.body is None:
        return None
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send a JSON document, as application/json.")
    request.max_content_length = _LARGEST_BODY
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        request.max_content_length = None  # or it could not be drained
        raise RequestEntityTooLarge("A document may have at most 1 MiB.") from None
    try:
        return msgspec.json.decode(data, type=operation.body)
    except msgspec.ValidationError as error:
        raise _Unprocessable(f"The document does not fit: {error}.") from None
    except (msgspec.DecodeError, RecursionError):
        raise errors.Invalid("The body is not a JSON document; check its syntax.") from None


class _Unprocessable(HTTPException):
    code = 422


def _query(operation: Operation, request: Request) -> Any:
    if operation.query is None:
        return None
    try:
        return msgspec.convert(request.args.to_dict(), operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise errors.InvalidSetting(f"A parameter of the URL does not fit: {error}.") from None


def _shown(answer: ApiResponse, request: Request) -> Response:
    data = _encoded(answer)
    tag = _etag(data)
    _require_match(request, tag)
    response = Response(data, content_type="application/json")
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    if isinstance(answer.document, Page) and answer.document.next is not None:
        response.headers["Link"] = f'<{_following(request, answer.document.next)}>; rel="next"'
    if request.if_none_match.contains_weak(tag):
        response.status_code = 304
        response.set_data(b"")
    return response


def _following(request: Request, cursor: str) -> str:
    """Relative, so that it is right behind every mount and proxy."""
    asked = {**request.args.to_dict(), "cursor": cursor}
    return f"?{urlencode(asked)}"


def _final(answer: ApiResponse) -> ApiResponse:
    return answer if answer.after_commit is None else answer.after_commit()


def _changed(answer: ApiResponse, request: Request) -> Response:
    if answer.document is None:
        return Response(status=answer.status)
    state = body = _encoded(answer)
    if answer.warnings is not None:
        shown = {**msgspec.to_builtins(answer.document), "warnings": answer.warnings}
        body = msgspec.json.encode(shown)
    response = Response(body, answer.status, content_type="application/json")
    if answer.location is not None:
        response.autocorrect_location_header = False
        response.headers["Location"] = f"{mount_path(request)}/{answer.location}"
    elif answer.status == 200:
        response.set_etag(_etag(state))  # as of a GET, which does not warn
    return response


def _harmless(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _encoded(answer: ApiResponse) -> bytes:
    return msgspec.json.encode(answer.document)


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
