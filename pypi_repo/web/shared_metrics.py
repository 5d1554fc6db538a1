"""The numbers of several processes together, whichever of them is asked."""

import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.web.metrics import Collector, MetricFamily, summed
from pypi_repo.web.metrics_folder import MetricsFolder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_WRITTEN_EVERY = 0.5  # seconds


class SharedMetrics:
    """Writes down for the others what this process counts, twice a second from its first request.

    A process that is killed loses what it counted in the last moment; one that ends in order calls
    `close`.

    Raises ConfigurationError for a folder that cannot be used.
    """

    def __init__(self, folder: Path, collect: Collector) -> None:
        self._collect = collect
        self._folder = MetricsFolder(folder)
        self._mutex = threading.Lock()
        self._ending: threading.Event | None = None
        self._has_joined = False
        self._handed_over: list[MetricFamily] = []

    def begun_by(self, site: "WSGIApplication") -> "WSGIApplication":
        """The site, whose first request in a process begins the telling.

        No earlier: a server may load the site in one process and serve it from its children.
        """

        def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if self._ending is None:
                about_to_wait()
                self._begin()
            return site(environ, start_response)

        return app

    def collect(self) -> list[MetricFamily]:
        """By all processes together. Raises Unavailable."""
        with self._mutex:
            own = self._own()
            if self._ending is not None:
                # Or whoever is asked next could tell less.
                with suppress(OSError):
                    self._write(own)
            try:
                return summed([own, *self._folder.others()])
            except OSError as error:
                raise Unavailable(
                    "The numbers of the other processes cannot be read; see the log.",
                    detail=str(error),
                ) from error

    def close(self) -> None:
        """Tells for the last time. Who counts again afterwards begins anew, also in a child."""
        with self._mutex:
            if self._ending is None:
                return
            self._ending.set()
            self._ending = None
            own = self._own()
            try:
                self._write(own)
            except OSError as error:
                _log.warning("The last numbers could not be told to other processes: %s", error)
            self._folder.leave()
            self._has_joined = False
            self._handed_over = summed([self._handed_over, _negative(own)])

    def _own(self) -> list[MetricFamily]:
        """What this process has counted and not handed over yet."""
        return summed([self._collect(), self._handed_over])

    def _begin(self) -> None:
        with self._mutex:
            if self._ending is None:
                ending = threading.Event()
                threading.Thread(
                    target=self._work, args=(ending,), name="metrics", daemon=True
                ).start()
                self._ending = ending

    def _work(self, ending: threading.Event) -> None:
        is_failing = False
        while not ending.wait(_WRITTEN_EVERY):
            try:
                with self._mutex:
                    if not ending.is_set():
                        self._write(self._own())
                is_failing = False
            except OSError as error:
                if not is_failing:
                    _log.warning("Other processes cannot be told what was counted: %s", error)
                is_failing = True

    def _write(self, own: Sequence[MetricFamily]) -> None:
        if not self._has_joined:
            self._folder.join()
            self._has_joined = True
        self._folder.write(own)


def _negative(families: Sequence[MetricFamily]) -> list[MetricFamily]:
    """What takes these counters away; gauges are not counted."""
    return [
        MetricFamily(
            each.name,
            each.documentation,
            each.kind,
            {key: -value for key, value in each.samples.items()},
        )
        for each in families
        if each.kind != "gauge"
    ]
