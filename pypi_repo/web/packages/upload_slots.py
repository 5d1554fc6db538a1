"""Limits how many of a server's threads for uploads one client can occupy."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pypi_repo.domain.accounts.access import Actor
from pypi_repo.domain.accounts.addresses import network_of
from pypi_repo.domain.errors import TooManyUploads
from pypi_repo.environ import TAKES_SLOT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_RETRY_AFTER = 10  # seconds


def take_slot(environ: "WSGIEnvironment", actor: Actor) -> None:
    """Takes a slot for a request. It is called before a body is read that may be large.

    Raises TooManyUploads if the actor or its address has too many uploads under way.
    """
    take: Callable[[tuple[tuple[str, str], ...]], bool] | None = environ.get(TAKES_SLOT)
    if take is None:
        return
    holders = (
        ("account", f"{actor.kind.value} {actor.name}"),
        ("address", network_of(environ.get("REMOTE_ADDR", ""))),
    )
    if not take(holders):
        raise TooManyUploads(
            "Too many uploads of this account or address are under way; wait until some are done "
            "and send it again.",
            retry_after=_RETRY_AFTER,
        )
