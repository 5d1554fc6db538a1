"""pypi-repo admin ..."""

import functools
from datetime import timedelta

import click

from pypi_repo.cli.options import (
    Duration,
    Group,
    json_option,
    option,
    print_records,
    read_password,
    uses_registry,
)
from pypi_repo.domain.access import Area
from pypi_repo.registry import Registry


@click.group(cls=Group)
def admin() -> None:
    """Create, list and delete administrators, who manage and reach no package."""


_area = functools.partial(
    option, "--area", "areas", type=click.Choice([area.value for area in Area]), multiple=True
)
_areas = _area(help="What to manage; repeat it. Everything, if not said.")
# Not everything by default: who forgets the option would give somebody the whole registry.
_exact_areas = _area(required=True, help="What to manage, and nothing else; repeat it.")
_password_stdin = option("--password-stdin", is_flag=True, help="Read the password from stdin.")


@admin.command()
@click.argument("name")
@_password_stdin
@_areas
@uses_registry
def create(registry: Registry, name: str, password_stdin: bool, areas: tuple[str, ...]) -> None:
    """Make the administrator NAME."""
    registry.administrators.create(name, read_password(password_stdin), areas=_chosen(areas))
    click.echo(f"Created administrator {name.lower()}.")


@admin.command("list")
@json_option
@uses_registry
def list_(registry: Registry, as_json: bool) -> None:
    """List all administrators."""
    print_records(
        [
            {
                "name": found.name,
                "areas": [area.value for area in Area if area in found.areas],
                "created_at": found.created_at,
            }
            for found in registry.administrators.all()
        ],
        as_json,
    )


@admin.command("set")
@click.argument("name")
@_exact_areas
@uses_registry
def set_(registry: Registry, name: str, areas: tuple[str, ...]) -> None:
    """Change what administrator NAME manages, from its next request on."""
    registry.administrators.set_areas(name, map(Area, areas))
    click.echo(f"Changed administrator {name.lower()}.")


@admin.command("set-password")
@click.argument("name")
@_password_stdin
@uses_registry
def set_password(registry: Registry, name: str, password_stdin: bool) -> None:
    """Give administrator NAME another password."""
    registry.administrators.set_password(name, read_password(password_stdin))
    click.echo(f"Changed the password of administrator {name.lower()}.")


@admin.command()
@click.argument("name")
@uses_registry
def delete(registry: Registry, name: str) -> None:
    """Delete administrator NAME."""
    registry.administrators.delete(name)
    click.echo(f"Deleted administrator {name.lower()}.")


@admin.group(cls=Group)
def token() -> None:
    """Create, list and revoke the tokens that open the management API."""


@token.command("create")
@click.argument("administrator")
@_areas
@option("--read-only", is_flag=True, help="Not good for changes.")
@option("--expires-in", type=Duration(), default="90d", show_default=True, help="At most 365d.")
@option("--name", default="", metavar="TEXT", help="What it is for.")
@uses_registry
def create_token(
    registry: Registry,
    administrator: str,
    areas: tuple[str, ...],
    read_only: bool,
    expires_in: timedelta,
    name: str,
) -> None:
    """Make a token of ADMINISTRATOR. Its secret is printed last, and only now.

    Programs send it as `Authorization: Bearer SECRET`.
    """
    created, secret = registry.administrators.create_token(
        administrator,
        name=name,
        areas=_chosen(areas),
        read_only=read_only,
        expires_in=expires_in,
    )
    click.echo(f"Created token {created.id} ({created.name}) of {created.administrator}:", err=True)
    click.echo(secret)


@token.command("list")
@click.argument("administrator")
@json_option
@uses_registry
def list_tokens(registry: Registry, administrator: str, as_json: bool) -> None:
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
            for found in registry.administrators.tokens(administrator)
        ],
        as_json,
    )


@token.command("revoke")
@click.argument("id", type=int)
@uses_registry
def revoke_token(registry: Registry, id: int) -> None:  # noqa: A002 - as `list` calls it
    """Revoke the token ID; it is refused from now on."""
    revoked = registry.administrators.revoke_token(id)
    click.echo(f"Revoked token {revoked.id} ({revoked.name}) of {revoked.administrator}.")


def _chosen(areas: tuple[str, ...]) -> list[Area]:
    return [Area(area) for area in areas] or list(Area)
