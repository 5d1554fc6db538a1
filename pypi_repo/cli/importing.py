"""pypi-repo import ..."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from pypi_repo.cli.options import Command, Number, acts_as_operator, json_option, secret_from_stdin
from pypi_repo.cli.output import print_record, say
from pypi_repo.cli.progress import Progress, progress
from pypi_repo.domain.errors import InvalidSetting
from pypi_repo.domain.importing.found import LeftOut
from pypi_repo.domain.importing.reports import Assessment, Report, Step, StepListener
from pypi_repo.domain.importing.selection import EVERYTHING, Selection
from pypi_repo.domain.text import counted
from pypi_repo.services.acting import Acting
from pypi_repo.services.importing.importing import USUAL_JOBS
from pypi_repo.services.importing.sources.opening import SourceAccess
from pypi_repo.settings import format_size

_INTERRUPTED = "Interrupted; the same command goes on where it was."


@click.command("import", cls=Command)
@click.argument("repository")
@click.argument("source")
@click.option("--assess", is_flag=True, help="Only say what would be imported.")
@click.option(
    "--projects",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Only these projects: names, or patterns such as 'acme-*', one in each line.",
)
@click.option(
    "--as-is",
    is_flag=True,
    help="Import files, too, that the profile of the repository refuses; pages say so.",
)
@click.option(
    "--keep-uploaders",
    is_flag=True,
    help="Keep who has uploaded the files there, where SOURCE says so; users of the same names "
    "count as the uploaders.",
)
@click.option(
    "--jobs",
    type=Number(1, 64),
    default=USUAL_JOBS,
    show_default=True,
    help="How many files are imported at once.",
)
@click.option("--username", metavar="NAME", help="The user there; needs --password-stdin.")
@click.option("--password-stdin", is_flag=True, help="Read the password of the user from stdin.")
@click.option(
    "file_hosts",
    "--file-host",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Another host from which its files may come; may be repeated.",
)
@click.option(
    "--allow-http", is_flag=True, help="Let SOURCE, and its files, be read without encryption."
)
@click.option(
    "--allow-private-network",
    is_flag=True,
    help="Let SOURCE have an address in a private network or on this machine.",
)
@json_option
@acts_as_operator
def import_(
    operator: Acting,
    repository: str,
    source: str,
    assess: bool,
    projects: Path | None,
    as_is: bool,
    keep_uploaders: bool,
    jobs: int,
    username: str | None,
    password_stdin: bool,
    file_hosts: tuple[str, ...],
    allow_http: bool,
    allow_private_network: bool,
    as_json: bool,
) -> None:
    """Import to REPOSITORY what SOURCE has.

    SOURCE is a folder, the URL of a simple index, devpi+URL for an index of devpi, or such an index
    in an export of devpi, like EXPORT/USER/INDEX.

    What is here already is skipped, and never replaced. An import that was interrupted goes on if
    it is run again. Exit status 1 if something was left out; all the rest is imported then.
    """
    access = SourceAccess(
        username=username,
        password=_password(username, password_stdin),
        file_hosts=frozenset(file_hosts),
        allow_http=allow_http,
        allow_private_network=allow_private_network,
    )
    selection = EVERYTHING if projects is None else _selection(projects)
    imports = operator.imports
    try:
        with progress() as shown:
            opened = imports.source(source, access)
            listener = _listener(shown)
            if assess:
                _print_assessment(
                    imports.assess(repository, opened, selection, jobs=jobs, listener=listener),
                    as_json,
                )
                return
            report = imports.run(
                repository,
                opened,
                selection,
                as_is=as_is,
                keep_uploaders=keep_uploaders,
                jobs=jobs,
                listener=listener,
            )
    except KeyboardInterrupt:
        raise click.ClickException(_INTERRUPTED) from None
    _print_report(report, as_json)


def _password(username: str | None, password_stdin: bool) -> str:
    if (username is not None) != password_stdin:
        raise click.UsageError("--username and --password-stdin go together; say both.")
    return secret_from_stdin("Password") if password_stdin else ""


def _selection(path: Path) -> Selection:
    try:
        return Selection.of(path.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path} cannot be read as text; check it.") from error


def _listener(shown: Progress) -> StepListener:
    def listen(step: Step) -> None:
        projects = f"{step.projects:,} of {counted(step.all_projects, 'project')}"
        text = f"{projects}, {counted(step.files, 'file')}, {format_size(step.size)}"
        shown.show(step.projects, step.all_projects, text)

    return listen


def _print_assessment(found: Assessment, as_json: bool) -> None:
    if as_json:
        print_record(asdict(found), as_json=True)
        return
    _print_files(found.refused, "Refused by the profile")
    _print_files(found.left_out, "Cannot be imported")
    _print_hosts(found.hosts)
    missing = [each.name for each in found.uploaders if not each.exists]
    unknown = f", and {found.unknown_sizes:,} of unknown size" if found.unknown_sizes else ""
    print_record(
        {
            "projects": f"{found.projects:,}, of which {found.new_projects:,} are not here yet",
            "files": f"{found.files:,} ({format_size(found.size)}{unknown})",
            "here already": f"{found.here:,}",
            "refused by the profile": f"{len(found.refused):,}, unless imported with --as-is",
            "cannot be imported": f"{len(found.left_out):,}",
            "uploaders": f"{len(found.uploaders):,}",
            "uploaders without a user here": missing,
            "judged by": "their content"
            if found.has_read_files
            else "their names and metadata only",
        },
        as_json=False,
    )


def _print_report(report: Report, as_json: bool) -> None:
    if as_json:
        print_record(asdict(report), as_json=True)
    else:
        _print_files(report.exempted, "Imported as it is")
        for note in report.notes:
            say(note, err=True)
        _print_files(report.left_out, "Left out")
    _print_hosts(report.hosts)
    done = (
        f"Imported {counted(report.imported, 'file')} ({format_size(report.size)}); "
        f"{report.here:,} {'was' if report.here == 1 else 'were'} here already"
    )
    if report.left_out:
        number = len(report.left_out)
        were = "was" if number == 1 else "were"
        raise click.ClickException(f"{done}, and {number:,} {were} left out.")
    if not as_json:
        say(f"{done}.")


def _print_files(files: Iterable[LeftOut], what: str) -> None:
    for file in files:
        name = file.filename or file.project
        told = f"{what}: {name}: {file.reason}" if name else f"{what}: {file.reason}"
        say(f"{told} ({file.detail})" if file.detail else told, err=True)


def _print_hosts(hosts: Iterable[str]) -> None:
    for host in hosts:
        say(f"Files come from {host}, too; allow that by --file-host {host}.", err=True)
