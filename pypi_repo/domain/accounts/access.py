"""Actors, their permissions, and the rules of access."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum

from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.domain.identity.ci_job import CIJob
from pypi_repo.domain.records import Repository


class Permission(Enum):
    """What an `AccessPolicy` is asked about."""

    READ = "read"
    """See the index and download files."""

    UPLOAD = "upload"
    """Upload files."""

    MANAGE = "manage"
    """Yank and delete files, and set the status of a project."""

    AUDIT = "audit"
    """See the journal, how much is stored and downloaded, and which users have access."""


class Area(Enum):
    """A part of the registry that an administrator can be allowed to manage."""

    REPOSITORIES = "repositories"
    """Repositories, their settings, and everything in them."""

    USERS = "users"
    """Repository users, their access and their tokens."""

    SETTINGS = "settings"
    """Administrators, their areas and their tokens."""

    @property
    def title(self) -> str:
        """What is managed, as the portal and error messages say it."""
        return "administrators" if self is Area.SETTINGS else self.value


EVERY_AREA = frozenset(Area)

_NEEDED = {Permission.READ: Access.READ, Permission.UPLOAD: Access.WRITE}


class ActorKind(Enum):
    """The kind of an actor, on which the built-in policy depends."""

    USER = "user"
    """A repository user, or a user of the host application."""

    ADMINISTRATOR = "administrator"
    """An administrator, who acts through the portal or the management API."""

    OPERATOR = "operator"
    """The command line, or a program that holds the registry. It may do everything."""

    PUBLISHER = "publisher"
    """A CI job that has proved who it is, and has what its publishers give."""

    ANONYMOUS = "anonymous"
    """A client without credentials."""


@dataclass(frozen=True)
class Actor:
    """The user, administrator, operator or anonymous client for whom something is done.

    A host's `authenticate` function returns `Actor("name", grants=Grants(Access.WRITE))` for a user
    who may read and write every repository. Without `grants`, the built-in policy only allows the
    actor to read public repositories.

    name: the name, which the journal and the log contain.
    groups: the names of the groups of the actor, for an `AccessPolicy` of a host. The built-in
        policy does not use them: `grants` includes what they give.
    grants: what a user may read and write.
    kind: the kind of the actor.
    areas: what an administrator may manage. A host that signs administrators in itself passes
        `Actor("name", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)` to the portal.
    workload: the CI job, for an actor of the kind `PUBLISHER`.
    """

    name: str
    groups: frozenset[str] = field(default=frozenset(), kw_only=True)
    grants: Grants = field(default=Grants(), kw_only=True)
    kind: ActorKind = field(default=ActorKind.USER, kw_only=True)
    areas: frozenset[Area] = field(default=frozenset(), kw_only=True)
    workload: CIJob | None = field(default=None, kw_only=True)

    @property
    def is_anonymous(self) -> bool:
        """Whether the request has no credentials."""
        return self.kind is ActorKind.ANONYMOUS


ANONYMOUS = Actor("anonymous", kind=ActorKind.ANONYMOUS)
OPERATOR = Actor("operator", kind=ActorKind.OPERATOR)


class AccessPolicy(ABC):
    """Decides who may do what. A host with its own rules derives a class.

    The policy is asked about users, administrators and anonymous clients, and about CI jobs
    (`ActorKind.PUBLISHER`) where their publishers allow what they want: it can take something from
    them, and give them nothing more. The name of a CI job is that of its publishers, which may also
    be the name of a user. The policy is never asked about the operator, who may do everything.

    To change only some of the rules, derive a class from `GrantPolicy`, and call its `allows` for
    the other rules. A policy that has nothing in common with it derives from this class.
    """

    @abstractmethod
    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        """Returns whether the actor may do something in a repository.

        The method is called on each request. To keep secret which repositories exist, it is also
        called for names of repositories that do not exist, as if they were private. If several
        files are uploaded at the same time, one thread publishes them. It calls the method for each
        file within the context (`contextvars`) of the request of that file.

        permission: what the actor wants to do.
        project: the normalized name of the project, or None if the question is about the repository
            as a whole, such as whether the actor may upload anything.
        """

    def treats_projects_alike(
        self, actor: Actor, permission: Permission, repository: Repository
    ) -> bool:
        """Returns whether `allows` gives the same answer for every project of a repository.

        If so, lists of projects are shown without asking about each project. Otherwise, `allows` is
        called for each project before its name is shown, which takes time in a large repository.
        """
        return False


class GrantPolicy(AccessPolicy):
    """The built-in rules of access.

    Everybody may read public repositories. Users may do what their grants allow.

    Administrators with the area `repositories` may do everything, but only through the portal and
    the management API. Package clients cannot log in as administrators.
    """

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if actor.kind is ActorKind.ADMINISTRATOR:
            return permission is Permission.AUDIT or Area.REPOSITORIES in actor.areas
        if permission is Permission.READ and repository.public:
            return True
        needed = _NEEDED.get(permission)
        return needed is not None and actor.grants.on(repository.name, project) >= needed

    def treats_projects_alike(
        self, actor: Actor, permission: Permission, repository: Repository
    ) -> bool:
        """Returns whether no grant of the actor makes a difference between projects.

        Returns False if a subclass overrides `allows`, which may then decide by project.
        """
        if type(self).allows is not GrantPolicy.allows:
            return False
        needed = _NEEDED.get(permission)
        if needed is None or actor.kind is ActorKind.ADMINISTRATOR:
            return True
        if permission is Permission.READ and repository.public:
            return True
        return actor.grants.treat_projects_alike(repository.name, needed)


def may_manage(actor: Actor, area: Area) -> bool:
    """Returns whether the actor is the operator, or an administrator who manages the area."""
    return actor.kind is ActorKind.OPERATOR or (
        actor.kind is ActorKind.ADMINISTRATOR and area in actor.areas
    )


def require_area(actor: Actor, area: Area) -> None:
    """Raises PermissionDenied unless the actor is the operator or manages the area."""
    if not may_manage(actor, area):
        raise PermissionDenied(
            f"{actor.name!r} may not manage {area.title}; ask somebody who manages administrators "
            "for the permission."
        )


def require_administrator(actor: Actor) -> None:
    """Raises PermissionDenied unless the actor is the operator or an administrator."""
    if actor.kind not in (ActorKind.OPERATOR, ActorKind.ADMINISTRATOR):
        raise PermissionDenied(f"{actor.name!r} is no administrator.")
