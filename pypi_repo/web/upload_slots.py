"""A server's threads for uploads, of which nobody may hold too many."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pypi_repo.domain.access import Actor
from pypi_repo.domain.addresses import network_of
from pypi_repo.domain.errors import TooManyUploads
from pypi_repo.environ import TAKES_SLOT

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_RETRY_AFTER = 10  # seconds


def take_slot(environ: "WSGIEnvironment", actor: Actor) -> None:
    """To be called before a body is read that may be large, such as that of an upload.

    Raises TooManyUploads where the actor, or its address, has too many under way.
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
