"""What users may do with what they have uploaded themselves."""

from collections.abc import Iterable

from pypi_repo.domain.accounts.access import Actor, ActorKind, Permission
from pypi_repo.domain.errors import PermissionDenied, unknown_release
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, ListedFile, Repository
from pypi_repo.domain.text import require_text
from pypi_repo.domain.versions import version_or_none
from pypi_repo.services.gate import Gate
from pypi_repo.services.packages.project_change import ProjectChange, why_yanked, yank_action
from pypi_repo.storage.accounts.users import Users
from pypi_repo.storage.catalog import Catalog
from pypi_repo.storage.database.database import Database
from pypi_repo.storage.database.executor import Executor


class OwnUploads:
    """Lets users yank what they have uploaded to a repository, if it allows that."""

    def __init__(self, repository: str, database: Database, gate: Gate) -> None:
        self._repository = repository
        self._database = database
        self._gate = gate

    def may_yank(
        self, actor: Actor, repository: Repository | None, project: NormalizedName
    ) -> bool:
        """Returns whether an actor may yank own files of a project.

        repository: the repository with its settings, as it is now; None if it does not exist.
        """
        return (
            repository is not None
            and repository.users_may_yank
            and actor.kind is ActorKind.USER
            and self._gate.allows(actor, Permission.UPLOAD, repository, project)
        )

    def yank(
        self, actor: Actor, project: NormalizedName, version: str, reason: str | None
    ) -> list[str]:
        """Yanks the files of a release that the actor has uploaded, or makes them available again.

        version: the version, in any spelling.
        reason: the reason, which may be empty; None to undo the yank.

        Returns the names of the files for which that is new.

        Raises UnknownProject, UnknownRelease, InvalidSetting for a reason that cannot be stored,
        and PermissionDenied, also if no file of the release is the actor's.
        """
        require_text(reason or "")
        with self._database.begin() as connection:
            catalog = Catalog(connection)
            catalog.lock(self._repository)
            found = self._gate.project(actor, Permission.UPLOAD, catalog, self._repository, project)
            if not self.may_yank(actor, found[0], project):
                raise PermissionDenied(
                    f"Users may not yank in repository {self._repository!r}; ask an administrator."
                )
            change = ProjectChange(self._gate, connection, catalog, actor, *found)
            return _yank(change, _own_files(change, version), reason)

    def among(self, actor: Actor, files: Iterable[ListedFile]) -> list[DistributionFile]:
        """Returns those of the files that an actor, who is a user, has uploaded."""
        return _own(self._database, actor, files)


def _own(executor: Executor, actor: Actor, files: Iterable[ListedFile]) -> list[DistributionFile]:
    """A user of the same name that was deleted is somebody else, and so is an administrator."""
    since = Users(executor).created_at(actor.name)
    return [
        file
        for file in files
        if isinstance(file, DistributionFile)
        and file.uploaded_by_user
        and file.uploaded_by == actor.name
        and (since is None or file.uploaded_at >= since)  # None: the host knows the user
    ]


def _own_files(change: ProjectChange, version: str) -> list[DistributionFile]:
    wanted = version_or_none(version)
    files = None if wanted is None else change.catalog.release_files(change.project, wanted)
    if files is None:
        raise unknown_release(change.project.name, version)
    own = _own(change.executor, change.actor, files)
    if not own:
        raise PermissionDenied(
            f"No file of {change.project.name} {version} was uploaded by {change.actor.name!r}; "
            "ask who has uploaded them, or an administrator."
        )
    return own


def _yank(change: ProjectChange, files: list[DistributionFile], reason: str | None) -> list[str]:
    changed = [file for file in files if file.yanked != reason]
    for file in changed:
        change.catalog.yank_file(change.repository, file.filename, reason)
        change.record(
            yank_action(reason, "file"),
            version=file.version,
            filename=file.filename,
            detail=why_yanked(reason),
        )
    return [file.filename for file in changed]
