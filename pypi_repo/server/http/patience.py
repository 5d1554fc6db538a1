"""How long the server waits for clients, and how slow they may be."""

from dataclasses import dataclass

_MOST_DOUBLINGS = 4


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Limits for clients. All times are in seconds."""

    idle: float = 75
    """Without a request, for clients that come back."""

    headers: float = 20
    """From the connection, or a request's first byte, to the end of its headers."""

    body: float = 120
    """In which nothing of a body comes; once in each stretch of twice as long."""

    slowest: float = 1024
    """Bytes a second at which a body must come when it comes, at first ..."""

    doubling: float = 300
    """... and twice as many each time that this has passed, up to sixteen times."""

    answer: float = 60
    """In which nothing of the answer is taken."""

    crowded: float = 5
    """In which nothing of the answer is taken, while others wait for a connection."""

    refused: float = 600
    """For which a client may go on sending what was refused."""

    leaving: float = 20
    """In which a client that was told the end of its connection neither sends nor leaves."""


class Pace:
    """Measures whether a body arrives fast enough.

    A client that sends at the lowest rate may pause for `patience.body` in each period of twice
    this length. The lowest rate grows with time, so that no client occupies a thread for hours with
    very little data.

    now: time.monotonic(), as in all methods.
    """

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._began = now
        self.restart(now)

    def restart(self, now: float) -> None:
        """Starts a new measurement, because it was not the client that was slow so far."""
        self._since = self._heard = now
        self._received = 0

    def came(self, size: int, now: float) -> None:
        """Notes that data has arrived.

        size: in bytes.
        """
        self._heard = now
        self._received += size

    def is_too_slow(self, now: float) -> bool:
        """Returns whether the client is too slow.

        It is called regularly, and judges periods that are over.
        """
        patience = self._patience
        if now - self._heard > patience.body:
            return True
        if now - self._since < 2 * patience.body:
            return False
        received = self._received
        self._since, self._received = now, 0
        return received < self._least_rate(now) * patience.body

    def _least_rate(self, now: float) -> float:
        doublings = int((now - self._began) / self._patience.doubling)
        return self._patience.slowest * (1 << min(doublings, _MOST_DOUBLINGS))
