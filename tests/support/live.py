"""The application on a real port: in this process, or as `python -m pypi_repo.serve`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import waitress
from waitress import wasyncore

from tests.support.processes import ServerProcess, free_port

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class LiveServer:
    """Serves a WSGI application from threads of this process while the block runs."""

    def __init__(self, app: WSGIApplication, prefix: str = "", *, threads: int = 8) -> None:
        self._server = waitress.create_server(
            _below(prefix, app) if prefix else app, host="127.0.0.1", port=0, threads=threads
        )
        self.port = int(self._server.effective_port)
        self.url = f"http://127.0.0.1:{self.port}{prefix}"
        self._loop = threading.Thread(target=self._server.run, name=f"live-{self.port}")
        self._loop.start()

    def close(self) -> None:
        if not self._loop.is_alive():
            return
        self._server.task_dispatcher.shutdown()
        # Only the loop's own thread may close the sockets that it is selecting.
        self._server.trigger.pull_trigger(self._close_all_sockets)
        self._loop.join()

    def _close_all_sockets(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.cancel()
        wasyncore.close_all(self._server._map)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ServeProcess(ServerProcess):
    """`python -m pypi_repo.serve` with these arguments and a free port.

    `env` is added to this process's environment, less its PYPI_REPO_ variables.
    """

    def __init__(
        self,
        *args: str | os.PathLike[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        start_timeout: float = 30.0,
    ) -> None:
        port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYPI_REPO_")}
        super().__init__(
            [sys.executable, "-m", "pypi_repo.serve", *map(os.fspath, args), "--port", str(port)],
            port,
            env={**inherited, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=cwd,
            start_timeout=start_timeout,
        )


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
