"""The numbers of several processes together, whichever of them is asked."""

import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pypi_repo.domain.errors import Unavailable
from pypi_repo.domain.waiting import about_to_wait
from pypi_repo.web.metrics import Family, Told, all_told, together
from pypi_repo.web.metrics_folder import MetricsFolder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_TOLD_AFTER = 0.5  # seconds


class SharedMetrics:
    """Tells the others what this process counts, twice a second from its first request on.

    A process that is killed loses what it counted in the last moment; one that ends in order calls
    `close`.

    Raises ConfigurationError for a folder that cannot be used.
    """

    def __init__(self, folder: Path, families: Sequence[Family]) -> None:
        self._families = families
        self._folder = MetricsFolder(folder)
        self._mutex = threading.Lock()
        self._ending: threading.Event | None = None
        self._has_joined = False
        self._handed_over: list[Told] = []

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

    def told(self) -> list[Told]:
        """By all processes together. Raises Unavailable."""
        with self._mutex:
            own = self._own()
            if self._ending is not None:
                # Or whoever is asked next could tell less.
                with suppress(OSError):
                    self._tell(own)
            try:
                return together([own, *self._folder.others()])
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
                self._tell(own)
            except OSError as error:
                _log.warning("The last numbers could not be told to other processes: %s", error)
            self._folder.leave()
            self._has_joined = False
            self._handed_over = together([self._handed_over, _negative(own)])

    def _own(self) -> list[Told]:
        """What this process has counted and not handed over yet."""
        return together([all_told(self._families), self._handed_over])

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
        while not ending.wait(_TOLD_AFTER):
            try:
                with self._mutex:
                    if not ending.is_set():
                        self._tell(self._own())
                is_failing = False
            except OSError as error:
                if not is_failing:
                    _log.warning("Other processes cannot be told what was counted: %s", error)
                is_failing = True

    def _tell(self, own: Sequence[Told]) -> None:
        if not self._has_joined:
            self._folder.join()
            self._has_joined = True
        self._folder.tell(own)


def _negative(told: Sequence[Told]) -> list[Told]:
    """What takes these counters away; gauges are not counted."""
    return [
        Told(one.name, one.meaning, one.kind, {key: -value for key, value in one.samples.items()})
        for one in told
        if one.kind != "gauge"
    ]
