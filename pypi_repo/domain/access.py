"""Who asks, what they want, and whether they may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol, Self

from pypi_repo.domain.errors import PermissionDenied
from pypi_repo.domain.records import Repository


class Permission(Enum):
    READ = "read"
    """See the index and download files."""
    UPLOAD = "upload"
    """Add files."""
    MANAGE = "manage"
    """Yank, delete and set a project's status."""
    AUDIT = "audit"
    """See in the journal and in the figures of use what happened, without more."""


class Access(IntEnum):
    """What a repository user may do with packages; each level includes those below."""

    NONE = 0
    READ = 1
    WRITE = 2


class Area(Enum):
    """What administrators manage, and are given one by one."""

    REPOSITORIES = "repositories"
    """Repositories with their settings and everything in them."""
    USERS = "users"
    """Repository users, their access and tokens."""
    SETTINGS = "settings"
    """Administrators, their permissions and tokens."""

    @property
    def title(self) -> str:
        """What people read: what it is that somebody manages."""
        return "administrators" if self is Area.SETTINGS else self.value


EVERY_AREA = frozenset(Area)

_NEEDED = {Permission.READ: Access.READ, Permission.UPLOAD: Access.WRITE}


@dataclass(frozen=True, slots=True)
class Grants:
    """Access to every repository (`everywhere`), except to those named."""

    everywhere: Access = Access.NONE
    named: Mapping[str, Access] = field(default_factory=dict)

    def on(self, repository: str) -> Access:
        return self.named.get(repository, self.everywhere)

    def capped(self, ceiling: Access) -> Self:
        """The same grants, none of them above `ceiling`."""
        return type(self)(
            min(self.everywhere, ceiling),
            {name: min(access, ceiling) for name, access in self.named.items()},
        )

    def only(self, repository: str) -> Self:
        """The same grants as far as they concern one repository."""
        return type(self)(Access.NONE, {repository: self.on(repository)})


class ActorKind(Enum):
    USER = "user"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Actor:
    """Whoever asks.

    A host's own `authenticate` returns `Actor("name", grants=Grants(Access.WRITE))` for somebody
    who may read and write every repository; without `grants`, the built-in policy allows nothing
    but reading what is public. `groups` mean nothing to the built-in policy; a host's AccessPolicy
    may use them.

    areas: what an administrator manages. A host that signs administrators in itself returns
        `Actor("name", kind=ActorKind.ADMINISTRATOR, areas=EVERY_AREA)` to the portal.
    """

    name: str
    groups: frozenset[str] = frozenset()
    grants: Grants = field(default=Grants(), kw_only=True)
    kind: ActorKind = field(default=ActorKind.USER, kw_only=True)
    areas: frozenset[Area] = field(default=frozenset(), kw_only=True)

    @property
    def is_anonymous(self) -> bool:
        return self.kind is ActorKind.ANONYMOUS


ANONYMOUS = Actor("anonymous", kind=ActorKind.ANONYMOUS)
OPERATOR = Actor("operator", kind=ActorKind.OPERATOR)


class AccessPolicy(Protocol):
    """Decides; implemented by a host that has rules of its own.

    It is asked about users, administrators and whoever is anonymous, and never about the operator,
    who holds the registry and may do everything. To change only some of the rules, extend
    `GrantPolicy` and call its `allows` for the rest; a policy without anything in common with it
    extends this class.
    """

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        """Whether `actor` may do this in `repository`.

        project: a normalized name, or None where the question is about the repository as a whole:
            "may this actor upload anything here?".

        Called on each request, also for names of repositories that do not exist (as private
        ones), so that nobody learns which do. What is uploaded at the same time is published by one
        thread, which asks for each file within the context (`contextvars`) of its own request.
        """
        ...

    def treats_projects_alike(
        self, actor: Actor, permission: Permission, repository: Repository
    ) -> bool:
        """Whether `allows` answers for each project of the repository as for the whole.

        Where it does, lists of projects are shown as they are; otherwise `allows` is asked about
        each project before its name is shown, which takes time in a large repository.
        """
        return False


class GrantPolicy(AccessPolicy):
    """The built-in policy: public repositories are read by all, the rest is by grant.

    Administrators of the area do everything, through the portal and the management API; the
    endpoints of package clients never know them.
    """

    def allows(
        self,
        actor: Actor,
        permission: Permission,
        repository: Repository,
        project: str | None = None,
    ) -> bool:
        if actor.kind is ActorKind.OPERATOR:
            return True
        if actor.kind is ActorKind.ADMINISTRATOR:
            return permission is Permission.AUDIT or Area.REPOSITORIES in actor.areas
        if permission is Permission.READ and repository.public:
            return True
        needed = _NEEDED.get(permission)
        return needed is not None and actor.grants.on(repository.name) >= needed

    def treats_projects_alike(
        self, actor: Actor, permission: Permission, repository: Repository
    ) -> bool:
        """True, unless a subclass decides anew what is allowed: perhaps by project."""
        return type(self).allows is GrantPolicy.allows


def require_area(actor: Actor, area: Area) -> None:
    """Raises PermissionDenied unless `actor` is the operator or an administrator of `area`."""
    if actor.kind is ActorKind.OPERATOR:
        return
    if actor.kind is not ActorKind.ADMINISTRATOR or area not in actor.areas:
        raise PermissionDenied(
            f"{actor.name!r} may not manage {area.title}; ask somebody who manages administrators "
            "for the permission."
        )


def require_administrator(actor: Actor) -> None:
    """Raises PermissionDenied unless `actor` is the operator or any administrator."""
    if actor.kind not in (ActorKind.OPERATOR, ActorKind.ADMINISTRATOR):
        raise PermissionDenied(f"{actor.name!r} is no administrator.")
