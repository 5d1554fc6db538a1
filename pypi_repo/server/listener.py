"""Accepts connections, and hands their requests to threads."""

import socket
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from waitress.server import TcpWSGIServer

from pypi_repo.server.channel import Channel
from pypi_repo.server.patience import Patience
from pypi_repo.server.threads import Threads
from pypi_repo.server.upload_slots import UploadSlots

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from waitress.adjustments import Adjustments


class Listener(TcpWSGIServer):
    """One address.

    map: of all sockets of the loop.
    dispatcher: its threads serve requests that have arrived.
    uploads: its threads serve requests whose large bodies are arriving, at their clients' speed.
    upload_slots: these threads, shared out among accounts and addresses.
    """

    channel_class = Channel

    def __init__(
        self,
        application: "WSGIApplication",
        sockets: dict[int, Any],
        adj: "Adjustments",
        listening: socket.socket,
        dispatcher: Threads,
        uploads: Threads,
        upload_slots: UploadSlots,
        patience: Patience,
    ) -> None:
        self.patience = patience
        self.upload_slots = upload_slots
        self._uploads = uploads
        super().__init__(
            application,
            map=cast("Any", sockets),
            _sock=cast("Any", listening),
            dispatcher=dispatcher,
            adj=adj,
            bind_socket=False,
            sockinfo=cast("Any", (listening.family, listening.type, 0, listening.getsockname())),
        )

    def add_task(self, task: Any) -> None:
        (self._uploads if task.next_is_streamed else self.task_dispatcher).add_task(task)

    def waiting(self) -> AbstractContextManager[None]:
        """Around what a thread does that waits for a slow client to take its answer."""
        return cast("Threads", self.task_dispatcher).waiting()

    def readable(self) -> bool:
        return self.accepting and len(cast("Any", self)._map) < self.adj.connection_limit
