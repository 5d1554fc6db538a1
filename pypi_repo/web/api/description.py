"""Serves the description of the management API, for programs and for people."""

from functools import cache

import msgspec
from werkzeug.wrappers import Request, Response

from pypi_repo.web import help_pages
from pypi_repo.web.api import openapi
from pypi_repo.web.app import mount_path, redirect_to_root, require_method


def respond(request: Request, path: str) -> Response:
    """Both need no token: they tell what every installation has."""
    require_method(request, ["GET"], "The description can only be read.")
    if path == "":
        return redirect_to_root(request)
    if path == "/":
        return help_pages.shown(_page())
    here = {"servers": [{"url": mount_path(request) or "/"}]}
    return Response(msgspec.json.encode(openapi.document() | here), content_type="application/json")


@cache
def _page() -> str:
    return help_pages.page("api.html", **openapi.document())
