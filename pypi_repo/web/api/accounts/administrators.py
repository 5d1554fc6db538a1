"""Administrators, their areas, and the tokens that open this API."""

import secrets
from datetime import timedelta

import msgspec

from pypi_repo.domain.accounts import accounts
from pypi_repo.domain.accounts.errors import UnknownAccount, UnknownToken
from pypi_repo.web.api.accounts.documents import (
    Administrator,
    AdministratorSettings,
    AdministratorToken,
    AdministratorTokenSettings,
    CreatedAdministrator,
    CreatedAdministratorToken,
    areas_of,
)
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery

table = Table("Administrators", "settings")

_ALL = "/administrators"
_ONE = "/administrators/{administrator}"
_TOKENS = "/administrators/{administrator}/tokens"
_TOKEN = "/administrators/{administrator}/tokens/{token}"  # noqa: S105


@table.operation("GET", _ALL, {200: Page[Administrator]}, query=PageQuery)
def list_administrators(call: Call) -> ApiResponse:
    """All administrators, by name."""
    found = call.acting.administrators.all()
    return ApiResponse(page_of(found, call.query, lambda administrator: administrator.name, _shown))


@table.operation("GET", _ONE, {200: Administrator})
def get_administrator(call: Call, administrator: str) -> ApiResponse:
    """An administrator, and what it manages."""
    return ApiResponse(_shown(call.acting.administrators.get(administrator)))


@table.operation(
    "PUT",
    _ONE,
    {200: Administrator, 201: CreatedAdministrator},
    body=AdministratorSettings,
    refusals=(409, 429),
)
def put_administrator(call: Call, administrator: str) -> ApiResponse:
    """Create the administrator, or give it exactly these areas."""
    administrators = call.acting.administrators
    wanted: AdministratorSettings = call.body
    try:
        found = administrators.get(administrator)
    except UnknownAccount:
        return _create(call, administrator, wanted)
    administrators.change(found.name, areas=wanted.wanted(), password=wanted.password)
    return get_administrator(call, administrator)


@table.operation("DELETE", _ONE, {204: None}, refusals=(409,))
def delete_administrator(call: Call, administrator: str) -> ApiResponse:
    """Delete the administrator; its sessions and tokens end at once."""
    call.acting.administrators.delete(administrator)
    return ApiResponse(status=204)


@table.operation("GET", _TOKENS, {200: Page[AdministratorToken]}, query=PageQuery)
def list_administrator_tokens(call: Call, administrator: str) -> ApiResponse:
    """The tokens of an administrator, without their secrets."""
    found = call.acting.administrators.tokens(administrator)
    return ApiResponse(page_of(found, call.query, lambda token: f"{token.id:020}", _token))


@table.operation("POST", _TOKENS, {201: CreatedAdministratorToken}, body=AdministratorTokenSettings)
def create_administrator_token(call: Call, administrator: str) -> ApiResponse:
    """Create a token for this API; its secret is in this answer and nowhere else."""
    wanted: AdministratorTokenSettings = call.body
    token, secret = call.acting.administrators.create_token(
        administrator,
        name=wanted.name,
        areas=wanted.wanted(),
        read_only=wanted.read_only,
        expires_in=timedelta(days=wanted.expires_in_days),
    )
    document = CreatedAdministratorToken(**msgspec.structs.asdict(_token(token)), secret=secret)
    return ApiResponse(document, 201, f"administrators/{token.administrator}/tokens/{token.id}")


@table.operation("GET", _TOKEN, {200: AdministratorToken})
def get_administrator_token(call: Call, administrator: str, token: int) -> ApiResponse:
    """A token for this API, without its secret."""
    return ApiResponse(_token(_known_token(call, administrator, token)))


@table.operation("DELETE", _TOKEN, {204: None})
def revoke_administrator_token(call: Call, administrator: str, token: int) -> ApiResponse:
    """Revoke a token, from the next request on."""
    found = _known_token(call, administrator, token)
    call.acting.administrators.revoke_token(found.id)
    return ApiResponse(status=204)


def _create(call: Call, name: str, wanted: AdministratorSettings) -> ApiResponse:
    made_up = None if wanted.password else secrets.token_urlsafe(18)
    administrators = call.acting.administrators
    administrators.create(name, wanted.password or made_up or "", areas=wanted.wanted())
    created = _shown(administrators.get(name))
    document = CreatedAdministrator(**msgspec.structs.asdict(created), password=made_up)
    return ApiResponse(document, 201, f"administrators/{created.name}")


def _known_token(call: Call, administrator: str, token_id: int) -> accounts.AdministratorToken:
    token = call.acting.administrators.token(token_id)
    if token.administrator == administrator.lower():
        return token
    raise UnknownToken(f"The administrator {administrator!r} has no token {token_id}.")


def _shown(found: accounts.Administrator) -> Administrator:
    return Administrator(name=found.name, areas=areas_of(found.areas), created_at=found.created_at)


def _token(token: accounts.AdministratorToken) -> AdministratorToken:
    return AdministratorToken(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        areas=areas_of(token.areas),
        read_only=token.read_only,
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
