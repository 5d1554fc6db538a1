"""Looks up repositories, projects and files on behalf of an actor.

The access policy is asked before a client learns whether something exists. What does not exist is
treated like something in a private repository, so that a refusal reveals nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, TypeVar

from pypi_repo.domain.accounts.access import (
    ANONYMOUS,
    AccessPolicy,
    Actor,
    ActorKind,
    GrantPolicy,
    Permission,
)
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    PermissionDenied,
    UnknownRepository,
    unknown_file,
    unknown_project,
)
from pypi_repo.domain.filenames import projects_of
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.settings import TRASH_DAYS
from pypi_repo.storage.catalog import Catalog

Item = TypeVar("Item")
_GIVEN = GrantPolicy()
"""What a CI job may do at most."""


class FileInProject(NamedTuple):
    """A file that is there, with its project and its repository."""

    repository: Repository
    project: Project
    file: DistributionFile


class FoundFile(NamedTuple):
    """What looking for a file has found.

    file: the file; None for one that is not there, or that the actor may not get.
    has_project: whether the repository has the first project to which a file of this name can
        belong.
    """

    repository: Repository
    file: FileInProject | None
    has_project: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Asks the access policy of a registry.

    The policy is never asked about the operator, who may do everything, and about a CI job only for
    what its publishers give.

    trash_days: for how many days the trash keeps what is deleted or overwritten; 0 if there is no
        trash.
    """

    policy: AccessPolicy
    trash_days: int = TRASH_DAYS

    @property
    def keeps_deleted(self) -> bool:
        """Whether what is deleted or overwritten goes to the trash."""
        return self.trash_days > 0

    def repository(
        self, actor: Actor, permission: Permission, catalog: Catalog, name: str
    ) -> Repository:
        """Returns a repository in which the actor has a permission.

        Raises AuthenticationRequired, PermissionDenied or UnknownRepository.
        """
        return self.admit(actor, permission, name, catalog.repository(name))

    def project(
        self,
        actor: Actor,
        permission: Permission,
        catalog: Catalog,
        repository: str,
        project: NormalizedName,
    ) -> tuple[Repository, Project]:
        """Returns a project for which the actor has a permission, and its repository.

        Raises UnknownProject, and the same errors as `repository`.
        """
        admitted, located = self.look_for_project(actor, permission, catalog, repository, project)
        if located is None:
            raise unknown_project(project, repository)
        return admitted, located

    def look_for_project(
        self,
        actor: Actor,
        permission: Permission,
        catalog: Catalog,
        repository: str,
        project: NormalizedName,
    ) -> tuple[Repository, Project | None]:
        """Returns the same as `project`, but None for a project that does not exist."""
        found, located = catalog.locate(repository, project) or (None, None)
        return self.admit(actor, permission, repository, found, project), located

    def file(
        self,
        actor: Actor,
        permission: Permission,
        catalog: Catalog,
        repository: str,
        filename: str,
    ) -> FileInProject:
        """Returns a file with its project and repository, if the actor has a permission.

        Raises UnknownFile, and the same errors as `repository`.
        """
        found = self.look_for_file(actor, permission, catalog, repository, filename).file
        if found is None:
            raise unknown_file(filename, repository)
        return found

    def look_for_file(
        self,
        actor: Actor,
        permission: Permission,
        catalog: Catalog,
        repository: str,
        filename: str,
    ) -> FoundFile:
        """Returns the same as `file`, but without a file if it is unknown."""
        located = catalog.locate_file(repository, filename)
        if located is not None and located.project is not None and located.file is not None:
            found = FileInProject(located.repository, located.project, located.file)
            if self.allows(actor, permission, found.repository, found.project.normalized_name):
                return FoundFile(found.repository, found, located.has_project)
        # From here on, nothing may depend on whether the file exists.
        for possible in projects_of(filename) or (None,):
            admitted = self.admit(
                actor, permission, repository, located and located.repository, possible
            )
        return FoundFile(admitted, None, has_project=located is not None and located.has_project)

    def admit(
        self,
        actor: Actor,
        permission: Permission,
        name: str,
        found: Repository | None,
        project: str | None = None,
    ) -> Repository:
        """Returns a repository that was looked up, if the actor has a permission in it.

        name: the name that was looked up.
        found: the repository, or None if there is none with this name.
        project: the normalized name of the project that the permission is for.

        Raises AuthenticationRequired, PermissionDenied or UnknownRepository.
        """
        self.require(actor, permission, found or _unknown(name), project)
        if found is None:
            raise UnknownRepository(f"There is no repository {name!r} here; check the name.")
        return found

    def require(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> None:
        """Raises AuthenticationRequired or PermissionDenied unless the actor has a permission."""
        if self.allows(actor, permission, repository, project):
            return
        if actor.is_anonymous:
            raise AuthenticationRequired(
                f"Log in as a repository user to {permission.value} here, with its password or a "
                "token."
            )
        where = f"repository {repository.name!r}"
        if project is not None and self.allows(actor, permission, repository):
            where = f"project {project!r} of {where}"
        to_do = "upload to" if permission is Permission.UPLOAD else permission.value
        advice = "ask an administrator for access"
        if actor.kind is ActorKind.PUBLISHER:
            advice = (
                "there is no publisher that lets this job do so, so ask an administrator to "
                "compare the job with the one that is meant for it"
            )
        if project is not None and actor.grants.within:  # whoever made the token can make another
            advice = "the token is limited to other projects, so use another one"
        raise PermissionDenied(f"{actor.name!r} may not {to_do} {where}; {advice}.")

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        """Returns whether the actor has a permission in a repository or for a project."""
        if actor.kind is ActorKind.OPERATOR:
            return True
        # A policy that goes by names could take a CI job for the user of the same name.
        if actor.kind is ActorKind.PUBLISHER and not _GIVEN.allows(
            actor, permission, repository, project
        ):
            return False
        return self.policy.allows(actor, permission, repository, project)

    def is_open(self, repository: Repository, project: str | None = None) -> bool:
        """Returns whether everybody may read a repository or a project.

        A policy may require a login for what is in a public repository.
        """
        return repository.public and self.allows(ANONYMOUS, Permission.READ, repository, project)

    def treats_projects_alike(
        self, actor: Actor, permission: Permission, repository: Repository
    ) -> bool:
        """Returns whether a permission in the repository applies to each of its projects."""
        if actor.kind is ActorKind.OPERATOR:
            return True
        if actor.kind is ActorKind.PUBLISHER and not _GIVEN.treats_projects_alike(
            actor, permission, repository
        ):
            return False
        return self.policy.treats_projects_alike(actor, permission, repository)

    @property
    def goes_by_grants(self) -> bool:
        """Whether the grants of users explain all that they may do."""
        return type(self.policy).allows is GrantPolicy.allows

    def hidden(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        projects: Callable[[], Iterable[NormalizedName]],
    ) -> frozenset[NormalizedName]:
        """Returns those of the projects for which the actor does not have a permission.

        repository: a repository in which the actor has the permission.
        projects: a function that returns the projects. It is not called if a permission in the
            repository applies to each of its projects.
        """
        if self.treats_projects_alike(actor, permission, repository):
            return frozenset()
        return frozenset(
            name for name in projects() if not self.allows(actor, permission, repository, name)
        )


class Audit:
    """Decides which names an actor may see in the journal, in usage reports and in accounts.

    catalog: where repositories are looked up. If a repository was deleted, the policy is asked
        about one with its name.
    """

    def __init__(self, gate: Gate, actor: Actor, catalog: Catalog) -> None:
        self._gate = gate
        self._actor = actor
        self._catalog = catalog

    def shows(self, repository: str | None, project: str | None = None) -> bool:
        """Returns whether the actor may see what is about a repository, or a project of it.

        What is about accounts alone has no repository, and is always shown.
        """
        if repository is None:
            return True
        found = self._repositories.get(repository) or _unknown(repository)
        return self._gate.allows(self._actor, Permission.AUDIT, found, project)

    @cached_property
    def _repositories(self) -> dict[str, Repository]:
        return {found.name: found for found in self._catalog.repositories()}


def first_shown(
    limit: int, load: Callable[[int], Sequence[Item]], is_shown: Callable[[Item], bool]
) -> list[Item]:
    """Returns the first items of a list that may be shown.

    limit: the largest number of items to return.
    load: a function that returns the first items of the whole list, given their number.
    is_shown: a function that decides whether an item may be shown.
    """
    number = limit
    while True:
        found = load(number)
        shown = [item for item in found if is_shown(item)]
        if len(shown) >= limit or len(found) < number:
            return shown[:limit]
        number *= 4


def _unknown(name: str) -> Repository:
    return Repository(id=0, name=name, created_at=datetime.min.replace(tzinfo=UTC))
