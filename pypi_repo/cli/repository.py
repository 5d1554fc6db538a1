"""pypi-repo repository ..."""

from collections.abc import Callable
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, Size, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.records import Repository
from pypi_repo.domain.text import counted
from pypi_repo.domain.upstreams.upstream import COOLDOWN_MODES
from pypi_repo.domain.validation.profiles import PROFILES
from pypi_repo.services.acting import Acting
from pypi_repo.settings import format_size


@click.group(cls=Group)
def repository() -> None:
    """Create, list, change and delete repositories."""


_OPTIONS = (
    click.option("--description", metavar="TEXT", help="A description, shown to people."),
    click.option(
        "--public/--private",
        default=None,
        help="Whether everybody may read; writing always needs a user.",
    ),
    click.option(
        "--allow-overwrite/--protect", default=None, help="Whether uploads may replace files."
    ),
    click.option(
        "--allow-reuse/--retire-names",
        default=None,
        help="Whether names of deleted files can be used again.",
    ),
    click.option(
        "--max-file-size",
        type=Size(),
        help="The largest file, like 500MiB; at most what the server allows.",
    ),
    click.option("--quota", type=Size(), help="The limit for all files together, like 50GiB."),
    click.option(
        "--profile", type=click.Choice(PROFILES), help="How strictly uploads are checked."
    ),
    click.option(
        "accepts_uploads",
        "--uploads/--no-uploads",
        default=None,
        help="Whether files can be uploaded, or only come from its sources.",
    ),
    click.option(
        "--public-sources/--private-sources",
        default=None,
        help="Whether everybody may also read what comes from upstreams.",
    ),
    click.option(
        "--cooldown",
        metavar="AGE",
        help="How old files from upstreams must be, like 3d, or a date like 2026-11-01.",
    ),
    click.option(
        "--cooldown-mode",
        type=click.Choice(COOLDOWN_MODES),
        help="Whether files that are too young are left out.",
    ),
)


def _takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each setting of a repository, None where it is not given."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@repository.command()
@click.argument("name")
@_takes_settings
@acts_as_operator
def create(operator: Acting, name: str, **settings: Any) -> None:
    """Make the repository NAME, private and protected against overwriting."""
    given = {key: value for key, value in settings.items() if value is not None}
    operator.repositories.create(name, **given)
    say(f"Created repository {name}; packages go to and come from /repositories/{name}/.")


@repository.command("list")
@json_option
@acts_as_operator
def list_(operator: Acting, as_json: bool) -> None:
    """List all repositories."""
    print_records(
        [_record(found) for found in operator.repositories.all()],
        as_json,
        if_none="There are no repositories; `repository create` makes one.",
    )


@repository.command()
@click.argument("name")
@json_option
@acts_as_operator
def show(operator: Acting, name: str, as_json: bool) -> None:
    """Show the settings of repository NAME."""
    print_record(_record(operator.repositories.get(name)), as_json)


@repository.command("set")
@click.argument("name")
@_takes_settings
@acts_as_operator
def set_(operator: Acting, name: str, **settings: Any) -> None:
    """Change settings of repository NAME; others stay as they are."""
    given = {key: value for key, value in settings.items() if value is not None}
    if not given:
        raise click.UsageError("Say what to change, such as --public or --protect.")
    operator.repositories.change(name, **given)
    say(f"Changed repository {name}.")


@repository.command()
@click.argument("name")
@yes_option
@acts_as_operator
def delete(operator: Acting, name: str, yes: bool) -> None:
    """Delete repository NAME with everything in it, and all access and tokens for it."""
    operator.repositories.get(name)
    held = operator.usage.repository(name)
    content = (
        f"{counted(held.projects, 'project')} and {counted(held.files, 'file')} "
        f"({format_size(held.size)})"
    )
    confirm(f"This deletes repository {name} with {content}", yes)
    operator.repositories.delete(name)
    say(f"Deleted repository {name} with {content}; `pypi-repo upkeep sweep` will free its space.")


def _record(found: Repository) -> dict[str, Any]:
    settings = found.settings()
    description = settings.pop("description")
    return {
        "name": found.name,
        **settings,
        "serial": found.serial,
        "created_at": found.created_at,
        "description": description,
    }
