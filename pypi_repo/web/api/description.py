"""Serves the description of the management API, for programs and for people."""

import msgspec
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Request, Response

from pypi_repo.web.api import openapi, reading_page
from pypi_repo.web.app import mount_path

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def respond(request: Request, path: str) -> Response:
    """Both need no token: they tell what every installation has."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(["GET", "HEAD"], "The description can only be read.")
    if path == "":
        response = Response(status=301)
        response.autocorrect_location_header = False
        response.headers["Location"] = f"{mount_path(request).rpartition('/')[2]}/"
        return response
    if path == "/":
        response = Response(reading_page.document(), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY
        return response
    here = {"servers": [{"url": mount_path(request) or "/"}]}
    return Response(msgspec.json.encode(openapi.document() | here), content_type="application/json")
