"""Gate: the one place where somebody's repository, project or file is looked up.

The access policy is asked before anybody learns whether something exists: what does not exist is
treated like a private repository's, so that a refusal tells nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from pypi_repo.domain.access import AccessPolicy, Actor, ActorKind, Permission
from pypi_repo.domain.errors import (
    AuthenticationRequired,
    InvalidFilename,
    PermissionDenied,
    UnknownFile,
    UnknownProject,
    UnknownRepository,
)
from pypi_repo.domain.filenames import DistributionFilename
from pypi_repo.domain.names import NormalizedName
from pypi_repo.domain.records import DistributionFile, Project, Repository
from pypi_repo.storage.catalog import Catalog

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Gate:
    """Asks the policy of a registry, and never about the operator, who may do everything."""

    policy: AccessPolicy

    def repository(
        self, actor: Actor, permission: Permission, catalog: Catalog, name: str
    ) -> Repository:
        """The repository, if the actor may do this in it.

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
        """The project with its repository, if the actor may do this to it.

        Raises as `repository` does, and UnknownProject.
        """
        found, located = catalog.locate(repository, project) or (None, None)
        admitted = self.admit(actor, permission, repository, found, project)
        if located is None:
            raise UnknownProject(
                f"There is no project {project!r} in {admitted.name!r}; check the name."
            )
        return admitted, located

    def file(
        self,
        actor: Actor,
        permission: Permission,
        catalog: Catalog,
        repository: str,
        filename: str,
    ) -> tuple[Repository, Project, DistributionFile]:
        """The file with its project and repository, if the actor may do this to it.

        Raises as `repository` does, and UnknownFile.
        """
        found, project, file = catalog.locate_file(repository, filename) or (None, None, None)
        asked = _project_of(filename) if project is None else project.normalized_name
        admitted = self.admit(actor, permission, repository, found, asked)
        if project is None or file is None:
            raise unknown_file(filename, repository)
        return admitted, project, file

    def admit(
        self,
        actor: Actor,
        permission: Permission,
        name: str,
        found: Repository | None,
        project: str | None = None,
    ) -> Repository:
        """The repository `name` as it was `found`, if the actor may do this there.

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
        """Raises AuthenticationRequired or PermissionDenied unless the policy allows it."""
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
        raise PermissionDenied(
            f"{actor.name!r} may not {to_do} {where}; ask an administrator for access."
        )

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        """Whether the actor may do this: in the repository as a whole, or to the project."""
        return actor.kind is ActorKind.OPERATOR or self.policy.allows(
            actor, permission, repository, project
        )

    def treats_projects_alike(
        self, actor: Actor, permission: Permission, repository: Repository
    ) -> bool:
        """Whether what is allowed in the repository is allowed for each of its projects."""
        return actor.kind is ActorKind.OPERATOR or self.policy.treats_projects_alike(
            actor, permission, repository
        )

    def hidden(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        projects: Iterable[NormalizedName],
    ) -> frozenset[NormalizedName]:
        """Those of the projects to which the actor may not do this."""
        return frozenset(
            name for name in projects if not self.allows(actor, permission, repository, name)
        )


class Audit:
    """Whose names an actor may see in the journal and in the figures of use.

    catalog: knows the repositories; of those that are gone, the policy is told the name.
    """

    def __init__(self, gate: Gate, actor: Actor, catalog: Catalog) -> None:
        self._gate = gate
        self._actor = actor
        self._repositories = {found.name: found for found in catalog.repositories()}

    def shows(self, repository: str | None, project: str | None) -> bool:
        """Whether an entry about them may be seen. What happens to accounts is in no repository."""
        if repository is None:
            return True
        found = self._repositories.get(repository) or _unknown(repository)
        return self._gate.allows(self._actor, Permission.AUDIT, found, project)


def first_shown(
    limit: int, load: Callable[[int], Sequence[Item]], is_shown: Callable[[Item], bool]
) -> list[Item]:
    """The first `limit` items that are shown, where `load` gives the first so many of all."""
    number = limit
    while True:
        found = load(number)
        shown = [item for item in found if is_shown(item)]
        if len(shown) >= limit or len(found) < number:
            return shown[:limit]
        number *= 4


def unknown_file(filename: str, repository: str) -> UnknownFile:
    """The error for a file that is not there, or no longer."""
    return UnknownFile(
        f"There is no file {filename[:200]!r} in {repository!r}; look it up on the index again."
    )


def _project_of(filename: str) -> NormalizedName | None:
    """Whose file it would be, so that the policy answers alike whether it is there or not."""
    try:
        return DistributionFilename.parse(filename).project
    except InvalidFilename:
        return None


def _unknown(name: str) -> Repository:
    return Repository(id=0, name=name, created_at=datetime.min.replace(tzinfo=UTC))
