"""The links with which repository users set their passwords."""

from datetime import timedelta

from pypi_repo.domain.accounts.errors import UnknownInvitation
from pypi_repo.domain.accounts.invitations import invitation_link
from pypi_repo.web.api.accounts.documents import (
    CreatedInvitation,
    Invitation,
    InvitationSettings,
)
from pypi_repo.web.api.operations import ApiResponse, Call, Table

table = Table("Invitations", "users")

_ONE = "/users/{user}/invitation"


@table.operation("POST", _ONE, {201: CreatedInvitation}, body=InvitationSettings, refusals=(409,))
def invite_user(call: Call, user: str) -> ApiResponse:
    """Make a link with which the user sets a password once; earlier links end."""
    wanted: InvitationSettings = call.body
    life = timedelta(days=wanted.expires_in_days)
    secret = call.acting.invitations.invite(user, expires_in=life)
    made = _known(call, user)
    document = CreatedInvitation(
        user=made.user,
        created_at=made.created_at,
        expires_at=made.expires_at,
        secret=secret,
        path=invitation_link(secret, ""),
    )
    return ApiResponse(document, 201, f"users/{made.user}/invitation")


@table.operation("GET", _ONE, {200: Invitation})
def get_invitation(call: Call, user: str) -> ApiResponse:
    """The invitation that a user can still accept, without its secret."""
    return ApiResponse(_known(call, user))


@table.operation("DELETE", _ONE, {204: None})
def withdraw_invitation(call: Call, user: str) -> ApiResponse:
    """End the invitation of a user."""
    _known(call, user)
    call.acting.invitations.withdraw(user)
    return ApiResponse(status=204)


def _known(call: Call, user: str) -> Invitation:
    name = call.acting.accounts.user(user).name
    found = call.acting.invitations.of(name)
    if found is None:
        raise UnknownInvitation(f"The repository user {name!r} has no invitation; make one.")
    return Invitation(user=found.user, created_at=found.created_at, expires_at=found.expires_at)
