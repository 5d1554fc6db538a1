"""Identity providers, with which people sign in."""

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import UNSET

from pypi_repo.domain.identity import provider as domain
from pypi_repo.domain.identity.errors import UnknownIdentity, UnknownIdentityProvider
from pypi_repo.web.api.accounts.provider_documents import (
    IdentityProvider,
    IdentityProviderChanges,
    IdentityProviderCheck,
    IdentityProviderSettings,
    LinkedAccount,
    LinkSettings,
)
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery

table = Table("Identity providers", "settings")

_ALL = "/identity-providers"
_ONE = "/identity-providers/{provider}"
_ACCOUNTS = f"{_ONE}/accounts"
_ACCOUNT = f"{_ACCOUNTS}/{{account}}"


@table.operation("GET", _ALL, {200: Page[IdentityProvider]}, query=PageQuery)
def list_identity_providers(call: Call) -> ApiResponse:
    """All identity providers, by name."""
    found = call.acting.identity_providers.all()
    return ApiResponse(page_of(found, call.query, lambda provider: provider.name, _shown))


@table.operation("GET", _ONE, {200: IdentityProvider})
def get_identity_provider(call: Call, provider: str) -> ApiResponse:
    """An identity provider with its settings, without its secret."""
    return ApiResponse(_shown(call.acting.identity_providers.get(provider)))


@table.operation(
    "PUT",
    _ONE,
    {200: IdentityProvider, 201: IdentityProvider},
    body=IdentityProviderSettings,
    refusals=(409,),
)
def put_identity_provider(call: Call, provider: str) -> ApiResponse:
    """Create the identity provider, or give it exactly these settings."""
    wanted = _given(call.body, provider)
    try:
        found = call.acting.identity_providers.get(provider)
    except UnknownIdentityProvider:
        created = call.acting.identity_providers.create(provider, **wanted)
        return ApiResponse(_shown(created), 201, f"identity-providers/{created.name}")
    different = {name: value for name, value in wanted.items() if getattr(found, name) != value}
    return _changed(call, provider, different)


@table.operation(
    "PATCH", _ONE, {200: IdentityProvider}, body=IdentityProviderChanges, refusals=(409,)
)
def patch_identity_provider(call: Call, provider: str) -> ApiResponse:
    """Change some settings of the identity provider."""
    return _changed(call, provider, _given(call.body, provider))


@table.operation("DELETE", _ONE, {204: None})
def delete_identity_provider(call: Call, provider: str) -> ApiResponse:
    """Delete the identity provider. The accounts of people who came from it stay."""
    call.acting.identity_providers.delete(provider)
    return ApiResponse(status=204)


@table.operation("POST", f"{_ONE}/check", {200: IdentityProviderCheck}, refusals=(502,))
def check_identity_provider(call: Call, provider: str) -> ApiResponse:
    """Ask the identity provider who it is, and for its keys."""
    found = call.acting.identity_providers.check(provider)
    return ApiResponse(msgspec.convert(found, IdentityProviderCheck, from_attributes=True))


@table.operation("GET", _ACCOUNTS, {200: Page[LinkedAccount]}, query=PageQuery)
def list_linked_accounts(call: Call, provider: str) -> ApiResponse:
    """The accounts that are linked to the identity provider, by name."""
    found = sorted(call.acting.identity_providers.identities(provider), key=lambda one: one.account)
    return ApiResponse(page_of(found, call.query, lambda one: one.account, _linked))


@table.operation("GET", _ACCOUNT, {200: LinkedAccount})
def get_linked_account(call: Call, provider: str, account: str) -> ApiResponse:
    """An account that is linked to the identity provider."""
    return ApiResponse(_linked(_found(call, provider, account)))


@table.operation(
    "PUT", _ACCOUNT, {200: LinkedAccount, 201: LinkedAccount}, body=LinkSettings, refusals=(409,)
)
def put_linked_account(call: Call, provider: str, account: str) -> ApiResponse:
    """Link an account that exists to somebody who signs in with the identity provider."""
    with suppress(UnknownIdentity):
        before = _found(call, provider, account)
        if before.subject == call.body.subject:
            return ApiResponse(_linked(before))
    call.acting.identity_providers.link(provider, account, call.body.subject)
    found = _linked(_found(call, provider, account))
    place = f"identity-providers/{provider}/accounts/{found.account}"
    return ApiResponse(found, 201, place)


@table.operation("DELETE", _ACCOUNT, {204: None})
def delete_linked_account(call: Call, provider: str, account: str) -> ApiResponse:
    """Remove the link of an account. The account stays."""
    found = _found(call, provider, account)
    call.acting.identity_providers.unlink(provider, found.subject)
    return ApiResponse(status=204)


def _found(call: Call, provider: str, account: str) -> domain.Identity:
    for identity in call.acting.identity_providers.identities(provider):
        if identity.account == account.lower():
            return identity
    raise UnknownIdentity(
        f"{account[:80]!r} is not linked to the identity provider {provider!r}; check the name."
    )


def _changed(call: Call, provider: str, given: dict[str, Any]) -> ApiResponse:
    return ApiResponse(_shown(call.acting.identity_providers.change(provider, **given)))


def _given(document: msgspec.Struct, name: str) -> dict[str, Any]:
    given = msgspec.structs.asdict(document)
    given = {name: value for name, value in given.items() if value is not UNSET}
    if "title" in given:
        given["title"] = given["title"] or name
    return given


def _shown(found: domain.IdentityProvider) -> IdentityProvider:
    names = {field.name for field in msgspec.structs.fields(IdentityProvider)}
    values = {name: getattr(found, name) for name in names - {"has_client_secret"}}
    return IdentityProvider(**values, has_client_secret=found.client_secret is not None)


def _linked(found: domain.Identity) -> LinkedAccount:
    return msgspec.convert(found, LinkedAccount, from_attributes=True)
