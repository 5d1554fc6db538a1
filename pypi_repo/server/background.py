"""A server for a WSGI application within the process of a test."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class BackgroundServer:
    """Serves an application from threads of this process.

    The server has a free port of the loopback interface. It listens until `close` is called or its
    `with` block ends.

    how: other arguments of `Server`.
    url: the URL of the server, without a slash at its end.
    """

    def __init__(self, application: "WSGIApplication", **how: Any) -> None:
        sockets = listen("127.0.0.1", 0)
        self.port = int(sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = Server(application, sockets, **how)
        self._loop = threading.Thread(target=self._server.serve, name=f"live-{self.port}")
        self._loop.start()

    def close(self) -> None:
        """Stops the server."""
        self._server.stop()
        self._loop.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
