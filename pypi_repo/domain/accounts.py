"""Accounts as values, and what a password must be like."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from pypi_repo.domain.access import Access, Area, Grants
from pypi_repo.domain.errors import InvalidPassword

SHORTEST_PASSWORD = 8  # characters
LONGEST_PASSWORD = 72  # bytes in UTF-8: bcrypt reads no further

TOKEN_PREFIX = "ppr_"  # noqa: S105 - begins every token, so that scanners find leaked ones
ADMINISTRATOR_TOKEN_PREFIX = "ppa_"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A repository user, as lists show it.

    last_used_at: when it last asked for anything, but for the last seconds.
    """

    name: str
    created_at: datetime
    grants: Grants
    disabled: bool = False
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A repository user, as the check of its credentials needs it."""

    id: int
    name: str
    password_hash: str = field(repr=False)
    grants: Grants
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of a user, without its secret. `prefix` is how people recognize it."""

    id: int
    user: str
    name: str
    prefix: str
    repository: str | None
    read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def narrow(self, grants: Grants) -> Grants:
        """What of its user's grants the token passes on."""
        if self.repository is not None:
            grants = grants.only(self.repository)
        return grants.capped(Access.READ) if self.read_only else grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Manages `areas` in the portal, and reaches no package as a client."""

    id: int
    name: str
    password_hash: str = field(repr=False)
    areas: frozenset[Area]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministratorToken:
    """Opens the management API: `areas`, as far as its administrator has them itself."""

    id: int
    administrator: str
    name: str
    prefix: str
    areas: frozenset[Area]
    read_only: bool
    created_at: datetime
    expires_at: datetime

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at <= now


def shown_of(secret: str) -> str:
    """The part of a token by which people recognize it; the rest is out of reach of guessing."""
    return secret[:12]


def token_digest(secret: str) -> str:
    """What is stored of a token or session: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def check_password(password: str) -> None:
    """Raises InvalidPassword for one that is too short, or longer than bcrypt reads."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidPassword(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD:
        raise InvalidPassword(
            f"A password may have at most {LONGEST_PASSWORD} bytes in UTF-8, because bcrypt "
            "ignores the rest; choose a shorter one."
        )
    if password.startswith((TOKEN_PREFIX, ADMINISTRATOR_TOKEN_PREFIX)):
        raise InvalidPassword(f"A password may not begin with {password[:4]!r}, as tokens do.")
    if not password.isprintable():
        raise InvalidPassword("A password may not hold control characters, such as a line break.")
