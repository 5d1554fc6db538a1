"""Errors as answers: one table of statuses, and the form that each client shows to its user.

The same sentence stands in the reason phrase, the only thing that twine, poetry, hatch and
flit print, and in the body, which is what uv prints.
"""

import json
import logging
import re

from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Request, Response

from pypi_repo.domain import errors
from pypi_repo.web.observation import note_error

_log = logging.getLogger(__name__)

_STATUSES: dict[type[errors.RegistryError], int] = {
    errors.Invalid: 400,
    errors.AuthenticationRequired: 401,
    errors.InvalidCredentials: 401,
    errors.PermissionDenied: 403,
    errors.ProjectClosed: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.ActionGone: 410,
    errors.TooLarge: 413,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.OutOfSpace: 507,
    errors.RegistryError: 500,
}
_CHALLENGE = 'Basic realm="pypi_repo", charset="UTF-8"'
_RETRY_AFTER = 5  # seconds, where nothing better is known
_LONGEST_REASON = 200


def respond(error: errors.RegistryError | HTTPException, request: Request) -> Response:
    status, code = noted(error)
    if isinstance(error, HTTPException):
        response = _answer(request, status, code, error.description or "")
        for name, value in error.get_headers(request.environ):
            if name not in ("Content-Type", "Content-Length"):
                response.headers[name] = value
        return response
    response = _answer(request, status, code, error.message)
    if status == 401:
        response.headers["WWW-Authenticate"] = _CHALLENGE
    say_when_to_retry(response, error)
    return response


def say_when_to_retry(response: Response, error: Exception) -> None:
    """RFC 9110, section 10.2.3."""
    if isinstance(error, errors.TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = str(_RETRY_AFTER)


def status_of(error: errors.RegistryError) -> int:
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def noted(error: errors.RegistryError | HTTPException) -> tuple[int, str]:
    """Status and code of a refusal, which the operator's log and numbers learn of."""
    if isinstance(error, HTTPException):
        status = error.code or 500
        code = HTTP_STATUS_CODES.get(status, "error").lower().replace(" ", "-")
    else:
        status, code = status_of(error), error.code
        if status >= 500:
            _log.error("%s", error.for_operator)
    note_error(code)
    return status, code


def _answer(request: Request, status: int, code: str, message: str) -> Response:
    # A message may quote what a stranger sent; here it becomes part of the status line.
    line = re.sub(r"[^\x20-\x7e]+", "?", " ".join(message.split()))
    reason = f"{status} {line[:_LONGEST_REASON]}"
    response = Response(status=reason)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    response.headers["X-Content-Type-Options"] = "nosniff"
    accepted = request.headers.get("Accept", "")
    if "json" not in accepted or status == 406:
        response.content_type = "text/plain; charset=utf-8"
        response.set_data(f"{message}\n")
        return response
    title = HTTP_STATUS_CODES.get(status, "Error")
    document = {"title": title, "status": status, "detail": message, "error": code}
    if "application/json" in accepted:
        # uv prints `code` of an upload's answer, if the type is exactly this.
        response.content_type = "application/json"
        document |= {"code": reason, "message": message}
    else:
        response.content_type = "application/problem+json"  # RFC 9457
    response.set_data(json.dumps(document))
    return response
