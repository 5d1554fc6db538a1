"""The documents of the management API about identity providers."""

from typing import Annotated, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pypi_repo.domain.identity.provider import DEFAULT_SCOPES, AccountKind
from pypi_repo.web.api.documents import Document, Instant, Text

_Texts = Annotated[tuple[Text, ...], Meta(max_length=1000)]


class _ShownSettings(Document, frozen=True, kw_only=True):
    issuer: Annotated[str, Meta(min_length=1, max_length=2000)]
    client_id: Text
    title: Text | None = None
    accounts: AccountKind = "users"
    enabled: bool = True
    scopes: _Texts = DEFAULT_SCOPES
    name_claim: Text = "email"
    groups_claim: Text | None = None
    mapping: dict[Text, _Texts] = msgspec.field(default_factory=dict)
    creates: bool = False
    conditions: dict[Text, Text] = msgspec.field(default_factory=dict)
    session_hours: int = 12
    allow_http: bool = False
    allow_private_network: bool = False
    ca_file: Text | None = None


class IdentityProviderSettings(_ShownSettings, frozen=True, kw_only=True):
    """`mapping` leads from a value of the claim of groups to names of groups, or of areas.

    `title` is the name if it is null. No answer contains `client_secret`. If it is left out, the
    old one is kept; null removes it. Only the operator changes `allow_private_network` and
    `ca_file`, and `issuer` of a provider in a private network, from the command line.
    """

    client_secret: Annotated[str, Meta(min_length=1, max_length=1000)] | UnsetType | None = UNSET


IdentityProviderChanges = msgspec.defstruct(
    "IdentityProviderChanges",
    [
        (field.name, Union[field.type, UnsetType], UNSET)  # noqa: UP007 - the type is no name
        for field in msgspec.structs.fields(IdentityProviderSettings)
    ],
    bases=(Document,),
    namespace={"__doc__": "Settings to change. Those that are left out stay as they are."},
    frozen=True,
    kw_only=True,
)


class IdentityProvider(_ShownSettings, frozen=True, kw_only=True):
    """Where people sign in. `refusal` says why somebody who came from there was refused last."""

    name: str
    has_client_secret: bool
    created_at: Instant
    refused_at: Instant | None
    refusal: str | None


class IdentityProviderCheck(Document, frozen=True, kw_only=True):
    """What an identity provider says of itself; `keys` is the number of its keys."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    keys: int


class LinkSettings(Document, frozen=True, kw_only=True):
    """How the identity provider names the person: the claim `sub` of its tokens."""

    subject: Text


class LinkedAccount(Document, frozen=True, kw_only=True):
    """An account as which somebody signs in with the identity provider."""

    account: str
    subject: str
    created_at: Instant
    last_sign_in_at: Instant | None
