"""Errors about accounts, passwords, groups, invitations and mail."""

from pypi_repo.domain.errors import Conflict, Invalid, NotFound, RegistryError, TooManyRequests


class InvalidCredentials(RegistryError):
    """The credentials are wrong, expired, revoked, or those of the wrong kind of account."""

    code = "invalid-credentials"


class TooManyFailedLogins(TooManyRequests):
    """The client has sent too many wrong passwords."""

    code = "too-many-failed-logins"


class TooManyLogins(TooManyRequests):
    """Too many passwords are being checked at the moment."""

    code = "too-many-logins"


class UnknownAccount(NotFound):
    """There is no user or administrator with this name."""

    code = "unknown-account"


class UnknownToken(NotFound):
    """There is no token with this number."""

    code = "unknown-token"


class LastAdministrator(Conflict):
    """No other administrator could manage administrators after this change."""

    code = "last-administrator"


class InvalidPassword(Invalid, ValueError):
    """The password is too short, too long, or contains characters that are not allowed."""

    code = "invalid-password"


class UnknownGroup(NotFound):
    """There is no group with this name."""

    code = "unknown-group"


class UnknownInvitation(NotFound):
    """There is no invitation with this secret: it was used or withdrawn, or has expired."""

    code = "unknown-invitation"


class MailFailed(RegistryError):
    """A mail could not be sent; the message says why."""

    code = "mail-failed"
