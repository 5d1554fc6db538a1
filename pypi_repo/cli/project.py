"""pypi-repo project ..., release ... and file ...: what was uploaded."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from pypi_repo.cli.destroying import confirm, sized, undo, yes_option
from pypi_repo.cli.lifecycle.promotion import promote_project, promote_release
from pypi_repo.cli.options import Group, acts_as_operator, json_option
from pypi_repo.cli.output import print_record, print_records, say
from pypi_repo.domain.records import (
    PROJECT_STATUSES,
    DistributionFile,
    Project,
    ProjectStatus,
    ProjectSummary,
)
from pypi_repo.services.acting import Acting
from pypi_repo.settings import format_size

_PAGE = 500

_reason = click.option(
    "--reason", default="", metavar="TEXT", help="The reason, which clients show."
)


@click.group(cls=Group)
def project() -> None:
    """List, show, close, promote and delete projects."""


@project.command("list")
@click.argument("repository")
@json_option
@acts_as_operator
def list_(operator: Acting, repository: str, as_json: bool) -> None:
    """List the projects of REPOSITORY, with the latest version of each."""
    print_records(
        [
            {
                "name": found.name,
                "latest": found.latest,
                "status": found.status,
                "releases": found.releases,
                "files": found.files,
                "size": found.size,
                "last_upload": found.last_upload,
            }
            for found in _summaries(operator, repository)
        ],
        as_json,
        if_none=f"There are no projects in {repository}.",
    )


@project.command()
@click.argument("repository")
@click.argument("project")
@json_option
@acts_as_operator
def show(operator: Acting, repository: str, project: str, as_json: bool) -> None:
    """Show PROJECT of REPOSITORY, its pinned releases and its files."""
    found, files = operator.projects.get(repository, project)
    shown = {**_project(found), "pinned": operator.pins.of(repository, project)}
    if as_json:
        print_record({**shown, "files": [_file(file) for file in files]}, as_json)
    else:
        print_record(shown, as_json)
        click.echo()
        print_records(
            [_file(file, short=True) for file in files], as_json, if_none="It has no files."
        )


@project.command("set-status")
@click.argument("repository")
@click.argument("project")
@click.argument("status", type=click.Choice(PROJECT_STATUSES))
@_reason
@acts_as_operator
def set_status(
    operator: Acting, repository: str, project: str, status: ProjectStatus, reason: str
) -> None:
    """Mark PROJECT as active, archived (no uploads), quarantined (nothing is offered) or
    deprecated."""
    operator.projects.set_status(repository, project, status, reason)
    say(f"{project} in {repository} is now {status}.")


@project.command("delete")
@click.argument("repository")
@click.argument("project")
@yes_option
@acts_as_operator
def delete_project(operator: Acting, repository: str, project: str, yes: bool) -> None:
    """Delete PROJECT with all its files. Their names stay taken."""
    found, files = operator.projects.get(repository, project)
    confirm(f"This deletes {found.name} with {sized(files)} from {repository}", yes)
    entry = operator.projects.delete(repository, project)
    say(f"Deleted {found.name} with {sized(files)} from {repository}.{undo(repository, entry)}")


@click.group(cls=Group)
def release() -> None:
    """Yank, pin, promote and delete releases."""


@release.command("yank")
@click.argument("repository")
@click.argument("project")
@click.argument("version")
@_reason
@acts_as_operator
def yank_release(
    operator: Acting, repository: str, project: str, version: str, reason: str
) -> None:
    """Yank all files of a release: only those who pin the version still get it."""
    operator.projects.yank_release(repository, project, version, reason)
    say(f"Yanked {project} {version} in {repository}.")


@release.command("unyank")
@click.argument("repository")
@click.argument("project")
@click.argument("version")
@acts_as_operator
def unyank_release(operator: Acting, repository: str, project: str, version: str) -> None:
    """Take back the yank of a release."""
    operator.projects.yank_release(repository, project, version, None)
    say(f"{project} {version} in {repository} is no longer yanked.")


@release.command()
@click.argument("repository")
@click.argument("project")
@click.argument("version")
@click.option("--reason", default="", metavar="TEXT", help="Where it is in use, or who needs it.")
@acts_as_operator
def pin(operator: Acting, repository: str, project: str, version: str, reason: str) -> None:
    """Pin a release that is in use: no retention rule deletes it."""
    operator.pins.pin(repository, project, version, reason)
    say(f"Pinned {project} {version} in {repository}.")


@release.command()
@click.argument("repository")
@click.argument("project")
@click.argument("version")
@acts_as_operator
def unpin(operator: Acting, repository: str, project: str, version: str) -> None:
    """Let retention rules decide about a release again."""
    operator.pins.unpin(repository, project, version)
    say(f"{project} {version} in {repository} is no longer pinned.")


@release.command("delete")
@click.argument("repository")
@click.argument("project")
@click.argument("version")
@yes_option
@acts_as_operator
def delete_release(
    operator: Acting, repository: str, project: str, version: str, yes: bool
) -> None:
    """Delete a release with all its files. Their names stay taken."""
    files = operator.projects.release(repository, project, version)
    confirm(f"This deletes {project} {version} with {sized(files)} from {repository}", yes)
    entry = operator.projects.delete_release(repository, project, version)
    say(
        f"Deleted {project} {version} with {sized(files)} from {repository}."
        f"{undo(repository, entry)}"
    )


@click.group(cls=Group)
def file() -> None:
    """Yank and delete single files."""


@file.command("yank")
@click.argument("repository")
@click.argument("filename")
@_reason
@acts_as_operator
def yank_file(operator: Acting, repository: str, filename: str, reason: str) -> None:
    """Yank one file: only those who pin its version still get it."""
    operator.projects.yank_file(repository, filename, reason)
    say(f"Yanked {filename} in {repository}.")


@file.command("unyank")
@click.argument("repository")
@click.argument("filename")
@acts_as_operator
def unyank_file(operator: Acting, repository: str, filename: str) -> None:
    """Take back the yank of a file."""
    operator.projects.yank_file(repository, filename, None)
    say(f"{filename} in {repository} is no longer yanked.")


@file.command("delete")
@click.argument("repository")
@click.argument("filename")
@yes_option
@acts_as_operator
def delete_file(operator: Acting, repository: str, filename: str, yes: bool) -> None:
    """Delete one file. Its name stays taken."""
    size = format_size(operator.projects.file(repository, filename).size)
    confirm(f"This deletes {filename} ({size}) from {repository}", yes)
    entry = operator.projects.delete_file(repository, filename)
    say(f"Deleted {filename} ({size}) from {repository}.{undo(repository, entry)}")


project.add_command(promote_project)
release.add_command(promote_release)


def _summaries(operator: Acting, repository: str) -> Iterator[ProjectSummary]:
    """All of them, read page by page."""
    after = ""
    while page := operator.projects.search(repository, after=after, limit=_PAGE):
        yield from page
        after = page[-1].normalized_name


def _project(found: Project) -> dict[str, Any]:
    return {
        "name": found.name,
        "status": found.status,
        "status_reason": found.status_reason,
        "serial": found.serial,
    }


def _file(found: DistributionFile, short: bool = False) -> dict[str, Any]:
    record = {
        "filename": found.filename,
        "version": found.version,
        "size": found.size,
        "yanked": found.yanked is not None,
        "uploaded_at": found.uploaded_at,
        "uploaded_by": found.uploaded_by,
    }
    if short:
        return record
    return record | {
        "yanked_reason": found.yanked,
        "requires_python": found.requires_python,
        "digests": asdict(found.digests),
        "exemption": found.exemption,
        "workload": found.workload and found.workload.as_texts(),
        "attested": found.attested and found.attested.as_texts(),
    }
