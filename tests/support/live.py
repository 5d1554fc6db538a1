"""The application on a real port: in this process, or as `python -m pypi_repo.serve`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pypi_repo.server.background import BackgroundServer
from tests.support.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class LiveServer(BackgroundServer):
    """Serves a WSGI application below `prefix`, from threads of this process."""

    def __init__(self, app: WSGIApplication, prefix: str = "") -> None:
        super().__init__(_below(prefix, app) if prefix else app)
        self.url += prefix


class ServeProcess(ServerProcess):
    """`python -m pypi_repo.serve` with these arguments and a free port.

    `env` is added to this process's environment, less its PYPI_REPO_ variables. `warm` is whether
    what it imports is there already; see `warm_python`.
    """

    def __init__(
        self,
        *args: str | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        start_timeout: float = 120.0,
        warm: bool = True,
    ) -> None:
        port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYPI_REPO_")}
        super().__init__(
            [sys.executable, "-m", "pypi_repo.serve", *map(str, args), "--port", str(port)],
            port,
            env={**inherited, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd,
            start_timeout=start_timeout,
            warm=warm,
        )
        try:
            self._wait_until_it_says_so(start_timeout)
        except BaseException:
            self.close()
            raise

    def _wait_until_it_says_so(self, timeout: float) -> None:
        """The port accepts connections a moment before a first start has told its passwords."""
        deadline = time.monotonic() + timeout
        while "Listening on " not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not say where it listens:\n{self.output}")
            time.sleep(0.02)


def _below(prefix: str, app: WSGIApplication) -> WSGIApplication:
    def mounted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path != prefix and not path.startswith(prefix + "/"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"outside the prefix\n"]
        environ["SCRIPT_NAME"] += prefix
        environ["PATH_INFO"] = path[len(prefix) :]
        return app(environ, start_response)

    return mounted
