"""Several machines in small: WSGI servers behind nginx, over one PostgreSQL and one S3."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pypi_repo import Registry, Settings
from tests.support.nginx import NginxServer
from tests.support.processes import free_port
from tests.support.s3 import REGION, S3Server
from tests.support.wsgi_servers import ServerName, WsgiServer, nginx_site

PROCESSES: tuple[ServerName, ...] = ("gunicorn", "gunicorn", "granian", "granian", "uwsgi")


@dataclass(frozen=True)
class Shared:
    """What all machines share: a database, and a bucket of an S3 server."""

    database: str
    s3: S3Server
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        """As the page on scaling out sets it, and what S3's own tools want to know."""
        return {
            "PYPI_REPO_DATABASE": self.database,
            "PYPI_REPO_BLOBS": f"s3://{self.bucket}/registry",
            "PYPI_REPO_TRUSTED_PROXY": "127.0.0.1",
            "AWS_ENDPOINT_URL": self.s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
        }

    def registry(self) -> Registry:
        """The same registry in this process, for whoever operates it."""
        return Registry(
            Settings(
                database=self.database,
                blobs=f"s3://{self.bucket}/registry",
                blob_options=self.s3.storage_options,
                password_cost=4,
            )
        )


class Cluster:
    """Runs while the block does: one process for each of `names`, each on a port of its own."""

    def __init__(
        self, shared: Shared, folder: Path, names: Sequence[ServerName] = PROCESSES
    ) -> None:
        self.shared = shared
        self._folder = folder
        self._names = names
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            with ThreadPoolExecutor(len(self._names)) as threads:
                starting = [threads.submit(self._start, name) for name in self._names]
            self.servers = [stack.enter_context(each.result()) for each in starting]
            port = free_port()
            site = nginx_site(port, [server.port for server in self.servers])
            self.nginx = stack.enter_context(NginxServer(self._folder, port, site))
            self._stack = stack.pop_all()
        return self

    def _start(self, name: ServerName) -> WsgiServer:
        return WsgiServer(name, self._folder, self.shared.environment, workers=1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self.servers:
            server.process.terminate()  # all at once, and then wait for each
        self._stack.close()
