"""The processes of `pypi-repo serve`."""

import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from pypi_repo.registry import Registry
from pypi_repo.server.balance import Share
from pypi_repo.server.http.patience import Patience
from pypi_repo.server.loop import Server
from pypi_repo.server.processors import can_fork
from pypi_repo.settings import Settings
from pypi_repo.storage.blobs.urls import end_thread
from pypi_repo.web.proxy import behind_proxy

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger("pypi_repo.serve")


class Service:
    """The site of a registry, at these sockets.

    tls: encrypts all connections.
    renew: makes it anew, at a reload.
    """

    def __init__(
        self,
        settings: Settings,
        sockets: Sequence[socket.socket],
        *,
        patience: Patience,
        trusted_proxy: str | None,
        tls: ssl.SSLContext | None,
        renew: Callable[[], ssl.SSLContext | None],
    ) -> None:
        self._settings, self._sockets = settings, sockets
        self._patience, self._trusted_proxy = patience, trusted_proxy
        self._tls, self._renew = tls, renew

    def run(self, workers: int, when_serving: Callable[[], None]) -> None:
        """Serves until a signal asks for the end.

        workers: the number of processes.
        when_serving: is called once requests are answered.
        """
        if not can_fork():
            when_serving()
            self._serve(Server.run)
            return
        from pypi_repo.server.signals import end_by
        from pypi_repo.server.workers import Supervisor
        from pypi_repo.web.observability.metrics_folder import temporary_folder

        if os.environ.get("PYPI_REPO_METRICS_FOLDER"):
            _log.warning(
                "PYPI_REPO_METRICS_FOLDER is not used: it is for other servers, and the workers of "
                "this one share a temporary folder."
            )
        # Without a token nobody can ask for the numbers.
        with temporary_folder() if self._settings.metrics_token else nullcontext() as folder:
            self._settings = replace(self._settings, metrics_folder=folder)
            supervisor = Supervisor(
                lambda seat: self._serve(seat.run, seat.share),
                workers,
                self._sockets,
                renew=self._reload,
                when_serving=when_serving,
            )
            end_thread()
            ended_by = supervisor.run()
        if ended_by is not None:
            end_by(ended_by)

    def _reload(self) -> None:
        self._tls = self._renew()

    def _serve(self, run: Callable[[Server], None], share: Share | None = None) -> None:
        with Registry(self._settings) as registry:
            registry.chores.start()
            # So the log says what is wrong before the first upload does.
            threading.Thread(target=registry.readiness.check, daemon=True).start()
            registry.upkeep.settle_soon()  # a worker that was killed may have left something
            run(
                Server(
                    site_of(registry, self._trusted_proxy),
                    self._sockets,
                    patience=self._patience,
                    tls=self._tls,
                    share=share,
                    informant=registry.fresh_answers,
                )
            )


def site_of(registry: Registry, trusted_proxy: str | None) -> "WSGIApplication":
    """Returns the site of a registry, behind a proxy if there is one.

    Raises ConfigurationError for settings that cannot work.
    """
    site = registry.wsgi_app()
    return behind_proxy(site, trusted_proxy) if trusted_proxy else site
