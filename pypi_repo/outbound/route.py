"""Where a connection leads, and what it allows on the way."""

from dataclasses import dataclass

from pypi_repo.domain.values.target import Target
from pypi_repo.domain.values.urls import Url


@dataclass(frozen=True, slots=True)
class Route:
    """Two requests may share a connection if they have the same route.

    ca_file: the path of a file of certificates that are trusted instead of those of the system.
    anywhere: whether the host may have addresses that are not on the public internet.
    called: what errors call whoever is there.
    """

    scheme: str
    host: str
    port: int
    ca_file: str | None
    anywhere: bool
    called: str


def route_to(url: Url, target: Target) -> Route:
    """Returns the route to a URL, with what the target allows."""
    return Route(
        url.scheme,
        url.host,
        url.port,
        target.ca_file,
        target.allow_private_network,
        target.called,
    )
