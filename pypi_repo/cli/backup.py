"""pypi-repo backup ..."""

from collections.abc import Sequence

import click

from pypi_repo.cli.options import Group, json_option, uses_registry
from pypi_repo.cli.output import print_records, say
from pypi_repo.cli.progress import progress
from pypi_repo.domain.errors import InvalidBackup
from pypi_repo.registry import Registry
from pypi_repo.services.operations.backup import Done, dumps
from pypi_repo.settings import format_size

_INTERRUPTED = "Interrupted; the same command goes on where it was."


@click.group(cls=Group)
def backup() -> None:
    """Copy a registry away, and make one of the copy, on any engine and any file store.

    DIR is a folder or an fsspec URL such as s3://bucket/folder.
    """


@backup.command()
@click.argument("dir")
@click.option(
    "--with-cache", is_flag=True, help="Add what was fetched from upstreams and could be again."
)
@uses_registry
def create(registry: Registry, dir: str, with_cache: bool) -> None:  # noqa: A002 - as the help text calls it
    """Add the current state of the registry, which may be in use, to the backup in DIR.

    Files that are there already are not copied again, and earlier dumps of the database stay.
    Exit status 1 if a file is damaged in the registry; all others are in the backup then.
    """
    try:
        with progress() as shown:
            done = registry.backup.create(dir, listener=shown.listen, with_cache=with_cache)
    except KeyboardInterrupt:
        raise click.ClickException(_INTERRUPTED) from None
    _print_lost(done.lost)
    if done.lost:
        raise click.ClickException(
            f"{len(done.lost)} files are damaged in the registry and not in the backup, which has "
            "all the rest; see `pypi-repo upkeep verify`."
        )
    _print_done("Backed up", done)


@backup.command()
@click.argument("dir")
@click.option(
    "--dump", metavar="NAME", help="One that `backup show` lists; the default is the newest."
)
@click.option(
    "--skip-lost",
    is_flag=True,
    help="Leave out files that are missing from the backup or damaged in it.",
)
@uses_registry
def restore(registry: Registry, dir: str, dump: str | None, skip_lost: bool) -> None:  # noqa: A002
    """Restore the backup in DIR to an empty registry, of any database engine and file store.

    All of it or nothing appears on the index.
    """
    try:
        with progress() as shown:
            done = registry.backup.restore(
                dir, name=dump, skip_lost=skip_lost, listener=shown.listen
            )
    except KeyboardInterrupt:
        raise click.ClickException(_INTERRUPTED) from None
    except InvalidBackup as error:
        _print_lost(error.lost)
        raise
    _print_lost(done.lost)
    if done.lost:
        say(f"Left out {len(done.lost)} files that the backup has not, or not whole.")
    _print_done("Restored", done)


@backup.command()
@click.argument("dir")
@json_option
def show(dir: str, as_json: bool) -> None:  # noqa: A002
    """List the dumps of the database in DIR, oldest first: what can be restored."""
    print_records(
        [
            {
                "name": found.name,
                "created_at": found.header.created_at,
                "pypi_repo": found.header.pypi_repo,
                "revision": found.header.revision,
                "repositories": found.header.rows["repositories"],
                "files": found.header.rows["files"],
                "bytes": found.header.bytes,
            }
            for found in dumps(dir)
        ],
        as_json,
        if_none=f"There is no dump in {dir}.",
    )


def _print_lost(lost: Sequence[str]) -> None:
    for sentence in lost:
        say(sentence)


def _print_done(what: str, done: Done) -> None:
    header = done.dump.header
    say(
        f"{what} {done.dump.name}: {header.rows['files']} files, {format_size(header.bytes)}; "
        f"copied {done.blobs} of the stored files, {format_size(done.bytes)}."
    )
