"""Serves the description of the management API, for programs and for people."""

from functools import cache

import msgspec
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.web.api import openapi
from pypi_repo.web.app import mount_path, redirect_to_root, require_method
from pypi_repo.web.pages.environment import environment

# The page may load nothing, and has its style in it.
_SECURITY = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
}


def respond(request: Request, path: str) -> Response:
    """Returns the description of the API, or a page that shows it.

    Neither needs a token: they tell what every installation has.
    """
    require_method(request, ["GET"], "The description can only be read.")
    if path == "":
        return redirect_to_root(request)
    if path == "/":
        return Response(_page(), content_type="text/html; charset=utf-8", headers=_SECURITY)
    here = {"servers": [{"url": mount_path(request) or "/"}]}
    return Response(msgspec.json.encode(openapi.document() | here), content_type="application/json")


@cache
def _page() -> str:
    about_to_wait()  # until it is compiled
    return environment().get_template("api/description.html").render(openapi.document())
