"""pypi-repo db ... and upkeep ..."""

import click

from pypi_repo.cli.options import Group, uses_registry
from pypi_repo.registry import Registry
from pypi_repo.settings import format_size


@click.group(cls=Group)
def db() -> None:
    """Upgrade the database schema, or tell its revision."""


@db.command()
@uses_registry
def upgrade(registry: Registry) -> None:
    """Bring the database schema to this version. Safe to repeat."""
    registry.upgrade()
    click.echo(f"The database schema is at revision {registry.revision()}.")


@db.command()
@uses_registry
def current(registry: Registry) -> None:
    """Tell the revision of the database schema."""
    click.echo(registry.revision() or "empty")


@click.group(cls=Group)
def upkeep() -> None:
    """Free space, and check that nothing is lost."""


@upkeep.command()
@uses_registry
def sweep(registry: Registry) -> None:
    """Delete stored files that nothing has referred to for a day."""
    swept = registry.upkeep.sweep()
    click.echo(f"Deleted {swept.blobs} files, {format_size(swept.bytes)}.")


@upkeep.command()
@uses_registry
def verify(registry: Registry) -> None:
    """Read every stored file and compare it with its digest; exit status 1 if one is wrong."""
    problems = 0
    for problem in registry.upkeep.verify():
        problems += 1
        click.echo(f"{problem.filename}: {problem.what}")
    if problems:
        raise click.ClickException(f"{problems} files are damaged; restore them from a backup.")
    click.echo("All files are what was uploaded.")
