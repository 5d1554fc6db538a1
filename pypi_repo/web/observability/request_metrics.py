"""The metrics of requests."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from pypi_repo.web.observability.metrics import (
    Counter,
    Distribution,
    Labels,
    MetricFamily,
    Number,
    counter_family,
    histogram_family,
)
from pypi_repo.web.observability.request_notes import Observation

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAILURES = ("internal-server-error", "out-of-space", "unavailable")
_LOGIN_ERRORS = frozenset({"invalid-credentials", "too-many-failed-logins"})


class _Answers:
    """The answers with one route, method and status.

    seconds: how long each took until it began.
    sent: the bytes of their bodies.
    """

    __slots__ = ("seconds", "sent")

    def __init__(self) -> None:
        self.seconds = Distribution(_SECONDS)
        self.sent = 0


class RequestMetrics:
    """The metrics of the requests of one registry in this process."""

    def __init__(self) -> None:
        # Counted in one place, and read under three names: each request pays for the counting.
        self._mutex = threading.Lock()
        self._answers: defaultdict[tuple[str, str, int], _Answers] = defaultdict(_Answers)
        self.uploads = Counter("pypi_repo_uploads_total", "Files accepted.")
        self.uploaded_bytes = Counter("pypi_repo_uploaded_bytes_total", "Bytes of files accepted.")
        self.refusals = Counter(
            "pypi_repo_refusals_total", "Requests refused, by the code of the error.", ("code",)
        )
        self.failed_logins = Counter(
            "pypi_repo_authentication_failures_total",
            "Requests with credentials that were not accepted.",
            ("code",),
        )
        # A counter that comes up with its first 1 has not grown, to Prometheus.
        for code in _FAILURES:
            self.refusals.add(0, code)
        for code in _LOGIN_ERRORS:
            self.failed_logins.add(0, code)

    def collect(self) -> Sequence[MetricFamily]:
        """Returns the metrics."""
        return (
            self._requests(),
            self._seconds(),
            self._sent_bytes(),
            self.uploads.family(),
            self.uploaded_bytes.family(),
            self.refusals.family(),
            self.failed_logins.family(),
        )

    def count(
        self, route: str, method: str, status: int, seconds: float, sent: int, seen: Observation
    ) -> None:
        """Counts a request.

        seconds: how long it took until the answer began.
        sent: the bytes of the body.
        """
        place = bisect_left(_SECONDS, seconds)
        with self._mutex:
            answers = self._answers[route, method if method in _METHODS else "other", status]
            answers.sent += sent
            answers.seconds.counts[place] += 1
            answers.seconds.sum += seconds
        if seen.uploads:
            self.uploads.add(seen.uploads)
            self.uploaded_bytes.add(seen.uploaded_bytes)
        if seen.error:
            self.refusals.add(1, seen.error)
            if seen.error in _LOGIN_ERRORS:
                self.failed_logins.add(1, seen.error)

    def _requests(self) -> MetricFamily:
        with self._mutex:
            values: dict[Labels, Number] = {
                (route, method, str(status)): sum(answers.seconds.counts)
                for (route, method, status), answers in self._answers.items()
            }
        labels = ("route", "method", "status")
        return counter_family("pypi_repo_requests_total", "Requests answered.", labels, values)

    def _seconds(self) -> MetricFamily:
        found = defaultdict[Labels, Distribution](lambda: Distribution(_SECONDS))
        with self._mutex:
            for (route, _method, _status), answers in self._answers.items():
                found[route,].add(answers.seconds)
        name, documentation = "pypi_repo_request_duration_seconds", "Time until an answer began."
        return histogram_family(name, documentation, ("route",), _SECONDS, found)

    def _sent_bytes(self) -> MetricFamily:
        values = defaultdict[Labels, Number](int)
        with self._mutex:
            for (route, _method, _status), answers in self._answers.items():
                values[route,] += answers.sent
        name, documentation = "pypi_repo_response_bytes_total", "Bytes of the answers' bodies."
        return counter_family(name, documentation, ("route",), values)
