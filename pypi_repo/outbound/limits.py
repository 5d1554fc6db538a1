"""Limits on what is taken from elsewhere."""

import math
from dataclasses import dataclass

from pypi_repo.settings import KIB, MIB


@dataclass(frozen=True, kw_only=True)
class OutboundLimits:
    """Limits on what is taken from elsewhere. Sizes are in bytes, and times in seconds.

    No time is for the whole of a file, however large it is or slowly it comes.
    """

    page: int = 64 * MIB
    """The size of a page, also after it was decompressed."""

    page_time: float = 300
    """The time for a page."""

    headers: int = 256 * KIB
    """The size of the status line and the headers of an answer. Their number and the length of a
    line are limited by the standard library (100, and 64 KiB)."""

    redirects: int = 5
    """The number of redirects that one request follows."""

    connect: float = 10
    """The time to connect to a host, whatever the number of its addresses; and then, the time to
    agree on TLS. The look-up of its name takes as long as the system lets it take."""

    read: float = 30
    """The time from the request to the end of the headers, and the time in which an answer must
    bring at least `least`. Time in which nobody reads does not count."""

    least: int = KIB
    """What an answer must bring within `read`, or all that is left of it. Otherwise who sends
    single bytes could hold a thread for ever."""

    whole: float = math.inf
    """The time for all that is done on one connection, from the beginning. It is for clients that
    make one request on each connection; the look-up of a name does not count."""

    idle: float = 60
    """The time for which an unused connection is kept."""

    kept: int = 8
    """The number of unused connections that are kept for each host."""
