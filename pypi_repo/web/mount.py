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

# One for all apps: Werkzeug compiles what matches URLs, and CPython 3.11 now and then fails with
# "recursion depth mismatch" where two threads compile at the same time.
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
    """The app that `make` returns, made by its first request: who never asks imports nothing."""
    made: list[WSGIApplication] = []

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not made:
            with _making:
                if not made:
                    made.append(make())
        return made[0](environ, start_response)

    return app


def only_waiting(app: "WSGIApplication") -> "WSGIApplication":
    """The app, which is called by nobody who may not wait, because nearly all of it does."""

    def waiting(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        about_to_wait()
        return app(environ, start_response)

    return waiting


def shifted(environ: "WSGIEnvironment", length: int) -> "WSGIEnvironment":
    """A copy with the first `length` characters of PATH_INFO moved to SCRIPT_NAME."""
    path = environ.get("PATH_INFO", "")
    moved = {
        "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + path[:length],
        "PATH_INFO": path[length:],
    }
    return {**environ, **moved}


def not_found(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    refusal = problems.refusal_of(NotFound("There is nothing here; check the URL."))
    return problems.for_client(refusal, Request(environ))(environ, start_response)
