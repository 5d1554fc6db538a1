"""Tells people who open a URL in a browser from programs, and leads them to the sign-in form."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from werkzeug.wrappers import Request, Response

from pypi_repo.web.app import mount_path, path_info

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def is_navigation(environ: "WSGIEnvironment") -> bool:
    """Returns whether somebody opens a URL in a browser, and the browser has no password for it.

    Browsers say so by Sec-Fetch-Mode (W3C Fetch Metadata), which no package client sends; that a
    client merely accepts HTML means nothing.
    """
    return (
        environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
        and environ["REQUEST_METHOD"] == "GET"
        and "HTTP_AUTHORIZATION" not in environ
        and "text/html" in environ.get("HTTP_ACCEPT", "")
    )


def to_sign_in(request: Request, account_url: str) -> Response:
    """Returns the way to the sign-in form, which leads back to the page that was asked for.

    account_url: the URL of the `AccountApp`, relative to the mount point of the app that answers.
    """
    response = Response(status=303)
    response.autocorrect_location_header = False
    response.headers["Location"] = sign_in_url(request, account_url)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept, Authorization, Cookie, Sec-Fetch-Mode"
    return response


def sign_in_url(request: Request, account_url: str) -> str:
    """Returns the URL of the sign-in form, relative to the page that was asked for."""
    path = path_info(request)
    up = "../" * (path.count("/") - 1)
    if not path:  # the mount point itself was called, without a slash at its end
        up = f"{mount_path(request).rpartition('/')[2]}/"
    wanted = _beside(request, account_url)
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return f"{up}{account_url}sign-in{query}"


def asking_to_sign_in(app: "WSGIApplication", account_url: str) -> "WSGIApplication":
    """Returns the same app, which leads to the sign-in form instead of asking for a password.

    account_url: as for `to_sign_in`.
    """

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not is_navigation(environ):
            return app(environ, start_response)
        is_asked = False

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            nonlocal is_asked
            is_asked = status.startswith("401 ")
            return None if is_asked else start_response(status, headers, *error)

        # All other answers stay the objects that they are, such as files that arrive.
        content = app(environ, start)
        if not is_asked:
            return content
        if hasattr(content, "close"):
            content.close()
        return to_sign_in(Request(environ), account_url)(environ, start_response)

    return answer


def _beside(request: Request, account_url: str) -> str:
    """Returns what was asked for, relative to the folder in which the account is.

    Empty for what is not in it.
    """
    here = f"{mount_path(request)}/"
    folder = urljoin(urljoin(here, account_url), "../")
    query = request.query_string.decode("latin-1")
    wanted = here.rstrip("/") + path_info(request) + (f"?{query}" if query else "")
    return wanted.removeprefix(folder) if wanted.startswith(folder) else ""
