"""Connections that wait for the next request."""

from collections import defaultdict
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from pypi_repo.outbound.limits import OutboundLimits
from pypi_repo.outbound.route import Route

if TYPE_CHECKING:
    from pypi_repo.outbound.connections import AnyConnection


class KeptConnections:
    """Unused connections by their routes; the one that was used last is taken first."""

    def __init__(self, limits: OutboundLimits) -> None:
        self._limits = limits
        self._lock = Lock()
        self._kept: defaultdict[Route, list[tuple[float, AnyConnection]]] = defaultdict(list)
        self._is_closed = False

    def take(self, route: Route) -> "AnyConnection | None":
        """Returns a connection that seems alive; None if there is none."""
        while True:
            with self._lock:
                waiting = self._kept.get(route)
                if not waiting:
                    return None
                since, connection = waiting.pop()
            # What can be read from it now belongs to no request, or is its end.
            if connection.is_connected and monotonic() - since <= self._limits.idle:
                return connection
            connection.close()

    def keep(self, route: Route, connection: "AnyConnection") -> None:
        """Takes a connection whose answer was read to the end; it may be closed already."""
        unused = [connection]
        with self._lock:
            waiting = self._kept[route]
            while waiting and monotonic() - waiting[0][0] > self._limits.idle:
                unused.append(waiting.pop(0)[1])
            if not (connection.is_closed or self._is_closed) and len(waiting) < self._limits.kept:
                waiting.append((monotonic(), connection))
                unused.remove(connection)
        for each in unused:
            each.close()

    def close(self) -> None:
        """Closes all connections, and those that come from now on."""
        with self._lock:
            self._is_closed = True
            everything = [each for waiting in self._kept.values() for _, each in waiting]
            self._kept.clear()
        for connection in everything:
            connection.close()
