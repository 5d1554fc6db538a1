"""Repository users, their access and tokens."""

import secrets
from datetime import timedelta

import msgspec

from pypi_repo.domain.accounts import accounts
from pypi_repo.domain.accounts.errors import UnknownAccount, UnknownToken
from pypi_repo.web.api.accounts.documents import (
    AccessDocument,
    CreatedToken,
    CreatedUser,
    Right,
    Rights,
    Token,
    TokenSettings,
    User,
    UserSettings,
    access_name,
)
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery, RightsQuery

table = Table("Repository users", "users")

_ALL = "/users"
_ONE = "/users/{user}"
_TOKENS = "/users/{user}/tokens"
_TOKEN = "/users/{user}/tokens/{token}"  # noqa: S105


@table.operation("GET", _ALL, {200: Page[User]}, query=PageQuery)
def list_users(call: Call) -> ApiResponse:
    """All repository users, by name."""
    found = call.acting.accounts.users()
    return ApiResponse(page_of(found, call.query, lambda user: user.name, _shown))


@table.operation("GET", _ONE, {200: User})
def get_user(call: Call, user: str) -> ApiResponse:
    """A repository user."""
    return ApiResponse(_shown(call.acting.accounts.user(user)))


@table.operation("PUT", _ONE, {200: User, 201: CreatedUser}, body=UserSettings, refusals=(409, 429))
def put_user(call: Call, user: str) -> ApiResponse:
    """Create the user, or give it exactly this access."""
    wanted: UserSettings = call.body
    try:
        found = call.acting.accounts.user(user)
    except UnknownAccount:
        return _create(call, user, wanted)
    call.acting.accounts.change_user(
        found.name,
        password=wanted.password,
        grants=wanted.access.grants(),
        groups=wanted.groups,
        disabled=wanted.disabled,
        tokens_only=wanted.tokens_only,
    )
    return get_user(call, user)


@table.operation("DELETE", _ONE, {204: None})
def delete_user(call: Call, user: str) -> ApiResponse:
    """Delete the user and its tokens."""
    call.acting.accounts.delete_user(user)
    return ApiResponse(status=204)


@table.operation("GET", f"{_ONE}/access", {200: AccessDocument})
def get_access(call: Call, user: str) -> ApiResponse:
    """What a user may read and write."""
    return ApiResponse(AccessDocument.of(call.acting.accounts.user(user).grants))


@table.operation("PUT", f"{_ONE}/access", {200: AccessDocument}, body=AccessDocument)
def put_access(call: Call, user: str) -> ApiResponse:
    """Give the user exactly this access, from its next request on."""
    wanted: AccessDocument = call.body
    call.acting.accounts.change_user(user, grants=wanted.grants())
    return get_access(call, user)


@table.operation("GET", f"{_ONE}/rights/{{repository}}", {200: Rights}, query=RightsQuery)
def explain_rights(call: Call, user: str, repository: str) -> ApiResponse:
    """What a user may do in a repository or with a project, and why."""
    wanted: RightsQuery = call.query
    found = call.acting.rights.explain(user, repository, wanted.project)
    document = Rights(
        user=found.user,
        repository=found.repository,
        project=found.project,
        may_read=found.may_read,
        may_upload=found.may_upload,
        public=found.is_public,
        disabled=found.disabled,
        rights=[
            Right(
                group=right.group,
                repository=right.repository,
                pattern=right.pattern,
                access=access_name(right.access),
            )
            for right in found.rights
        ],
    )
    return ApiResponse(document)


@table.operation("GET", _TOKENS, {200: Page[Token]}, query=PageQuery)
def list_tokens(call: Call, user: str) -> ApiResponse:
    """The tokens of a user, without their secrets."""
    found = call.acting.accounts.tokens(user)
    return ApiResponse(page_of(found, call.query, lambda token: f"{token.id:020}", _token))


@table.operation("POST", _TOKENS, {201: CreatedToken}, body=TokenSettings)
def create_token(call: Call, user: str) -> ApiResponse:
    """Create a token; its secret is in this answer and nowhere else."""
    wanted: TokenSettings = call.body
    life = wanted.expires_in_days
    token, secret = call.acting.accounts.create_token(
        user,
        name=wanted.name,
        repository=wanted.repository,
        projects=wanted.projects,
        read_only=wanted.read_only,
        expires_in=timedelta(days=life) if life else None,
    )
    document = CreatedToken(**msgspec.structs.asdict(_token(token)), secret=secret)
    return ApiResponse(document, 201, f"users/{token.user}/tokens/{token.id}")


@table.operation("GET", _TOKEN, {200: Token})
def get_token(call: Call, user: str, token: int) -> ApiResponse:
    """A token, without its secret."""
    return ApiResponse(_token(_known_token(call, user, token)))


@table.operation("DELETE", _TOKEN, {204: None})
def revoke_token(call: Call, user: str, token: int) -> ApiResponse:
    """Revoke a token, from the next request on."""
    call.acting.accounts.revoke_token(_known_token(call, user, token).id)
    return ApiResponse(status=204)


def _create(call: Call, user: str, wanted: UserSettings) -> ApiResponse:
    needs_none = wanted.password or wanted.tokens_only
    made_up = None if needs_none else secrets.token_urlsafe(18)
    grants = wanted.access.grants()
    call.acting.accounts.create_user(
        user,
        wanted.password or made_up,
        everywhere=grants.everywhere,
        named=grants.named,
        patterns=grants.patterns,
        groups=wanted.groups or (),
        disabled=wanted.disabled,
        tokens_only=wanted.tokens_only,
    )
    created = _shown(call.acting.accounts.user(user))
    document = CreatedUser(**msgspec.structs.asdict(created), password=made_up)
    return ApiResponse(document, 201, f"users/{created.name}")


def _known_token(call: Call, user: str, token_id: int) -> accounts.Token:
    token = call.acting.accounts.token(token_id)
    if token.user == user.lower():
        return token
    raise UnknownToken(f"The user {user!r} has no token {token_id}.")


def _shown(user: accounts.User) -> User:
    return User(
        name=user.name,
        disabled=user.disabled,
        tokens_only=user.tokens_only,
        access=AccessDocument.of(user.grants),
        groups=list(user.groups),
        created_at=user.created_at,
        last_used_at=user.last_used_at,
    )


def _token(token: accounts.Token) -> Token:
    return msgspec.convert(token, Token, from_attributes=True)
