"""The documents of the management API about accounts.

The docstrings of the classes are shown in the description of the API.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from msgspec import Meta, field

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.web.api.documents import Document, Instant, Text

AccessName = Literal["none", "read", "write"]
ProjectAccessName = Literal["read", "write"]
AreaName = Literal["repositories", "users", "settings"]

Password = Annotated[str, Meta(min_length=8, max_length=72)]
TokenName = Annotated[str, Meta(max_length=100)]


# Repository users


class AccessDocument(Document, frozen=True, kw_only=True):
    """The access to all repositories, and exceptions for single repositories by their names.

    `projects` adds access to projects: by the name of the repository, and patterns for names.
    """

    everywhere: AccessName = "write"
    repositories: dict[str, AccessName] = field(default_factory=dict)
    projects: dict[str, dict[str, ProjectAccessName]] = field(default_factory=dict)

    @classmethod
    def of(cls, grants: Grants) -> Self:
        """Returns the document for grants."""
        return cls(
            everywhere=access_name(grants.everywhere),
            repositories={name: access_name(level) for name, level in sorted(grants.named.items())},
            projects=_projects(grants),
        )

    def grants(self) -> Grants:
        """Returns the grants that the document describes."""
        named: Mapping[str, Access] = {
            name: Access[level.upper()] for name, level in self.repositories.items()
        }
        patterns: Mapping[tuple[str, str], Access] = {
            (name, pattern): Access[level.upper()]
            for name, levels in self.projects.items()
            for pattern, level in levels.items()
        }
        return Grants(Access[self.everywhere.upper()], named, patterns)


class UserSettings(Document, frozen=True, kw_only=True):
    """Without a password, an old one is kept, and a new user gets a generated one.

    With `tokens_only`, a password is refused, and a new user gets none. Without `groups`, a user
    stays in its groups.
    """

    password: Password | None = None
    disabled: bool = False
    tokens_only: bool = False
    access: AccessDocument = AccessDocument()
    groups: list[str] | None = None


class User(Document, frozen=True, kw_only=True):
    """A repository user. `access` is apart from what its groups give."""

    name: str
    disabled: bool
    tokens_only: bool
    access: AccessDocument
    groups: list[str]
    created_at: Instant
    last_used_at: Instant | None


class CreatedUser(User, frozen=True, kw_only=True):
    """A new user. `password` is the generated password, which is shown only once."""

    password: str | None


class TokenSettings(Document, frozen=True, kw_only=True):
    """`repository` is null for all repositories; `expires_in_days` is null for ever.

    `projects` are names or patterns for them, such as `acme-*`; empty for all projects.
    """

    name: TokenName = ""
    repository: str | None = None
    projects: list[str] = field(default_factory=list)
    read_only: bool = False
    expires_in_days: Annotated[int, Meta(ge=1, le=36_499)] | None = None


class Token(Document, frozen=True, kw_only=True):
    """A token of a user. `prefix` is the beginning of its secret."""

    id: int
    name: str
    prefix: str
    repository: str | None
    projects: list[str]
    read_only: bool
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None


class CreatedToken(Token, frozen=True, kw_only=True):
    """A new token. `secret` is not stored, and is shown only once."""

    secret: str


class Right(Document, frozen=True, kw_only=True):
    """One reason for which a user has access.

    `group` is null for what is given to the user itself, `repository` for all repositories, and
    `pattern` for all projects.
    """

    group: str | None
    repository: str | None
    pattern: str | None
    access: AccessName


class Rights(Document, frozen=True, kw_only=True):
    """What a user may do, and every right that applies, the widest first.

    `project` is null for the repository as a whole; then rights on some projects count, too.
    """

    user: str
    repository: str
    project: str | None
    may_read: bool
    may_upload: bool
    public: bool
    disabled: bool
    rights: list[Right]


# Groups of repository users


class GroupAccess(AccessDocument, frozen=True, kw_only=True):
    """The access that a group gives, which is none unless something else is said."""

    everywhere: AccessName = "none"


class GroupSettings(Document, frozen=True, kw_only=True):
    """Each member of a group has its access, besides its own."""

    description: Text = ""
    access: GroupAccess = GroupAccess()


class Group(Document, frozen=True, kw_only=True):
    """A group of repository users."""

    name: str
    description: str
    access: GroupAccess
    members: list[str]
    created_at: Instant


class Members(Document, frozen=True, kw_only=True):
    """The names of users in a group."""

    users: list[str]


# Invitations


class InvitationSettings(Document, frozen=True, kw_only=True):
    """`expires_in_days` says how long the link can be used."""

    expires_in_days: Annotated[int, Meta(ge=1, le=90)] = 7


class Invitation(Document, frozen=True, kw_only=True):
    """A link with which a user can set a password once, without its secret."""

    user: str
    created_at: Instant
    expires_at: Instant


class CreatedInvitation(Invitation, frozen=True, kw_only=True):
    """A new invitation. `path` is its link, relative to the root of the registry.

    It ends with `secret`, which is not stored, and is shown only once.
    """

    secret: str
    path: str


# Administrators


class Delegation(Document, frozen=True, kw_only=True):
    """The areas that an administrator or a token may manage."""

    areas: list[AreaName]

    def wanted(self) -> frozenset[Area]:
        """Returns the areas."""
        return frozenset(map(Area, self.areas))


class AdministratorSettings(Delegation, frozen=True, kw_only=True):
    """Without a password, an old one is kept, and a new administrator gets a generated one."""

    password: Password | None = None


class Administrator(Document, frozen=True, kw_only=True):
    """An administrator, and what it manages."""

    name: str
    areas: list[AreaName]
    created_at: Instant


class CreatedAdministrator(Administrator, frozen=True, kw_only=True):
    """A new administrator. `password` is the generated password, which is shown only once."""

    password: str | None


class AdministratorTokenSettings(Delegation, frozen=True, kw_only=True):
    """The settings of a token for this API."""

    name: TokenName = ""
    read_only: bool = False
    expires_in_days: Annotated[int, Meta(ge=1, le=365)] = 90


class AdministratorToken(Document, frozen=True, kw_only=True):
    """A token for this API. `prefix` is the beginning of its secret."""

    id: int
    name: str
    prefix: str
    areas: list[AreaName]
    read_only: bool
    created_at: Instant
    expires_at: Instant


class CreatedAdministratorToken(AdministratorToken, frozen=True, kw_only=True):
    """A new token for this API. `secret` is not stored, and is shown only once."""

    secret: str


def areas_of(areas: frozenset[Area]) -> list[AreaName]:
    """Returns the names of areas."""
    return [area.value for area in Area if area in areas]


def access_name(level: Access) -> AccessName:
    """Returns the word of the API for a level of access."""
    names: tuple[AccessName, ...] = ("none", "read", "write")
    return names[level]


def _projects(grants: Grants) -> dict[str, dict[str, ProjectAccessName]]:
    projects: dict[str, dict[str, ProjectAccessName]] = {}
    for (name, pattern), level in sorted(grants.patterns.items()):
        projects.setdefault(name, {})[pattern] = "write" if level is Access.WRITE else "read"
    return projects
