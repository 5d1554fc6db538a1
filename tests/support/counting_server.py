"""The server as `serve` runs it, which tells at /turns how often its loop has turned.

python -m tests.support.counting_server DATA PORT
"""

from __future__ import annotations

import selectors
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pypi_repo import Registry
from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen
from pypi_repo.settings import in_folder
from pypi_repo.web.observability.logs import log_to_stderr

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class CountingSelector(selectors.DefaultSelector):
    """asyncio asks it once in each turn of its loop."""

    turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        CountingSelector.turns += 1
        return super().select(timeout)


def telling_turns(application: WSGIApplication) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/turns":
            return application(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(CountingSelector.turns).encode()]

    return app


if __name__ == "__main__":
    data, port = sys.argv[1:]
    log_to_stderr()
    selectors.DefaultSelector = CountingSelector  # type: ignore[misc]  # which asyncio makes one of
    with Registry(in_folder(data)) as registry:
        Server(telling_turns(registry.wsgi_app()), listen("127.0.0.1", int(port))).run()
