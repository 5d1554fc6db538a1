"""A WSGI application on a real port, beside other work of this process: for tests."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from waitress import wasyncore
from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class BackgroundServer:
    """Serves from threads of this process, on a free port of the loopback interface.

    It listens once it is made, and no longer after `close` or the end of its `with` block.

    url: without a slash at its end.
    """

    def __init__(self, application: "WSGIApplication", *, threads: int = 8) -> None:
        server: Any = create_server(application, host="127.0.0.1", port=0, threads=threads)
        self._server = server
        self.port = int(server.effective_port)
        self.url = f"http://127.0.0.1:{self.port}"
        self._closing = threading.Event()
        self._loop = threading.Thread(target=self._serve, name=f"live-{self.port}")
        self._loop.start()

    def close(self) -> None:
        if self._closing.is_set():
            return
        self._server.task_dispatcher.shutdown()
        self._closing.set()
        self._server.pull_trigger()
        # No socket may be closed, and its number used again, while the loop selects it.
        self._loop.join()
        self._close_everything()

    def _serve(self) -> None:
        while not self._closing.is_set():
            wasyncore.loop(timeout=60, map=self._server._map, count=1)

    def _close_everything(self) -> None:
        """Close every socket, and the temporary files of requests and answers half way."""
        for channel in list(self._server.active_channels.values()):
            for request in filter(None, (channel.request, *channel.requests)):
                request.close()
            channel.handle_close()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
