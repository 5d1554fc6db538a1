"""Turns errors into HTTP responses.

`refusal_of` decides the status, the code, the message and the headers, in the same way for all
clients. The body depends on the client: `for_client` answers package clients, `as_problem` answers
programs that manage the registry, and the portal makes a page.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Request, Response

from pypi_repo.domain import errors
from pypi_repo.domain.accounts.errors import InvalidCredentials, MailFailed
from pypi_repo.web.observability.request_notes import note_error

BASIC = 'Basic realm="pypi_repo", charset="UTF-8"'
BEARER = "Bearer"

_log = logging.getLogger(__name__)

_STATUSES: dict[type[errors.RegistryError], int] = {
    errors.Invalid: 400,
    errors.AuthenticationRequired: 401,
    InvalidCredentials: 401,
    errors.PermissionDenied: 403,
    errors.ProjectClosed: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.ActionGone: 410,
    errors.TooLarge: 413,
    errors.TooManyRequests: 429,
    errors.UpstreamFailed: 502,
    MailFailed: 502,
    errors.UpstreamRefused: 502,
    errors.Unavailable: 503,
    errors.OutOfSpace: 507,
    errors.RegistryError: 500,
}
_TEXT = "text/plain; charset=utf-8"
_RETRY_AFTER = 5  # seconds, where nothing better is known
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Refusal:
    """An error as HTTP expresses it.

    code: a stable code, for programs.
    message: one sentence, for people.
    headers: headers of the response for any body, such as Allow and Retry-After.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str]

    def sent_with(self, response: Response) -> Response:
        """Adds the headers to a response, which must not be cached."""
        response.headers.update(self.headers)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457). `error` is the stable code of the error."""

    title: str
    status: int
    detail: str
    error: str


def status_of(error: errors.RegistryError) -> int:
    """Returns the HTTP status of an error."""
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def refusal_of(
    error: errors.RegistryError | HTTPException, challenge: str | None = BASIC
) -> Refusal:
    """Returns the refusal for an error, and records it for the log and the metrics.

    challenge: the WWW-Authenticate header (RFC 9110, section 11.6.1); None if a 401 is not about
        the credentials of the request, such as that of a sign-in form.
    """
    if isinstance(error, HTTPException):
        status = error.code or 500
        code = HTTP_STATUS_CODES.get(status, "error").lower().replace(" ", "-")
        message, headers = error.description or "", dict(error.get_headers())
        headers.pop("Content-Type", None)  # of the body that Werkzeug would make
    else:
        status, code, message = status_of(error), error.code, error.message
        headers = _headers(error, challenge)
        if status >= 500:
            _log.error("%s", error.for_operator)
    note_error(code)
    return Refusal(status, code, message, headers)


def for_client(refusal: Refusal, request: Request) -> Response:
    """Returns a response for package clients.

    The message is in the reason phrase, which is all that twine, poetry, hatch and flit show, and
    in the body, which uv shows.
    """
    # A message may quote what a stranger sent; here it becomes part of the status line.
    line = re.sub(r"[^\x20-\x7e]+", "?", " ".join(refusal.message.split()))
    reason = f"{refusal.status} {line[:_LONGEST_REASON]}"
    accepted = request.headers.get("Accept", "")
    if "json" not in accepted or refusal.status == 406:
        response = Response(f"{refusal.message}\n", reason, content_type=_TEXT)
    elif "application/json" in accepted:
        # uv prints `code` of an upload's answer, if the type is exactly this.
        document = msgspec.to_builtins(_problem(refusal))
        document |= {"code": reason, "message": refusal.message}
        response = Response(msgspec.json.encode(document), reason, content_type="application/json")
    else:
        response = as_problem(refusal)
        response.status = reason
    response.headers["Vary"] = "Accept"
    return refusal.sent_with(response)


def as_problem(refusal: Refusal, **more: object) -> Response:
    """Returns a response with problem details (RFC 9457).

    more: further members of the document.
    """
    body = msgspec.json.encode({**msgspec.to_builtins(_problem(refusal)), **more})
    return refusal.sent_with(
        Response(body, refusal.status, content_type="application/problem+json")
    )


def _headers(error: errors.RegistryError, challenge: str | None) -> dict[str, str]:
    headers = {}
    if status_of(error) == 401 and challenge is not None:
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, errors.TooManyRequests | errors.UpstreamFailed):
        headers["Retry-After"] = str(error.retry_after)  # RFC 9110, section 10.2.3
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(_RETRY_AFTER)
    return headers


def _problem(refusal: Refusal) -> Problem:
    return Problem(
        title=HTTP_STATUS_CODES.get(refusal.status, "Error"),
        status=refusal.status,
        detail=refusal.message,
        error=refusal.code,
    )
