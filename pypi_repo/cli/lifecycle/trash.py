"""pypi-repo trash ..."""

from typing import Any

import click

from pypi_repo.cli.destroying import confirm, yes_option
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_records, say
from pypi_repo.domain.lifecycle.trash import TrashEntry
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting
from pypi_repo.settings import format_size


@click.group(cls=Group)
def trash() -> None:
    """List and restore what was deleted or overwritten, or delete it for good."""


@trash.command("list")
@click.argument("repository")
@json_option
@acts_as_operator
def list_(operator: Acting, repository: str, as_json: bool) -> None:
    """List the trash of REPOSITORY, the newest first."""
    print_records(
        [_record(entry, short=not as_json) for entry in operator.trash.entries(repository)],
        as_json,
        if_none=f"The trash of {repository} is empty.",
    )


@trash.command()
@click.argument("repository")
@click.argument("id_", metavar="ID", type=int)
@acts_as_operator
def restore(operator: Acting, repository: str, id_: int) -> None:
    """Undo the deletion or the overwrite ID in REPOSITORY, as `list` shows it."""
    entry = operator.trash.restore(repository, id_)
    say(f"Restored {_described(entry)} in {repository}.")


@trash.command()
@click.argument("repository")
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@yes_option
@acts_as_operator
def purge(operator: Acting, repository: str, ids: tuple[int, ...], yes: bool) -> None:
    """Delete the entries with these IDs from the trash of REPOSITORY for good, or all.

    The next sweep frees what they take.
    """
    if ids:
        entries = [operator.trash.get(repository, id_) for id_ in dict.fromkeys(ids)]
    else:
        entries = operator.trash.entries(repository)
    if not entries:
        say(f"The trash of {repository} is empty.")
        return
    what = (
        _described(entries[0]) if len(entries) == 1 else counted(len(entries), "entry", "entries")
    )
    confirm(f"This deletes {what} from the trash of {repository} for good", yes)
    purged = operator.trash.purge(repository, [entry.id for entry in entries])
    say(
        f"Deleted {what} from the trash of {repository} for good: "
        f"{counted(purged.files, 'file')} ({format_size(purged.bytes)})."
    )


def _described(entry: TrashEntry) -> str:
    if entry.subject == "file":
        return entry.name
    return f"{entry.name} with {counted(entry.files, 'file')}"


def _record(entry: TrashEntry, *, short: bool) -> dict[str, Any]:
    record = {
        "id": entry.id,
        "action": entry.action,
        "name": entry.name,
        "files": entry.files,
        "size": entry.size,
        "deleted_at": entry.deleted_at,
        "deleted_by": entry.deleted_by,
    }
    if short:
        return record
    return record | {
        "project": entry.project,
        "version": entry.version,
        "filename": entry.filename,
        "kept_until": entry.kept_until,
    }
