"""pypi-repo group ..."""

from typing import Any

import click

from pypi_repo.cli.accounts.access import (
    access_options,
    access_record,
    described,
    grants_of,
)
from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.accounts import accounts
from pypi_repo.domain.accounts.grants import Grants
from pypi_repo.domain.accounts.written_grants import WrittenGrant
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def group() -> None:
    """Create, list, change and delete groups of repository users, who share rights."""


@group.command()
@click.argument("name")
@click.option("--description", default="", metavar="TEXT", help="Who is in it, or what for.")
@access_options
@acts_as_operator
def create(
    operator: Acting,
    name: str,
    description: str,
    read_write: bool,
    read_only: bool,
    access: tuple[WrittenGrant, ...],
) -> None:
    """Make the group NAME. Each member has its rights, besides those of its own."""
    grants = grants_of(read_write, read_only, access) or Grants()
    operator.groups.create(
        name,
        description=description,
        everywhere=grants.everywhere,
        named=grants.named,
        patterns=grants.patterns,
    )
    say(f"Created group {name}, whose members may {described(grants)}.")


@group.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all groups."""
    print_records(
        [_record(found) for found in operator.groups.all()],
        as_json,
        if_none="There are no groups; `group create` makes one.",
    )


@group.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show what members of group NAME may do, and who they are."""
    print_record(_record(operator.groups.get(name)), as_json)


@group.command("set")
@click.argument("name")
@click.option("--description", metavar="TEXT", help="Who is in it, or what for.")
@access_options
@acts_as_operator
def set_(
    operator: Acting,
    name: str,
    description: str | None,
    read_write: bool,
    read_only: bool,
    access: tuple[WrittenGrant, ...],
) -> None:
    """Change what members of group NAME may do, from their next requests on.

    --read-write, --read-only and --access replace all that the group gave before.
    """
    grants = grants_of(read_write, read_only, access)
    if grants is None and description is None:
        raise click.UsageError("Say --description, --read-write, --read-only or --access.")
    operator.groups.change(name, description=description, grants=grants)
    say(f"Changed group {name.lower()}.")


@group.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete group NAME. Its members stay users, and lose what it gave them."""
    found = operator.groups.get(name)
    members = counted(len(found.members), "member")
    confirm(f"This deletes group {found.name}, which gives rights to {members}", yes)
    operator.groups.delete(found.name)
    say(f"Deleted group {found.name} with {members}.")


@group.command()
@click.argument("group")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@acts_as_operator
def add(operator: Acting, group: str, users: tuple[str, ...]) -> None:
    """Add repository users to GROUP."""
    operator.groups.add_members(group, users)
    say(f"Group {group.lower()} has {_members(operator.groups.get(group))}.")


@group.command()
@click.argument("group")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@acts_as_operator
def remove(operator: Acting, group: str, users: tuple[str, ...]) -> None:
    """Remove repository users from GROUP. They stay users."""
    operator.groups.remove_members(group, users)
    say(f"Group {group.lower()} has {_members(operator.groups.get(group))}.")


def _members(found: accounts.Group) -> str:
    return counted(len(found.members), "member")


def _record(found: accounts.Group) -> dict[str, Any]:
    return {
        "name": found.name,
        "description": found.description,
        **access_record(found.grants),
        "members": list(found.members),
        "created_at": found.created_at,
    }
