"""The documents of the management API about accounts.

The docstrings of the classes are shown in the description of the API.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, field

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.grants import Access, Grants
from pypi_repo.web.api.documents import Document, Instant

AccessName = Literal["none", "read", "write"]
AreaName = Literal["repositories", "users", "settings"]

Password = Annotated[str, Meta(min_length=8, max_length=72)]
TokenName = Annotated[str, Meta(max_length=100)]


# Repository users


class AccessDocument(Document, frozen=True, kw_only=True):
    """The access to all repositories, and exceptions for single repositories by their names."""

    everywhere: AccessName = "write"
    repositories: dict[str, AccessName] = field(default_factory=dict)

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


def areas_of(areas: frozenset[Area]) -> list[AreaName]:
    """Returns the names of areas."""
    return [area.value for area in Area if area in areas]


def _name(level: Access) -> AccessName:
    names: tuple[AccessName, ...] = ("none", "read", "write")
    return names[level]
