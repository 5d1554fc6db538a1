"""Identity providers: where people sign in who have their account elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict, get_args

from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.identity.issuer import Issuer
from pypi_repo.domain.text import require_line, require_storable

AccountKind = Literal["users", "administrators"]
"""Whom a provider signs in: repository users, or administrators."""

ACCOUNT_KINDS: tuple[AccountKind, ...] = get_args(AccountKind)
DEFAULT_SCOPES = ("openid", "profile", "email")

_LONGEST = 1000  # characters
_MOST_HOURS = 24 * 30
_MOST_VALUES = 1000
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749, section 3.3
_SHOWABLE = re.compile(r"[\x20-\x7e]+")  # RFC 6749, appendix A


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """The settings of an identity provider.

    title: what it is called on the button with which people sign in.
    issuer: the URL with which it names itself, character by character.
    client_id: the name that this registry has there.
    client_secret: the secret with which this registry proves itself there; None if it has none.
    accounts: whom it signs in.
    enabled: whether people can sign in with it.
    scopes: what is asked of it.
    name_claim: the claim that names a new account.
    groups_claim: the claim for the mapping; None if nothing is mapped.
    mapping: from a value of this claim to names of groups, or of areas of administrators. Groups
        and areas that it contains are given and taken at each sign-in; others are left alone.
    creates: whether the first sign-in of a person makes an account.
    conditions: from a claim to the value that it must have, or contain. All must be met at each
        sign-in.
    session_hours: after how many hours a person has to sign in again.
    allow_http: whether it may be reached without encryption.
    allow_private_network: whether it may have private and local addresses.
    ca_file: the path of a file with the certificates of the authorities to trust; None for the
        usual ones.
    """

    title: str = ""
    issuer: str = ""
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    accounts: AccountKind = "users"
    enabled: bool = True
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    name_claim: str = "email"
    groups_claim: str | None = None
    mapping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    creates: bool = False
    conditions: Mapping[str, str] = field(default_factory=dict)
    session_hours: int = 12
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: str | None = None

    def check(self) -> None:
        """Raises InvalidSetting for an invalid value, or for values that contradict each other."""
        issuer_of(self).check()
        for name in ("title", "client_id", "name_claim"):
            if not getattr(self, name).strip():
                raise InvalidSetting(f"The setting {name} is empty; give it a value.")
        require_line(self.title)
        for text in self._texts():
            require_storable(text)
            if len(text) > _LONGEST:
                raise InvalidSetting(f"A value has more than {_LONGEST} characters; shorten it.")
        for name in ("client_id", "client_secret"):
            if not _SHOWABLE.fullmatch(getattr(self, name) or "-"):
                raise InvalidSetting(f"The setting {name} has characters that none has; check it.")
        if self.accounts not in ACCOUNT_KINDS:
            raise InvalidSetting(f"The accounts are one of {', '.join(ACCOUNT_KINDS)}.")
        if "openid" not in self.scopes or not all(map(_SCOPE.fullmatch, self.scopes)):
            raise InvalidSetting("The scopes are words, of which one is openid; correct them.")
        if not 1 <= self.session_hours <= _MOST_HOURS:
            raise InvalidSetting(f"The session hours must be from 1 to {_MOST_HOURS}.")
        self._check_mapping()

    def _check_mapping(self) -> None:
        if len(self.mapping) + len(self.conditions) > _MOST_VALUES:
            raise InvalidSetting(f"More than {_MOST_VALUES} values are named; name fewer.")
        if self.mapping and self.groups_claim is None:
            raise InvalidSetting("Values are mapped, but of no claim; name the claim of groups.")
        if not all(self.mapping.values()) or not all(self.mapping):
            raise InvalidSetting("A value is mapped to nothing, or is empty; correct the mapping.")
        areas = [area.value for area in Area]
        if self.accounts == "administrators" and not self.assignable <= set(areas):
            raise InvalidSetting(
                f"The mapping of administrators leads to areas: {', '.join(areas)}; correct it."
            )

    def _texts(self) -> list[str]:
        single = [self.title, self.client_id, self.name_claim, self.groups_claim or ""]
        single += [self.client_secret or "", self.ca_file or ""]
        return [*single, *self.mapping, *self.conditions, *self.conditions.values()]

    @property
    def assignable(self) -> frozenset[str]:
        """The groups or areas that it gives and takes."""
        return frozenset(name for names in self.mapping.values() for name in names)

    @property
    def areas(self) -> frozenset[Area]:
        """What administrators may manage to whom it gives all that it can; none for users."""
        if self.accounts != "administrators":
            return frozenset()
        return frozenset(area for area in Area if area.value in self.assignable)

    @property
    def session_life(self) -> timedelta:
        """After which time a person has to sign in again."""
        return timedelta(hours=self.session_hours)

    def settings(self) -> dict[str, Any]:
        """Returns the values by their names, without the other fields of a provider."""
        return {name: getattr(self, name) for name in PROVIDER_SETTINGS}


def issuer_of(settings: ProviderSettings) -> Issuer:
    """Returns the issuer of a provider's tokens."""
    return Issuer(
        url=settings.issuer,
        allow_http=settings.allow_http,
        allow_private_network=settings.allow_private_network,
        ca_file=settings.ca_file,
        called="identity provider",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider(ProviderSettings):
    """A provider with which people sign in (OpenID Connect).

    name: its name in URLs.
    refused_at, refusal: when it, or a person who came from it, was refused last, and why; for
        administrators.
    """

    id: int
    name: str
    created_at: datetime
    refused_at: datetime | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a subject of a provider signs in as.

    subject: how the provider names the person; it never changes there, and is used only once.
    account: the name of the user or administrator.
    last_sign_in_at: when the person signed in last; None if it never did.
    """

    subject: str
    account: str
    created_at: datetime
    last_sign_in_at: datetime | None


class GivenProviderSettings(TypedDict, total=False):
    """Settings of which each may be left out; ProviderSettings describes them."""

    title: str
    issuer: str
    client_id: str
    client_secret: str | None
    accounts: AccountKind
    enabled: bool
    scopes: tuple[str, ...]
    name_claim: str
    groups_claim: str | None
    mapping: Mapping[str, tuple[str, ...]]
    creates: bool
    conditions: Mapping[str, str]
    session_hours: int
    allow_http: bool
    allow_private_network: bool
    ca_file: str | None


PROVIDER_SETTINGS: Mapping[str, Any] = {each.name: each.type for each in fields(ProviderSettings)}
"""Name -> type."""
