"""Accounts as values, and what a password must be like."""

from dataclasses import dataclass, field
from datetime import datetime

from pypi_repo.domain.access import Access, Grants
from pypi_repo.domain.errors import InvalidPassword

SHORTEST_PASSWORD = 8  # characters
LONGEST_PASSWORD = 72  # bytes in UTF-8: bcrypt reads no further

TOKEN_PREFIX = "ppr_"  # noqa: S105 - begins every token, so that scanners find leaked ones


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A repository user, as lists show it."""

    name: str
    created_at: datetime
    grants: Grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A repository user, as the check of its credentials needs it."""

    id: int
    name: str
    password_hash: str = field(repr=False)
    grants: Grants


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

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def narrow(self, grants: Grants) -> Grants:
        """What of its user's grants the token passes on."""
        if self.repository is not None:
            grants = grants.only(self.repository)
        return grants.capped(Access.READ) if self.read_only else grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    name: str
    created_at: datetime


def check_password(password: str) -> None:
    """Raises InvalidPassword for one that is too short, or longer than bcrypt reads."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidPassword(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD:
        raise InvalidPassword(
            f"A password may have at most {LONGEST_PASSWORD} bytes in UTF-8, because bcrypt "
            "ignores the rest; choose a shorter one."
        )
    if password.startswith(TOKEN_PREFIX):
        raise InvalidPassword(f"A password may not begin with {TOKEN_PREFIX!r}, as tokens do.")
    if not password.isprintable():
        raise InvalidPassword("A password may not hold control characters, such as a line break.")
