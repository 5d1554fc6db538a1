"""The errors that many subjects share. Those of one subject are in `errors` of its own folder.

All of them are one class hierarchy. Each class has a stable `code` for programs. The message of an
error is one sentence that says what is wrong and what to do next; it never contains secrets. The
web layer decides which HTTP status a class leads to.
"""

from typing import ClassVar


class RegistryError(Exception):
    """The base class of all errors that the library raises.

    code: a stable name of the error for programs, such as `unknown-project`.
    detail: the cause, for the operator. It may name hosts and paths, so clients must not see it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, *message: str, detail: str = "") -> None:
        super().__init__(*message)
        self.detail = detail

    @property
    def message(self) -> str:
        """One sentence that says what is wrong and what to do next. Clients may see it."""
        return str(self.args[0]) if self.args else type(self).__name__

    @property
    def for_operator(self) -> str:
        """The message and the detail. Clients must not see it."""
        return f"{self.message} ({self.detail})" if self.detail else self.message


class AuthenticationRequired(RegistryError):
    """The request needs credentials, and has none."""

    code = "authentication-required"


class TooManyRequests(RegistryError):
    """The client sends too many requests.

    retry_after: after how many seconds the client may try again.
    """

    code = "too-many-requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyUploads(TooManyRequests):
    """The account or the address has too many uploads under way."""

    code = "too-many-uploads"


class PermissionDenied(RegistryError):
    """The actor is not allowed to do this."""

    code = "permission-denied"


class ProjectClosed(RegistryError):
    """The status of the project (PEP 792) does not allow this."""

    code = "project-closed"


class NotFound(RegistryError):
    """What was asked for does not exist, or is hidden from the actor."""

    code = "not-found"


class UnknownRepository(NotFound):
    """There is no repository with this name."""

    code = "unknown-repository"


class UnknownProject(NotFound):
    """The repository has no project with this name."""

    code = "unknown-project"


class UnknownRelease(NotFound):
    """The project has no release with this version."""

    code = "unknown-release"


class UnknownFile(NotFound):
    """The repository has no file with this name, or the content of the file is lost."""

    code = "unknown-file"


class Conflict(RegistryError):
    """The state of the registry does not allow this."""

    code = "conflict"


class NameTaken(Conflict):
    """A repository or an account with this name already exists."""

    code = "name-taken"


class FileAlreadyExists(Conflict):
    """A file with this name and different content exists, and the repository does not allow
    overwriting."""

    code = "file-already-exists"


class Invalid(RegistryError):
    """Something that was sent is not valid."""

    code = "invalid"


class InvalidName(Invalid, ValueError):
    """The name of a repository, project or account is not valid."""

    code = "invalid-name"


class InvalidSetting(Invalid, ValueError):
    """The value of a setting or parameter is not valid.

    setting: the name of another setting that could allow it; None if none could.
    """

    code = "invalid-setting"

    def __init__(self, message: str, *, detail: str = "", setting: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.setting = setting


class InvalidForm(Invalid):
    """A field of the upload form is missing, repeated or invalid."""

    code = "invalid-form"


class InvalidFilename(Invalid, ValueError):
    """The filename is not the one that this project and version must have (PEP 427, PEP 625)."""

    code = "invalid-filename"


class FilenameRetired(InvalidFilename):
    """The filename belonged to a file that was deleted.

    This is not a `Conflict`, because clients that skip existing files must not skip this file.
    """

    code = "filename-retired"


class DigestMismatch(Invalid):
    """The content does not have the digest that the client sent."""

    code = "digest-mismatch"


class InvalidArchive(Invalid):
    """The archive is broken, unsafe, incomplete, or exceeds the limits."""

    code = "invalid-archive"


class InvalidMetadata(Invalid):
    """The core metadata is invalid, or names another project or version."""

    code = "invalid-metadata"


class InvalidAttestation(Invalid):
    """An attestation (PEP 740) is malformed, or is about another file."""

    code = "invalid-attestation"


class ReleaseClosed(Invalid):
    """The release accepts no more files, or no more files of this kind."""

    code = "release-closed"


class ActionGone(RegistryError):
    """The action of the legacy upload API is no longer supported by indexes."""

    code = "action-gone"


class TooLarge(RegistryError):
    """The file or the form is larger than a limit or the quota allows."""

    code = "too-large"


class NotAcceptable(RegistryError):
    """There is no representation that the client accepts (RFC 9110, section 12)."""

    code = "not-acceptable"


class Unavailable(RegistryError):
    """The database or the file store cannot be used at the moment. Trying again later may help."""

    code = "unavailable"


class SchemaOutdated(Unavailable):
    """The schema of the database is not that of this version; see `Registry.upgrade`.

    The message names the command that upgrades the schema, although clients see it too: every
    request is answered with it, so it is what an operator sees who tries a new version.
    """

    code = "schema-outdated"


class UpstreamFailed(RegistryError):
    """An index elsewhere gave no answer, or a broken one. Trying again later may help.

    retry_after: after how many seconds the client may try again.
    """

    code = "upstream-failed"

    def __init__(self, message: str, *, detail: str = "", retry_after: int = 5) -> None:
        super().__init__(message, detail=detail)
        self.retry_after = retry_after


class UnreadablePage(UpstreamFailed):
    """A page of an index elsewhere is no page of the simple API, or exceeds a limit."""

    code = "unreadable-page"


class UpstreamRefused(RegistryError):
    """Something elsewhere was not asked for: the settings forbid its host, scheme or network.

    setting: the name of the setting that could allow it; None if none could.
    """

    code = "upstream-refused"

    def __init__(self, message: str, *, detail: str = "", setting: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.setting = setting


class OutOfSpace(RegistryError):
    """The disk of the file store or of the database is full."""

    code = "out-of-space"


class InvalidBackup(RegistryError):
    """There is no backup, or it is damaged, incomplete, or made by a newer version.

    lost: one sentence for each file that the backup should contain, but does not.
    """

    code = "invalid-backup"

    def __init__(self, message: str, *, lost: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.lost = lost


class ConfigurationError(RegistryError, ValueError):
    """The settings contradict each other, or name something that does not exist."""

    code = "configuration"


class NoRegistry(ConfigurationError):
    """The registry does not exist, and was not to be created."""

    code = "no-registry"


def unknown_project(project: str, repository: str | None = None) -> UnknownProject:
    """Returns the error for a project that is not there or hidden, in a repository if known."""
    return UnknownProject(f"There is no project {project!r} {_place(repository)}; check the name.")


def unknown_release(project: str, version: str) -> UnknownRelease:
    """Returns the error for a version that a project does not have."""
    return UnknownRelease(f"{project} has no release {version[:80]!r} here; check the version.")


def unknown_file(filename: str, repository: str | None = None) -> UnknownFile:
    """Returns the error for a file that does not exist or is hidden.

    repository: the name of the repository, if the caller knows it.
    """
    return UnknownFile(
        f"There is no file {filename[:200]!r} {_place(repository)}; look it up on the index again."
    )


def _place(repository: str | None) -> str:
    return "here" if repository is None else f"in {repository!r}"
