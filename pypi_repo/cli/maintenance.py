"""pypi-repo db ... and upkeep ..."""

import logging
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from pypi_repo.cli.options import Group, json_option, location_options, uses_registry
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.cli.progress import interruptible, progress
from pypi_repo.domain.errors import RegistryError
from pypi_repo.domain.stored_files import owner_path
from pypi_repo.domain.text import counted
from pypi_repo.registry import Registry
from pypi_repo.services.chores.reports import ChoreReport
from pypi_repo.services.operations.upkeep import Checked, Problem
from pypi_repo.settings import format_size, in_folder
from pypi_repo.web.observability.logs import log_to_stderr

_SHA256 = re.compile("[0-9a-fA-F]{64}")


@click.group(cls=Group)
def db() -> None:
    """Upgrade the database schema, or print its revision."""


@db.command()
@location_options
def upgrade(
    data: str, database: str | None, database_schema: str | None, blobs: str | None
) -> None:
    """Bring the database schema to this version, or make a new registry. Safe to repeat."""
    settings = in_folder(data, database, blobs, database_schema=database_schema)
    with Registry(settings) as registry:
        if registry.is_new:
            click.echo(f"Made a new, empty registry in {registry.database_place}.", err=True)
        registry.upgrade()
        click.echo(f"The database schema is at revision {registry.revision()}.")


@db.command()
@uses_registry
def current(registry: Registry) -> None:
    """Print the revision of the database schema."""
    click.echo(registry.revision() or "empty")


@click.group(cls=Group)
def upkeep() -> None:
    """Free space, and check that nothing is lost."""


@upkeep.command()
@click.option("--forever", is_flag=True, help="Go on, and do each chore whenever it is due.")
@json_option
@uses_registry
def run(registry: Registry, forever: bool, as_json: bool) -> None:
    """Do the chores that are due, in the place of `serve`, which does them by itself.

    Call it every few minutes where another server runs the registry.
    """
    if forever and as_json:
        raise click.UsageError("--json prints the result of one run, and --forever has no end.")
    if forever:
        log_to_stderr("text", requests=False)
        logging.getLogger("pypi_repo.services.chores").setLevel(logging.INFO)
        with suppress(KeyboardInterrupt), interruptible():
            _run_once(registry, as_json)
            registry.chores.run_forever()
    elif any(report.failure for report in _run_once(registry, as_json)):
        raise click.ClickException("A chore failed; it is tried again when it is due.")


def _run_once(registry: Registry, as_json: bool) -> list[ChoreReport]:
    reports = registry.chores.run_due()
    if as_json:
        print_records([_chore(report) for report in reports], as_json)
    else:
        for report in reports:
            said = report.failure_for_operator or report.did or "nothing to do."
            say(f"{report.name}: {said}", err=report.failure is not None)
    return reports


@upkeep.command("list")
@json_option
@uses_registry
def list_chores(registry: Registry, as_json: bool) -> None:
    """List the chores, and how their last runs went."""
    print_records([_chore(report) for report in registry.chores.reports()], as_json)


def _chore(report: ChoreReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "every": report.every,
        "ended_at": report.ended_at,
        "took": report.took,
        "did": report.did,
        "failure": report.failure_for_operator,
        "due_at": report.due_at,
    }


@upkeep.command()
@json_option
@uses_registry
def sweep(registry: Registry, as_json: bool) -> None:
    """Delete stored files that are older than a day and that nothing refers to."""
    swept = registry.upkeep.sweep()
    if as_json:
        print_record(asdict(swept), as_json)
    else:
        click.echo(f"Deleted {counted(swept.blobs, 'file')}, {format_size(swept.bytes)}.")


def _digest(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """A mistyped one would be taken for the end of all files, and they for whole."""
    if value and not _SHA256.fullmatch(value):
        raise click.BadParameter("write the 64 hexadecimal digits that an interrupted run prints.")
    return value.lower()


@upkeep.command()
@click.option(
    "--after",
    default="",
    metavar="SHA256",
    callback=_digest,
    help="Go on after the file with this digest, which an interrupted run prints.",
)
@json_option
@uses_registry
def verify(registry: Registry, after: str, as_json: bool) -> None:
    """Read every stored file and compare it with the database; exit status 1 if one is damaged.

    Ctrl+C or SIGTERM interrupts it, and it says how to go on.
    """
    report = _Report(after)
    all_missing = True
    try:
        with progress() as shown:
            for checked in registry.upkeep.verify(after, shown.listen):
                report.add(checked)
                all_missing &= any(map(_is_a_missing_file, checked.problems))
                if not as_json:
                    for problem in checked.problems:
                        shown.say(_line(problem))
        report.complete = True
    except KeyboardInterrupt:
        raise click.ClickException(f"Interrupted; {report.how_to_go_on()}.") from None
    except RegistryError:
        click.echo(f"Not all files were checked; {report.how_to_go_on()}.", err=True)
        raise
    finally:
        if as_json:
            print_record(asdict(report), as_json)
    damaged = [problem for problem in report.problems if not problem.is_gone]
    if damaged and all_missing:
        raise click.ClickException(
            f"None of the files is in {registry.files_place}; if they are elsewhere, correct "
            "--blobs or --data, and otherwise copy them there from a backup, where they have the "
            "same paths."
        )
    if damaged:
        raise click.ClickException(
            f"{len(damaged)} files are damaged; copy them back from a backup, where they have the "
            "same paths."
        )
    if not as_json:
        rest, besides = " after that one" if after else "", " other" if report.problems else ""
        click.echo(f"All{besides} files{rest} are as they were uploaded.")


def _is_a_missing_file(problem: Problem) -> bool:
    """Not only its core metadata or signature."""
    return problem.fault == "missing" and owner_path(problem.path) == problem.path


@dataclass
class _Report:
    """Of one run; `after` is the digest of what was checked last."""

    after: str
    complete: bool = False
    files: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, checked: Checked) -> None:
        self.after = checked.sha256
        self.files += checked.files
        self.bytes += checked.bytes
        self.problems += checked.problems

    def how_to_go_on(self) -> str:
        if not self.after:
            return "start again with the same command"
        return f"go on with `pypi-repo upkeep verify --after {self.after}`"


def _line(problem: Problem) -> str:
    return f"{problem.path} ({', '.join(problem.repositories)}): {problem.what}"
