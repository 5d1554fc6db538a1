"""The documents of the management API, which are made from records.

The docstrings of the classes are shown in the description of the API.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.domain.records import ProjectStatus
from pypi_repo.domain.upstreams.upstream import CooldownMode
from pypi_repo.domain.validation.profiles import Profile

Item = TypeVar("Item")

AccessName = Literal["none", "read", "write"]
AreaName = Literal["repositories", "users", "settings"]

Text = Annotated[str, Meta(max_length=500)]
Bytes = Annotated[int, Meta(ge=1, lt=2**62)]
Password = Annotated[str, Meta(min_length=8, max_length=72)]
Instant = Annotated[datetime, Meta(tz=True)]
TokenName = Annotated[str, Meta(max_length=100)]


class Document(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False
):
    """A document in a request or an answer."""


class Page(Document, Generic[Item], frozen=True, kw_only=True):
    """A part of a list. Send `next` as `cursor` for the next part; it is null in the last part."""

    items: list[Item]
    next: str | None


# Repositories


class RepositorySettings(Document, frozen=True, kw_only=True):
    """Sizes are in bytes; null means the limit of the server, or no quota."""

    description: Text = ""
    public: bool = False
    allow_overwrite: bool = False
    allow_reuse: bool = False
    max_file_size: Bytes | None = None
    quota: Bytes | None = None
    profile: Profile = "private"
    accepts_uploads: bool = True
    public_sources: bool = False
    cooldown: Text | None = None
    cooldown_mode: CooldownMode | None = None


class Repository(RepositorySettings, frozen=True, kw_only=True):
    """A repository and its settings."""

    name: str
    created_at: Instant


class Day(Document, frozen=True, kw_only=True):
    """One day in UTC: its downloads, and the bytes stored until its end in files that exist now."""

    day: date
    downloads: int
    stored: int


class RepositoryUsage(Document, frozen=True, kw_only=True):
    """What a repository contains. `size` is in bytes; the last of the days is today."""

    projects: int
    files: int
    size: int
    last_upload: Instant | None
    days: list[Day]


class TopProject(Document, frozen=True, kw_only=True):
    """A project with the number of its downloads."""

    repository: str
    project: str
    downloads: int


class Usage(Document, frozen=True, kw_only=True):
    """What all repositories contain together."""

    repositories: int
    projects: int
    files: int
    size: int
    days: list[Day]
    top_projects: list[TopProject]


# What is in them


class ProjectSummary(Document, frozen=True, kw_only=True):
    """A project. `latest` is neither yanked nor a pre-release, if possible; `size` is in bytes."""

    name: str
    normalized_name: str
    status: ProjectStatus
    latest: str | None
    summary: str
    releases: int
    files: int
    size: int
    last_upload: Instant | None


class Status(Document, frozen=True, kw_only=True):
    """The status of a project (PEP 792)."""

    status: ProjectStatus
    reason: Text = ""


class Yank(Document, frozen=True, kw_only=True):
    """The reason for which files are yanked (PEP 592)."""

    reason: Text = ""


class File(Document, frozen=True, kw_only=True):
    """A file. `size` is in bytes; `yanked` is the reason, or null if the file is not yanked."""

    filename: str
    version: str
    kind: str
    size: int
    sha256: str
    requires_python: str | None
    yanked: str | None
    uploaded_at: Instant
    uploaded_by: str


class Release(Document, frozen=True, kw_only=True):
    """A release with its files."""

    version: str
    files: list[File]


class Project(Document, frozen=True, kw_only=True):
    """A project with its releases, the newest first."""

    name: str
    normalized_name: str
    status: ProjectStatus
    status_reason: str
    releases: list[Release]


# Repository users


class AccessDocument(Document, frozen=True, kw_only=True):
    """The access to all repositories, and exceptions for single repositories by their names."""

    everywhere: AccessName = "write"
    repositories: dict[str, AccessName] = {}

    @classmethod
    def of(cls, grants: Grants) -> "AccessDocument":
        """Returns the document for grants."""
        return cls(
            everywhere=_name(grants.everywhere),
            repositories={name: _name(level) for name, level in sorted(grants.named.items())},
        )

    def grants(self) -> Grants:
        """Returns the grants that the document describes."""
        named: Mapping[str, Access] = {
            name: Access[level.upper()] for name, level in self.repositories.items()
        }
        return Grants(Access[self.everywhere.upper()], named)


class UserSettings(Document, frozen=True, kw_only=True):
    """Without a password, an old one is kept, and a new user gets a generated one."""

    password: Password | None = None
    disabled: bool = False
    access: AccessDocument = AccessDocument()


class User(Document, frozen=True, kw_only=True):
    """A repository user."""

    name: str
    disabled: bool
    access: AccessDocument
    created_at: Instant
    last_used_at: Instant | None


class CreatedUser(User, frozen=True, kw_only=True):
    """A new user. `password` is the generated password, which is shown only once."""

    password: str | None


class TokenSettings(Document, frozen=True, kw_only=True):
    """`repository` is null for all repositories; `expires_in_days` is null for ever."""

    name: TokenName = ""
    repository: str | None = None
    read_only: bool = False
    expires_in_days: Annotated[int, Meta(ge=1, le=36_499)] | None = None


class Token(Document, frozen=True, kw_only=True):
    """A token of a user. `prefix` is the beginning of its secret."""

    id: int
    name: str
    prefix: str
    repository: str | None
    read_only: bool
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None


class CreatedToken(Token, frozen=True, kw_only=True):
    """A new token. `secret` is not stored, and is shown only once."""

    secret: str


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


# The journal


class Entry(Document, frozen=True, kw_only=True):
    """An entry of the journal."""

    id: int
    at: Instant
    actor: str
    actor_kind: str | None
    action: str
    repository: str | None
    serial: int | None
    project: str | None
    version: str | None
    filename: str | None
    detail: dict[str, str] | None


def areas_of(areas: frozenset[Area]) -> list[AreaName]:
    """Returns the names of areas."""
    return [area.value for area in Area if area in areas]


def _name(level: Access) -> AccessName:
    names: tuple[AccessName, ...] = ("none", "read", "write")
    return names[level]
