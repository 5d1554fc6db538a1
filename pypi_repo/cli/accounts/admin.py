"""pypi-repo admin ..."""

import functools
from datetime import timedelta

import click

from pypi_repo.cli.accounts.passwords import new_password, password_options, tell
from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Duration, Group, Id, acts_as_operator, json_option
from pypi_repo.cli.output import print_records, say
from pypi_repo.domain.accounts.access import Area
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting


@click.group(cls=Group)
def admin() -> None:
    """Create, list, change and delete administrators: the accounts of the portal and the API."""


_area = functools.partial(
    click.option, "--area", "areas", type=click.Choice([area.value for area in Area]), multiple=True
)
_areas = _area(help="What to manage; may be repeated. The default is everything.")
# Not everything by default: who forgets the option would give somebody the whole registry.
_exact_areas = _area(required=True, help="What to manage, and nothing else; may be repeated.")


@admin.command()
@click.argument("name")
@password_options
@_areas
@acts_as_operator
def create(
    operator: Acting, name: str, areas: tuple[str, ...], from_stdin: bool, generated: bool
) -> None:
    """Make the administrator NAME."""
    password = new_password(from_stdin, generated)
    operator.administrators.create(name, password, areas=_chosen(areas))
    tell(password, generated, f"Created administrator {name.lower()}.")


@admin.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all administrators."""
    print_records(
        [
            {
                "name": found.name,
                "areas": [area.value for area in Area if area in found.areas],
                "created_at": found.created_at,
            }
            for found in operator.administrators.all()
        ],
        as_json,
        if_none="There are no administrators; `admin create` makes one.",
    )


@admin.command("set")
@click.argument("name")
@_exact_areas
@acts_as_operator
def set_(operator: Acting, name: str, areas: tuple[str, ...]) -> None:
    """Change what administrator NAME manages, from its next request on."""
    operator.administrators.set_areas(name, map(Area, areas))
    say(f"Changed administrator {name.lower()}.")


@admin.command("set-password")
@click.argument("name")
@password_options
@acts_as_operator
def set_password(operator: Acting, name: str, from_stdin: bool, generated: bool) -> None:
    """Give administrator NAME another password."""
    password = new_password(from_stdin, generated)
    operator.administrators.set_password(name, password)
    tell(password, generated, f"Changed the password of administrator {name.lower()}.")


@admin.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete administrator NAME with its tokens and sessions."""
    tokens = counted(len(operator.administrators.tokens(name)), "token")
    confirm(f"This deletes administrator {name.lower()} with {tokens}", yes)
    operator.administrators.delete(name)
    say(f"Deleted administrator {name.lower()} with {tokens}.")


@admin.group(cls=Group)
def token() -> None:
    """Create, list and revoke the tokens that open the management API."""


@token.command("create")
@click.argument("administrator")
@_areas
@click.option("--read-only", is_flag=True, help="The token cannot change anything.")
@click.option(
    "--expires-in",
    type=Duration(),
    default="90d",
    show_default=True,
    help="Until it expires; at most 365d.",
)
@click.option("--name", default="", metavar="TEXT", help="A note on what it is for.")
@acts_as_operator
def create_token(
    operator: Acting,
    administrator: str,
    areas: tuple[str, ...],
    read_only: bool,
    expires_in: timedelta,
    name: str,
) -> None:
    """Make a token of ADMINISTRATOR. Its secret is printed last, and only this once.

    Programs send it as `Authorization: Bearer SECRET`.
    """
    created, secret = operator.administrators.create_token(
        administrator,
        name=name,
        areas=_chosen(areas),
        read_only=read_only,
        expires_in=expires_in,
    )
    say(f"Created token {created.id} ({created.name}) of {created.administrator}:", err=True)
    click.echo(secret)


@token.command("list")
@click.argument("administrator")
@json_option
@acts_as_operator
def list_tokens(operator: Acting, administrator: str, as_json: bool) -> None:
    """List the tokens of ADMINISTRATOR, without their secrets."""
    print_records(
        [
            {
                "id": found.id,
                "name": found.name,
                "prefix": found.prefix,
                "areas": [area.value for area in Area if area in found.areas],
                "read_only": found.read_only,
                "created_at": found.created_at,
                "expires_at": found.expires_at,
            }
            for found in operator.administrators.tokens(administrator)
        ],
        as_json,
        if_none=f"{administrator.lower()} has no tokens; `admin token create` makes one.",
    )


@token.command("revoke")
@click.argument("id", type=Id())
@yes_option
@acts_as_operator
def revoke_token(operator: Acting, id: int, yes: bool) -> None:  # noqa: A002 - as `list` calls it
    """Revoke token ID, which is refused from then on."""
    found = operator.administrators.token(id)
    which = f"token {found.id} ({found.name}) of {found.administrator}"
    confirm(f"This revokes {which}, for good", yes)
    operator.administrators.revoke_token(id)
    say(f"Revoked {which}.")


def _chosen(areas: tuple[str, ...]) -> list[Area]:
    return [Area(area) for area in areas] or list(Area)
