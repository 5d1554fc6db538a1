"""URLs for operators and their tools: health, readiness and metrics."""

import hmac
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.errors import InvalidCredentials
from pypi_repo.domain.errors import AuthenticationRequired, ConfigurationError
from pypi_repo.services.chores.reports import ChoreReport
from pypi_repo.services.operations.readiness import Readiness
from pypi_repo.web import problems
from pypi_repo.web.app import WSGIApp, path_info, require_reading
from pypi_repo.web.mount import only_waiting
from pypi_repo.web.observability import metrics
from pypi_repo.web.observability.chore_metrics import chore_metrics
from pypi_repo.web.observability.metrics import Collector

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_SHORTEST_TOKEN = 16  # characters


class HealthApp(WSGIApp):
    """Answers 200 if the process is there.

    It checks nothing else, so that no process is restarted because of another's failure.
    """

    def __init__(self) -> None:
        super().__init__()

    def handle(self, request: Request, actor: Actor) -> Response:
        _require_this_url(request)
        return _plain("ok\n")


class ReadinessApp(WSGIApp):
    """Answers 200 if the registry can be used, and otherwise 503 and what is wrong."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self._readiness = readiness

    def handle(self, request: Request, actor: Actor) -> Response:
        _require_this_url(request)
        found = self._readiness.check()
        is_ready = set(found.values()) == {"ok"}
        lines = "".join(f"{name}: {state}\n" for name, state in found.items())
        return _plain(lines, 200 if is_ready else 503)


class MetricsApp(WSGIApp):
    """Serves metrics to clients with the bearer token `token`; if there is none, to nobody.

    collect: a function that returns the current metrics.

    Raises ConfigurationError for a token that could be guessed.
    """

    def __init__(self, token: str | None, collect: Collector) -> None:
        super().__init__(challenge=problems.BEARER)
        if token is not None and len(token) < _SHORTEST_TOKEN:
            raise ConfigurationError(
                f"The metrics token must have at least {_SHORTEST_TOKEN} characters; make one "
                "with `openssl rand -hex 24`."
            )
        self._token = token
        self._collect = collect

    def handle(self, request: Request, actor: Actor) -> Response:
        _require_this_url(request)
        if self._token is None:
            raise NotFound("Metrics are off; set PYPI_REPO_METRICS_TOKEN to read them.")
        header = request.environ.get("HTTP_AUTHORIZATION", "")
        if not header:
            raise AuthenticationRequired("Send the metrics token, as Bearer.")
        scheme, _space, sent = header.partition(" ")
        # As bytes: compare_digest takes no other text than ASCII.
        is_right = hmac.compare_digest(sent.strip().encode(), self._token.encode())
        if scheme.lower() != "bearer" or not is_right:
            raise InvalidCredentials("This is not the metrics token.")
        return _plain(metrics.exposition(self._collect()), content_type=metrics.CONTENT_TYPE)


def apps_for_operators(
    token: str | None,
    collect: Collector,
    reports: Callable[[], Sequence[ChoreReport]],
    readiness: Readiness,
) -> "dict[str, WSGIApplication]":
    """Returns the apps for operators, by their URLs.

    token: the bearer token for metrics; see `MetricsApp`.
    collect: a function that returns the metrics of requests and caches.
    reports: a function that returns how the chores went, which are measured as well.
    """

    def with_chores() -> list[metrics.MetricFamily]:
        return [*collect(), *chore_metrics(reports)]

    return {
        "/healthz": HealthApp(),
        "/readyz": only_waiting(ReadinessApp(readiness)),
        "/metrics": only_waiting(MetricsApp(token, with_chores)),
    }


def _require_this_url(request: Request) -> None:
    if path_info(request):
        raise NotFound("There is nothing here; check the URL.")
    require_reading(request)


def _plain(
    text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8"
) -> Response:
    response = Response(text, status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
