"""Accounts as frozen values, and the rules for passwords."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.accounts.errors import InvalidPassword
from pypi_repo.domain.accounts.grants import Access, Grants

SHORTEST_PASSWORD = 8  # characters
LONGEST_PASSWORD = 72  # bytes in UTF-8: bcrypt reads no further

TOKEN_PREFIX = "ppr_"  # noqa: S105 - begins every token, so that scanners find leaked ones
ADMINISTRATOR_TOKEN_PREFIX = "ppa_"  # noqa: S105
JOB_TOKEN_PREFIX = "ppj_"  # noqa: S105 - begins every token that a CI job gets
INVITATION_PREFIX = "ppi_"  # begins the secret of every invitation, so that no log has it
_PREFIXES = (TOKEN_PREFIX, ADMINISTRATOR_TOKEN_PREFIX, JOB_TOKEN_PREFIX, INVITATION_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A repository user.

    grants: what the user may read and write, apart from what its groups give.
    groups: the names of its groups, sorted.
    disabled: whether all requests of the user are refused.
    tokens_only: whether the password is refused, so that only tokens and sign-in elsewhere are
        left.
    last_used_at: when the user last sent a request, or None. It is updated every few seconds.
    """

    name: str
    created_at: datetime
    grants: Grants
    groups: tuple[str, ...] = ()
    disabled: bool = False
    tokens_only: bool = False
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A repository user with what is needed to check its credentials.

    password_hash: empty for a user without a password.
    grants: what the user itself may read and write.
    groups: the grants of each of its groups, by the name of the group.
    rights: what the user may read and write by all of these together.
    tokens_only: whether the password is refused.
    """

    id: int
    name: str
    password_hash: str = field(repr=False)
    grants: Grants
    groups: Mapping[str, Grants]
    rights: Grants
    disabled: bool = False
    tokens_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of repository users, which gives its grants to each of its members.

    members: the names of the users, sorted.
    """

    name: str
    description: str
    grants: Grants
    members: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of a repository user, without its secret.

    user: the name of the user for whom the token acts.
    name: a name that tells people what the token is for; may be empty.
    prefix: the first characters of the secret, by which people can recognize it.
    repository: the name of the only repository that the token can reach; None for all.
    projects: patterns for the normalized names of the projects that the token can reach; empty for
        all.
    read_only: whether the token can only be used for reading.
    expires_at: when the token expires; None if it does not.
    last_used_at: when the token was last used, or None. It is updated every few seconds.
    """

    id: int
    user: str
    name: str
    prefix: str
    repository: str | None
    projects: tuple[str, ...] = ()
    read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Returns whether the token has expired at the time `now`."""
        return self.expires_at is not None and self.expires_at <= now

    def narrow(self, grants: Grants) -> Grants:
        """Returns what remains of the grants of the user for this token."""
        if self.repository is not None:
            grants = grants.only(self.repository)
        if self.projects:
            grants = grants.limited_to(self.projects)
        return grants.capped(Access.READ) if self.read_only else grants


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A browser in which a repository user is signed in.

    browser: what the browser says of itself (User-Agent).
    address: the address from which the user signed in.
    is_current: whether it is the browser that asks.
    """

    id: int
    browser: str
    address: str
    created_at: datetime
    expires_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link with which a repository user can set a password once.

    user: the name of the user.
    """

    user: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """An administrator, who signs in to the portal, and cannot reach packages as a client.

    areas: what the administrator may manage.
    """

    id: int
    name: str
    password_hash: str = field(repr=False)
    areas: frozenset[Area]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministratorToken:
    """A token for the management API, without its secret.

    administrator: the name of the administrator for whom the token acts.
    name: a name that tells people what the token is for; may be empty.
    prefix: the first characters of the secret, by which people can recognize it.
    areas: what the token may manage, as long as its administrator may manage it too.
    read_only: whether the token can only be used for reading.
    """

    id: int
    administrator: str
    name: str
    prefix: str
    areas: frozenset[Area]
    read_only: bool
    created_at: datetime
    expires_at: datetime

    def has_expired(self, now: datetime) -> bool:
        """Returns whether the token has expired at the time `now`."""
        return self.expires_at <= now


def shown_of(secret: str) -> str:
    """Returns the beginning of a token, by which people recognize it."""
    return secret[:12]


def token_digest(secret: str) -> str:
    """Returns what is stored of a token or session. 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def check_password(password: str) -> None:
    """Raises InvalidPassword for a password that is not allowed.

    A password must not be too short, too long for bcrypt, or look like a token, and must be
    printable.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidPassword(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_PASSWORD:
        raise InvalidPassword(
            f"A password may have at most {LONGEST_PASSWORD} bytes in UTF-8, because bcrypt "
            "ignores the rest; choose a shorter one."
        )
    if password.startswith(_PREFIXES):
        raise InvalidPassword(f"A password may not begin with {password[:4]!r}, as tokens do.")
    if not password.isprintable():
        raise InvalidPassword("A password may not hold control characters, such as a line break.")
