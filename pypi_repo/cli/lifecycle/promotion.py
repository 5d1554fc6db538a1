"""pypi-repo release promote and project promote: to another repository, without copying a byte."""

import click

from pypi_repo.cli.destroying import confirm, sized, yes_option
from pypi_repo.cli.options import Command, acts_as_operator
from pypi_repo.cli.output import say
from pypi_repo.services.acting import Acting
from pypi_repo.services.lifecycle.transfer import Promoted

_move = click.option("--move", is_flag=True, help="Delete it from the first repository.")


@click.command("promote", cls=Command)
@click.argument("source", metavar="FROM")
@click.argument("project")
@click.argument("version")
@click.argument("target", metavar="TO")
@_move
@yes_option
@acts_as_operator
def promote_release(
    operator: Acting, source: str, project: str, version: str, target: str, move: bool, yes: bool
) -> None:
    """Copy a release of the repository FROM to the repository TO, with all its files or not at all.

    The rules of TO decide. With --move, the names of its files stay taken in FROM.
    """
    _ask(f"{project} {version}", source, target, yes=yes or not move)
    promoted = operator.promotion.release(source, project, version, target, move=move)
    _tell(promoted, f"{promoted.project} {version}")


@click.command("promote", cls=Command)
@click.argument("source", metavar="FROM")
@click.argument("project")
@click.argument("target", metavar="TO")
@_move
@yes_option
@acts_as_operator
def promote_project(
    operator: Acting, source: str, project: str, target: str, move: bool, yes: bool
) -> None:
    """Copy all releases of a project to the repository TO, or none of them.

    The rules of TO decide. With --move, the names of its files stay taken in FROM.
    """
    _ask(f"{project} with all its releases", source, target, yes=yes or not move)
    promoted = operator.promotion.project(source, project, target, move=move)
    _tell(promoted, promoted.project)


def _ask(what: str, source: str, target: str, *, yes: bool) -> None:
    """A move is in no trash, and cannot be taken back by another one."""
    confirm(
        f"This moves {what} from {source} to {target}; the names of its files stay taken in "
        f"{source}, and nothing undoes it",
        yes,
    )


def _tell(promoted: Promoted, what: str) -> None:
    what = f"{what} with {sized(promoted.files)}"
    if promoted.is_moved:
        say(f"Moved {what} from {promoted.source} to {promoted.target}.")
    elif promoted.is_unchanged:
        say(f"{promoted.target} has {what} already.")
    else:
        say(f"Copied {what} from {promoted.source} to {promoted.target}.")
