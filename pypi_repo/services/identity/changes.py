"""What changes of identity providers and of publishers have in common."""

from collections.abc import Mapping
from typing import Protocol

from pypi_repo.domain.accounts.access import Actor, ActorKind
from pypi_repo.domain.errors import PermissionDenied

_OF_THE_OPERATOR = ("allow_private_network", "ca_file")
"""Settings with which a page could have anything in the network of the server asked, and files of
the server opened."""


class ReachesAnIssuer(Protocol):
    """Settings that say how an issuer of tokens is reached."""

    @property
    def issuer(self) -> str:
        """The URL of the issuer."""

    @property
    def allow_private_network(self) -> bool:
        """Whether the issuer may have private and local addresses."""

    @property
    def ca_file(self) -> str | None:
        """The path of a file with the certificates of the authorities to trust."""


def require_operator(
    actor: Actor, before: ReachesAnIssuer, after: ReachesAnIssuer, what: str
) -> None:
    """Raises PermissionDenied if only the operator may change settings in this way.

    what: what has the settings, for the message.
    """
    if actor.kind is ActorKind.OPERATOR:
        return
    names = _OF_THE_OPERATOR + (("issuer",) if before.allow_private_network else ())
    if any(getattr(after, name) != getattr(before, name) for name in names):
        raise PermissionDenied(
            f"Only the operator of the server lets {what} into a private network, changes where "
            "such a one is, or names a file of certificates; have it done on the command line of "
            "the server."
        )


def as_text(value: object) -> str:
    """Returns a setting as the journal shows it."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}={as_text(item)}" for key, item in value.items())
    return " ".join(value) if isinstance(value, tuple) else str(value)
