"""Groups of repository users, what they give, and who is in them."""

from pypi_repo.domain.accounts import accounts
from pypi_repo.domain.accounts.errors import UnknownGroup
from pypi_repo.web.api.accounts.documents import Group, GroupAccess, GroupSettings, Members
from pypi_repo.web.api.documents import Page
from pypi_repo.web.api.operations import ApiResponse, Call, Table, page_of
from pypi_repo.web.api.queries import PageQuery

table = Table("Groups", "users")

_ALL = "/groups"
_ONE = "/groups/{group}"


@table.operation("GET", _ALL, {200: Page[Group]}, query=PageQuery)
def list_groups(call: Call) -> ApiResponse:
    """All groups, by name."""
    found = call.acting.groups.all()
    return ApiResponse(page_of(found, call.query, lambda group: group.name, _shown))


@table.operation("GET", _ONE, {200: Group})
def get_group(call: Call, group: str) -> ApiResponse:
    """A group, with its members."""
    return ApiResponse(_shown(call.acting.groups.get(group)))


@table.operation("PUT", _ONE, {200: Group, 201: Group}, body=GroupSettings, refusals=(409,))
def put_group(call: Call, group: str) -> ApiResponse:
    """Create the group, or give it exactly this access. Its members stay in it."""
    wanted: GroupSettings = call.body
    grants = wanted.access.grants()
    try:
        found = call.acting.groups.get(group)
    except UnknownGroup:
        call.acting.groups.create(
            group,
            description=wanted.description,
            everywhere=grants.everywhere,
            named=grants.named,
            patterns=grants.patterns,
        )
        return ApiResponse(_shown(call.acting.groups.get(group)), 201, f"groups/{group}")
    call.acting.groups.change(found.name, description=wanted.description, grants=grants)
    return get_group(call, group)


@table.operation("DELETE", _ONE, {204: None})
def delete_group(call: Call, group: str) -> ApiResponse:
    """Delete the group. Its members stay users, and lose what it gave them."""
    call.acting.groups.delete(group)
    return ApiResponse(status=204)


@table.operation("POST", f"{_ONE}/add", {200: Group}, body=Members)
def add_members(call: Call, group: str) -> ApiResponse:
    """Add users to the group. Those that are in it already stay."""
    wanted: Members = call.body
    call.acting.groups.add_members(group, wanted.users)
    return get_group(call, group)


@table.operation("POST", f"{_ONE}/remove", {200: Group}, body=Members)
def remove_members(call: Call, group: str) -> ApiResponse:
    """Remove users from the group. Those that are not in it do not matter."""
    wanted: Members = call.body
    call.acting.groups.remove_members(group, wanted.users)
    return get_group(call, group)


def _shown(group: accounts.Group) -> Group:
    return Group(
        name=group.name,
        description=group.description,
        access=GroupAccess.of(group.grants),
        members=list(group.members),
        created_at=group.created_at,
    )
