"""Observes the requests of a site: it counts them, logs them, and gives them ids."""

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pypi_repo.domain.text import without_secrets
from pypi_repo.domain.waiting import WouldWait
from pypi_repo.web.observability.logs import ACCESS, only_handler
from pypi_repo.web.observability.request_metrics import RequestMetrics
from pypi_repo.web.observability.request_notes import Observation, current

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(ACCESS)

_SECTIONS = {"pypi": "json", "integrity": "provenance", "legacy": "upload"}
_OF_OPERATORS = frozenset({"healthz", "readyz", "metrics"})
_LINE = "%(method)s %(path)s %(status)d"
_LONGEST_TEXT = 500  # characters


def instrumented(site: "WSGIApplication", metrics: RequestMetrics) -> "WSGIApplication":
    """Returns the site with observation around it.

    The answers of the site reach the server unchanged, except for one more header. A request counts
    as finished when its answer begins, because the server sends bodies without our code.
    """

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        began = time.perf_counter()
        seen = Observation(environ.get("HTTP_X_REQUEST_ID"))
        status, sent = 500, 0

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> "Any":
            nonlocal status, sent
            status = int(line[:3])
            for name, value in headers:
                if name == "Content-Length":
                    sent = int(value)
            headers.append(("X-Request-ID", seen.id))
            return start_response(line, headers, exc_info)

        current.set(seen)
        try:
            answer = site(environ, start)
        except WouldWait:  # whoever may wait does it anew, and that is watched
            current.set(None)
            raise
        except BaseException:
            # The name stays in the context: the server is about to log what happened.
            seen.error = seen.error or "internal-server-error"
            _finish(environ, metrics, seen, status, 0, time.perf_counter() - began)
            raise
        if environ["REQUEST_METHOD"] == "HEAD":
            sent = 0
        _finish(environ, metrics, seen, status, sent, time.perf_counter() - began)
        current.set(None)
        return answer

    return app


def route_of(method: str, path: str) -> str:
    """Returns the kind of a URL, as one of a few words."""
    first, _slash, below = path[1:].partition("/")
    if first == "repositories":
        return _route_in_repository(method, below.partition("/")[2])
    if first in ("portal", "api", "account"):
        return first
    if first in ("_", ".well-known"):
        return "trusted-publishing"
    if first in ("", "+static"):
        return "browse"
    return "health" if first in _OF_OPERATORS else "other"


def _route_in_repository(method: str, path: str) -> str:
    section, _slash, below = path.partition("/")
    if section == "legacy" and below.startswith("+simple"):
        section, _slash, below = below.partition("/")
    if section in ("simple", "+simple"):
        return "simple-project" if below else "simple-list"
    if section == "files":
        return "metadata" if below.endswith(".metadata") else "file"
    if section in _SECTIONS:
        return _SECTIONS[section]
    if method == "POST" and not section:
        return "upload"
    is_page = not section or section.startswith("+") or (section == "project" and below)
    return "browse" if is_page else "other"


def _finish(
    environ: "WSGIEnvironment",
    metrics: RequestMetrics,
    seen: Observation,
    status: int,
    sent: int,
    seconds: float,
) -> None:
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
    route = route_of(method, path)
    metrics.count(route, method, status, seconds, sent, seen)
    # Whoever watches over the server asks every few seconds, and is no news.
    level = logging.DEBUG if route == "health" and status < 400 else logging.INFO
    if _log.isEnabledFor(level):
        fields = {
            "method": method[:_LONGEST_TEXT],
            "path": _path(environ.get("SCRIPT_NAME", "") + path),
            "route": route,
            "status": status,
            "error": seen.error,
            "bytes": sent,
            "milliseconds": round(seconds * 1000, 2),
            "actor": seen.actor,
            "address": environ.get("REMOTE_ADDR", ""),
            "client": environ.get("HTTP_USER_AGENT", "").partition(" ")[0][:_LONGEST_TEXT],
        }
        if handler := only_handler(_log, level):
            handler.write_request(level, seen.id, fields)
            return
        # Not by _log.log(), which would look for the caller.
        _log.handle(
            _log.makeRecord(
                _log.name, level, __file__, 0, _LINE, (fields,), None, extra={"fields": fields}
            )
        )


def _path(path: str) -> str:
    """Returns a path for the log, without secrets that a client may have put into it."""
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    if "@" in path or "pp" in path or "ey" in path:  # as all secrets have, and few paths
        path = without_secrets(path)
    return path[:_LONGEST_TEXT]
