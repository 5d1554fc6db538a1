"""mount(): several WSGI apps behind one, by the beginning of the path."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

from pypi_repo.domain.errors import ConfigurationError
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.web import problems

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# One lock for all apps: Werkzeug compiles code that matches URLs, and CPython 3.11 sometimes fails
# with "recursion depth mismatch" if two threads compile at the same time.
_making = Lock()


def mount(
    apps: "Mapping[str, WSGIApplication]", otherwise: "WSGIApplication | None" = None
) -> "WSGIApplication":
    """Combines several WSGI apps into one, which chooses the app by the beginning of the path.

    apps: the apps by their prefixes. A prefix begins with a slash and does not end with one, such
        as "/pypi". If several prefixes match, the longest is used. It is moved from PATH_INFO to
        SCRIPT_NAME (PEP 3333).
    otherwise: the app for all other requests, which are passed on unchanged; by default, they are
        answered with 404.

    Returns the combined WSGI app.

    Raises ConfigurationError for a prefix that does not have this form.
    """
    for prefix in apps:
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise ConfigurationError(
                f"{prefix!r} cannot be a mount prefix; write it like '/pypi', without a last slash."
            )
    # WSGI paths are bytes in the guise of Latin-1 (PEP 3333).
    by_length = sorted(
        ((prefix.encode().decode("latin-1"), app) for prefix, app in apps.items()),
        key=lambda item: -len(item[0]),
    )
    fallback = not_found if otherwise is None else otherwise

    def mounted(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, app in by_length:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                return app(shifted(environ, len(prefix)), start_response)
        return fallback(environ, start_response)

    return mounted


def when_first_asked(make: "Callable[[], WSGIApplication]") -> "WSGIApplication":
    """Returns an app that is created by its first request.

    A process that never gets such a request does not import what the app needs.

    make: a function that returns the app. It is called once.
    """
    made: list[WSGIApplication] = []

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not made:
            with _making:
                if not made:
                    made.append(make())
        return made[0](environ, start_response)

    return app


def only_waiting(app: "WSGIApplication") -> "WSGIApplication":
    """Returns an app that calls `about_to_wait` before it does anything.

    It is for an app that waits for something in nearly all requests.
    """

    def waiting(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        about_to_wait()
        return app(environ, start_response)

    return waiting


def shifted(environ: "WSGIEnvironment", length: int) -> "WSGIEnvironment":
    """Returns a copy of an environ, with the beginning of PATH_INFO moved to SCRIPT_NAME.

    length: how many characters are moved.
    """
    path = environ.get("PATH_INFO", "")
    moved = {
        "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + path[:length],
        "PATH_INFO": path[length:],
    }
    return {**environ, **moved}


def not_found(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answers every request with 404, as a WSGI app."""
    refusal = problems.refusal_of(NotFound("There is nothing here; check the URL."))
    return problems.for_client(refusal, Request(environ))(environ, start_response)
