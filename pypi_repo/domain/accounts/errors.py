"""Errors about groups, invitations and mail."""

from pypi_repo.domain.errors import NotFound, RegistryError


class UnknownGroup(NotFound):
    """There is no group with this name."""

    code = "unknown-group"


class UnknownInvitation(NotFound):
    """There is no invitation with this secret: it was used or withdrawn, or has expired."""

    code = "unknown-invitation"


class MailFailed(RegistryError):
    """A mail could not be sent; the message says why."""

    code = "mail-failed"
