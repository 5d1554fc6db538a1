"""pypi-repo admin ..."""

import click

from pypi_repo.cli.options import (
    Group,
    json_option,
    option,
    print_records,
    read_password,
    uses_registry,
)
from pypi_repo.registry import Registry


@click.group(cls=Group)
def admin() -> None:
    """Create, list and delete administrators, who manage everything and reach no package."""


_password_stdin = option("--password-stdin", is_flag=True, help="Read the password from stdin.")


@admin.command()
@click.argument("name")
@_password_stdin
@uses_registry
def create(registry: Registry, name: str, password_stdin: bool) -> None:
    """Make the administrator NAME."""
    registry.administrators.create(name, read_password(password_stdin))
    click.echo(f"Created administrator {name.lower()}.")


@admin.command("list")
@json_option
@uses_registry
def list_(registry: Registry, as_json: bool) -> None:
    """List all administrators."""
    print_records(
        [
            {"name": found.name, "created_at": found.created_at}
            for found in registry.administrators.all()
        ],
        as_json,
    )


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
