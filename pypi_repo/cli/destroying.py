"""What destroys asks first on a terminal, and wants --yes elsewhere."""

from collections.abc import Iterable

import click

from pypi_repo.cli.options import somebody_can_be_asked
from pypi_repo.cli.output import say
from pypi_repo.domain.records import DistributionFile
from pypi_repo.domain.text import counted, printable
from pypi_repo.settings import format_size

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(what_goes: str, yes: bool) -> None:
    """Comes back if it may be done.

    what_goes: a sentence without its full stop, in the present: "This deletes ...".

    Raises ClickException, with what would have gone, where nobody agreed.
    """
    if yes:
        return
    if not somebody_can_be_asked():
        raise click.ClickException(
            printable(f"{what_goes}; nothing was done. Repeat the command with --yes to do it.")
        )
    say(f"{what_goes}.", err=True)
    if not click.confirm("Go on?", err=True):
        raise click.ClickException("Nothing was done.")


def sized(files: Iterable[DistributionFile]) -> str:
    """Returns the number and the size of files, such as `2 files (1.5 MiB)`."""
    sizes = [file.size for file in files]
    return f"{counted(len(sizes), 'file')} ({format_size(sum(sizes))})"


def undo(repository: str, entry: int | None) -> str:
    """Returns how to take a deletion back, to be said after it; empty without a trash."""
    return "" if entry is None else f" Undo it with: pypi-repo trash restore {repository} {entry}"
