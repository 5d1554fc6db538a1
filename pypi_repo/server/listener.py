"""Accepts connections, hands requests to threads, and parts with those that are in the way."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from pypi_repo.server.channel import Channel, Patience

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from waitress.adjustments import Adjustments

_LOOKED_EVERY = 1.0  # seconds


class Listener(TcpWSGIServer):
    """One address.

    map: of all sockets of the loop.
    dispatcher: its threads serve requests that have arrived.
    uploads: its threads serve requests whose large bodies are arriving, at their clients' speed.
    """

    channel_class = Channel

    def __init__(
        self,
        application: "WSGIApplication",
        sockets: dict[int, Any],
        adj: "Adjustments",
        address: Any,
        dispatcher: ThreadedTaskDispatcher,
        uploads: ThreadedTaskDispatcher,
        patience: Patience,
    ) -> None:
        self.patience = patience
        self._uploads = uploads
        self._look_at = 0.0
        super().__init__(
            application, map=cast("Any", sockets), dispatcher=dispatcher, adj=adj, sockinfo=address
        )

    @property
    def channels(self) -> list[Channel]:
        return list(cast("Any", self.active_channels).values())

    def add_task(self, task: Any) -> None:
        (self._uploads if task.next_is_streamed else self.task_dispatcher).add_task(task)

    def readable(self) -> bool:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOKED_EVERY
            for channel in self.channels:
                channel.close_if_stuck(now)
        return self.accepting and (not self._is_full or self._in_the_way() is not None)

    def handle_accept(self) -> None:
        """In the place of the connection that has been waiting longest, where there are many."""
        if self._is_full and (oldest := self._in_the_way()):
            oldest.handle_close()
        super().handle_accept()

    @property
    def _is_full(self) -> bool:
        return len(cast("Any", self)._map) >= self.adj.connection_limit

    def _in_the_way(self) -> Channel | None:
        return min(_dispensable(self.channels), key=lambda channel: channel.since, default=None)


def _dispensable(channels: Iterable[Channel]) -> Iterable[Channel]:
    return (channel for channel in channels if channel.is_dispensable)
