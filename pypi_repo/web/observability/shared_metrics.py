"""The metrics of several processes together."""

import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.settings import Settings
from pypi_repo.web.observability.metrics import Collector, MetricFamily, summed
from pypi_repo.web.observability.metrics_folder import MetricsFolder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_WRITTEN_EVERY = 0.5  # seconds


class SharedMetrics:
    """Writes the metrics of this process for the others.

    It does so twice a second, from the first request on. A process that is killed loses the counts
    of the last moment. A process that ends in an orderly way calls `close`.

    Raises ConfigurationError for a folder that cannot be used.
    """

    def __init__(self, folder: Path, collect: Collector) -> None:
        self._collect = collect
        self._folder = MetricsFolder(folder)
        self._mutex = threading.Lock()
        self._ending: threading.Event | None = None
        self._has_joined = False
        self._offloaded: list[MetricFamily] = []

    @classmethod
    def of(cls, settings: Settings, collect: Collector) -> "SharedMetrics | None":
        """Returns what writes the metrics of this process.

        Returns None where no other process could be asked, or where nobody may read metrics.
        """
        if settings.metrics_folder is None or settings.metrics_token is None:
            return None
        return cls(settings.metrics_folder, collect)

    def begun_by(self, site: "WSGIApplication") -> "WSGIApplication":
        """Wraps a site, whose first request in a process starts the writing.

        It does not start earlier, because a server may load the site in one process and serve it
        from its children.
        """

        def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
            if self._ending is None:
                about_to_wait()
                self._begin()
            return site(environ, start_response)

        return app

    def collect(self) -> list[MetricFamily]:
        """Returns the metrics of all processes together.

        Raises Unavailable.
        """
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
        """Writes the metrics for the last time.

        If this process or a child counts again, it starts anew.
        """
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
            self._offloaded = summed([self._offloaded, _negative(own)])

    def _own(self) -> list[MetricFamily]:
        """Returns what this process has counted and not yet handed over."""
        return summed([self._collect(), self._offloaded])

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
