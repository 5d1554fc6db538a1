"""pypi-repo stage ...: files that are published together."""

from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option, option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.lifecycle.stages import STAGE_DAYS, Stage, stage_urls
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting
from pypi_repo.settings import format_size

_public_url = option(
    "--public-url",
    metavar="URL",
    help="The URL of the registry, with which the URLs begin.",
)


@click.group(cls=Group)
def stage() -> None:
    """Open, list, publish and drop stages: files that are published together."""


@stage.command("open")
@click.argument("repository")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@click.option(
    "--days",
    type=int,
    default=STAGE_DAYS,
    show_default=True,
    help="After how many days it expires with all that is in it.",
)
@_public_url
@json_option
@acts_as_operator
def open_(
    operator: Acting,
    repository: str,
    description: str,
    days: int,
    public_url: str | None,
    as_json: bool,
) -> None:
    """Open a stage in REPOSITORY, and print its id, its URL for uploads and that of its index.

    Nobody sees what is uploaded to the stage until it is published. Its index shows the
    repository as it will be then.
    """
    opened = operator.stages.open(repository, description, days=days)
    if public_url is None:
        say("Write the URL of the registry before the URLs; --public-url does that.", err=True)
    upload_url, index_url = stage_urls(opened, public_url or "")
    if as_json:
        record = {"id": opened.id, "upload_url": upload_url, "index_url": index_url}
        print_record({**record, "expires_at": opened.expires_at}, as_json)
    else:
        click.echo(f"{opened.id}\n{upload_url}\n{index_url}")


@stage.command("list")
@click.argument("repository")
@json_option
@acts_as_operator
def list_(operator: Acting, repository: str, as_json: bool) -> None:
    """List the stages of REPOSITORY that are open."""
    print_records(
        [_record(found) for found in operator.stages.stages(repository)],
        as_json,
        if_none=f"There are no open stages in {repository}.",
    )


@stage.command()
@click.argument("repository")
@click.argument("id_", metavar="ID")
@acts_as_operator
def publish(operator: Acting, repository: str, id_: str) -> None:
    """Publish the files of the stage ID in REPOSITORY, all of them or none."""
    accepted = operator.stages.publish(repository, id_)
    for each in accepted:
        say(each.file.filename)
    say(f"Published {counted(len(accepted), 'file')} in {repository}.", err=True)


@stage.command()
@click.argument("repository")
@click.argument("id_", metavar="ID")
@yes_option
@acts_as_operator
def drop(operator: Acting, repository: str, id_: str, yes: bool) -> None:
    """Drop the stage ID of REPOSITORY with all its files."""
    found, _files = operator.stages.stage(repository, id_)
    holding = f"{counted(found.files, 'file')} ({format_size(found.size)})"
    confirm(f"This drops a stage of {repository} with {holding}", yes)
    operator.stages.drop(repository, id_)
    say(f"Dropped a stage of {repository} with {holding}.")


def _record(found: Stage) -> dict[str, Any]:
    return {
        "id": found.id,
        "description": found.description,
        "files": found.files,
        "size": found.size,
        "opened_by": found.opened_by,
        "created_at": found.created_at,
        "expires_at": found.expires_at,
    }
