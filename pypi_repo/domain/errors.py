"""Everything that can go wrong, as one tree.

Each leaf has a stable `code` for programs; its message is one sentence for people that says
what to do next. Messages never hold secrets. What HTTP status a class means is the web
layer's business.
"""

from typing import ClassVar


class RegistryError(Exception):
    """The root: whoever embeds a registry can catch this one class."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        return str(self.args[0]) if self.args else type(self).__name__

    @property
    def for_operator(self) -> str:
        """The message, with what clients must not see."""
        return self.message


class AuthenticationRequired(RegistryError):
    """No credentials came with the request, and it needs some."""

    code = "authentication-required"


class InvalidCredentials(RegistryError):
    """Credentials came and are wrong, expired, revoked or of the wrong kind of account."""

    code = "invalid-credentials"


class TooManyRequests(RegistryError):
    """Others must be answered too; `retry_after` is in seconds."""

    code = "too-many-requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyFailedLogins(TooManyRequests):
    """Wrong passwords came too often."""

    code = "too-many-failed-logins"


class TooManyLogins(TooManyRequests):
    """So many passwords are being checked that this one finds no place."""

    code = "too-many-logins"


class TooManyUploads(TooManyRequests):
    """One account or address has too many under way."""

    code = "too-many-uploads"


class PermissionDenied(RegistryError):
    """The actor is known and may not do this."""

    code = "permission-denied"


class ProjectClosed(RegistryError):
    """The project's status (PEP 792) forbids this."""

    code = "project-closed"


class NotFound(RegistryError):
    code = "not-found"


class UnknownRepository(NotFound):
    code = "unknown-repository"


class UnknownProject(NotFound):
    code = "unknown-project"


class UnknownRelease(NotFound):
    code = "unknown-release"


class UnknownFile(NotFound):
    code = "unknown-file"


class UnknownAccount(NotFound):
    code = "unknown-account"


class UnknownToken(NotFound):
    code = "unknown-token"


class Conflict(RegistryError):
    code = "conflict"


class NameTaken(Conflict):
    """A repository or account of this name exists."""

    code = "name-taken"


class LastAdministrator(Conflict):
    """Deleting this administrator would lock everybody out."""

    code = "last-administrator"


class FileAlreadyExists(Conflict):
    """Overwrite protection: other content under an existing filename."""

    code = "file-already-exists"


class Invalid(RegistryError):
    """What was sent breaks a rule."""

    code = "invalid"


class InvalidName(Invalid, ValueError):
    code = "invalid-name"


class InvalidSetting(Invalid, ValueError):
    code = "invalid-setting"


class InvalidPassword(Invalid, ValueError):
    code = "invalid-password"


class InvalidForm(Invalid):
    """The upload form lacks a field or has one that makes no sense."""

    code = "invalid-form"


class InvalidFilename(Invalid, ValueError):
    code = "invalid-filename"


class FilenameRetired(InvalidFilename):
    """The filename belonged to a file that was deleted.

    No conflict: clients told to skip existing files must not skip this one silently.
    """

    code = "filename-retired"


class DigestMismatch(Invalid):
    code = "digest-mismatch"


class InvalidArchive(Invalid):
    code = "invalid-archive"


class InvalidMetadata(Invalid):
    code = "invalid-metadata"


class InvalidAttestation(Invalid):
    code = "invalid-attestation"


class ReleaseClosed(Invalid):
    """The release takes no more files, or no more of this kind."""

    code = "release-closed"


class ActionGone(RegistryError):
    """An action of the legacy upload API that no index offers any more."""

    code = "action-gone"


class TooLarge(RegistryError):
    code = "too-large"


class NotAcceptable(RegistryError):
    """No representation that the client accepts."""

    code = "not-acceptable"


class Unavailable(RegistryError):
    """The database or the blob store does not answer; trying again later may help.

    `detail` is for the operator, not for clients: it may name hosts and paths.
    """

    code = "unavailable"

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail

    @property
    def for_operator(self) -> str:
        return f"{self.message} ({self.detail})" if self.detail else self.message


class SchemaOutdated(Unavailable):
    """The database is not at this version's schema.

    The message names the command that upgrades it: until then each answer is this one, and
    whoever has just installed another version and looks whether it works reads it there.
    """

    code = "schema-outdated"


class OutOfSpace(RegistryError):
    code = "out-of-space"


class InvalidBackup(RegistryError):
    """There is no backup, or it is damaged, incomplete or made by a newer version.

    `lost` are sentences about the files that it should have and has not.
    """

    code = "invalid-backup"

    def __init__(self, message: str, *, lost: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.lost = lost


class ConfigurationError(RegistryError, ValueError):
    """Settings that cannot work together or name something that does not exist."""

    code = "configuration"
