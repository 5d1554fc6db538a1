"""Errors about groups and invitations."""

from pypi_repo.domain.errors import NotFound


class UnknownGroup(NotFound):
    """There is no group with this name."""

    code = "unknown-group"


class UnknownInvitation(NotFound):
    """There is no invitation with this secret: it was used or withdrawn, or has expired."""

    code = "unknown-invitation"
