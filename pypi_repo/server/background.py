"""A WSGI application on a real port, beside other work of this process: for tests."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pypi_repo.server.loop import Server
from pypi_repo.server.sockets import listen

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class BackgroundServer:
    """Serves from threads of this process, on a free port of the loopback interface.

    It listens once it is made, and no longer after `close` or the end of its `with` block.

    how: what else `Server` takes.
    url: without a slash at its end.
    """

    def __init__(self, application: "WSGIApplication", **how: Any) -> None:
        sockets = listen("127.0.0.1", 0)
        self.port = int(sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = Server(application, sockets, **how)
        self._loop = threading.Thread(target=self._server.serve, name=f"live-{self.port}")
        self._loop.start()

    def close(self) -> None:
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
