"""TrustedPublishingApp: where CI jobs exchange signed tokens for tokens of repositories."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from werkzeug.exceptions import NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.errors import NotAcceptable, TooLarge
from pypi_repo.domain.identity.errors import InvalidPayload
from pypi_repo.domain.names import is_repository_name
from pypi_repo.settings import KIB
from pypi_repo.web import problems
from pypi_repo.web.app import WSGIApp, require_method, require_reading, root_url

if TYPE_CHECKING:
    from pypi_repo.registry import Registry

_AUDIENCE = "/_/oidc/audience"
_MINT = "/_/oidc/mint-token"
_MINT_FOR_GITHUB = "/_/oidc/github/mint-token"
_BURN = "/_/oidc/burn-token"
_DISCOVERY = "/.well-known/pytp"

_DISCOVERED = "application/vnd.pypi.pytp.v1+json"
_LARGEST_BODY = 256 * KIB
_UPLOAD_URL = re.compile(r"(?:/.*)?/repositories/([^/]+)(?:/|/legacy/?|/stages/[^/]+/?)?")

_FAILED = "The token request failed."  # clients print what failed in it as well
# Clients show what is wrong with 422. A provider that does not answer is none of their faults.
_STATUSES = {400: 422, 401: 422, 502: 503}


_FEATURES = ["multi-use-token"]
"""What the tokens that are given here are like (PEP 807)."""

_MOUNTS = ("/_/oidc", _DISCOVERY)
"""Where a host mounts the app, beside inside `registry.wsgi_app()`."""


class _Wanted(msgspec.Struct):
    token: str
    features: list[str] = []  # of the token that is wanted; those of all if it names none


class TrustedPublishingApp(WSGIApp):
    """Serves the exchange of tokens of CI jobs (trusted publishing), and its discovery (PEP 807).

    Package clients look for it at the root of the host, whatever the path of the upload URL, so a
    host that mounts `registry.wsgi_app()` below a prefix mounts this app at `/_/oidc` and at
    `/.well-known/pytp` as well. `registry.wsgi_app()` has these URLs itself, unless the host has
    its own accounts (`authenticate`).

    registry: the registry with the publishers.
    """

    def __init__(self, registry: "Registry") -> None:
        super().__init__(challenge=None)
        self._publishing = registry.trusted_publishing
        self._handlers: Mapping[str, Callable[[Request], Response]] = {
            _AUDIENCE: self._audience,
            _MINT: self._mint,
            _MINT_FOR_GITHUB: self._mint,
            _BURN: self._burn,
            _DISCOVERY: self._discover,
        }

    def handle(self, request: Request, actor: Actor) -> Response:
        handler = self._handlers.get(_mount(request) + request.environ.get("PATH_INFO", ""))
        if handler is None:
            raise NotFound("There is nothing here; check the URL.")
        return handler(request)

    def _audience(self, request: Request) -> Response:
        require_reading(request)
        self._publishing.require_enabled()
        return _json({"audience": self._publishing.audience})

    def _mint(self, request: Request) -> Response:
        require_method(request, ["POST"], "Send the token of the job with POST.")
        self._publishing.require_enabled()
        wanted = _sent(request)
        if not set(wanted.features) <= set(_FEATURES):
            raise InvalidPayload(
                f"Tokens here have the features {', '.join(_FEATURES)} and no other; ask for "
                "these, or for none."
            )
        minted = self._publishing.mint(wanted.token, request.environ.get("REMOTE_ADDR", ""))
        expires = int(minted.expires_at.timestamp())
        return _json({"success": True, "token": minted.secret, "expires": expires})

    def _burn(self, request: Request) -> Response:
        """Says nothing of the token, which may be that of somebody else."""
        require_method(request, ["POST"], "Send the token that is to end with POST.")
        self._publishing.burn(_sent(request).token)
        return Response(status=204, headers={"Cache-Control": "no-store"})

    def _discover(self, request: Request) -> Response:
        """Nothing is looked up, so it does not show which repositories there are."""
        require_reading(request)
        self._publishing.require_enabled()
        accepted = request.accept_mimetypes
        if request.headers.get("Accept") and not accepted[_DISCOVERED]:
            raise NotAcceptable(f"This is only there as {_DISCOVERED}; accept that.")
        match = _UPLOAD_URL.fullmatch(request.args.get("discover", ""))
        if match is None or not is_repository_name(match[1]):
            raise NotFound("The parameter discover is not the path of an upload URL; check it.")
        root = _root(request)
        document = {
            "audience-endpoint": root + _AUDIENCE,
            "token-mint-endpoint": root + _MINT,
            "features": _FEATURES,
            "default-features": _FEATURES,
        }
        response = _json(document, _DISCOVERED)
        response.headers["Vary"] = "Accept"
        return response

    def _refused(self, request: Request, refusal: problems.Refusal) -> Response:
        """Returns problem details (RFC 9457) that also have what the public index answers."""
        refusal = replace(refusal, status=_STATUSES.get(refusal.status, refusal.status))
        errors = [{"code": refusal.code, "description": refusal.message}]
        return problems.as_problem(refusal, message=_FAILED, errors=errors)


def _sent(request: Request) -> _Wanted:
    """Clients do not agree on a Content-Type, so none is demanded."""
    request.max_content_length = _LARGEST_BODY
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        request.max_content_length = None  # or it could not be drained
        raise TooLarge(
            "This is too large for the token of a CI job; send nothing but the token."
        ) from None
    try:
        return msgspec.json.decode(data, type=_Wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidPayload(
            'The body is no JSON object with the token of the job; send {"token": "..."}.'
        ) from None


def _json(document: object, media_type: str = "application/json") -> Response:
    response = Response(msgspec.json.encode(document), content_type=media_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _mount(request: Request) -> str:
    """Returns the part of its URLs below which a host has mounted the app; empty for none of it."""
    script_name: str = request.environ.get("SCRIPT_NAME", "")
    return next((mount for mount in _MOUNTS if script_name.endswith(mount)), "")


def _root(request: Request) -> str:
    """Returns the absolute URL below which the URLs of this app are, without a slash at its end."""
    script_name = request.environ.get("SCRIPT_NAME", "").removesuffix(_mount(request))
    return root_url(Request({**request.environ, "SCRIPT_NAME": script_name})).removesuffix("/")
